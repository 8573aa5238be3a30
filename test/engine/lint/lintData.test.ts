import assert from "node:assert/strict";
import test from "node:test";
import type { Dataset, Example } from "../../../src/engine/data/example.ts";
import { condense } from "../../../src/engine/lint/condense.ts";
import type { VideoFacts } from "../../../src/engine/lint/dataLint.ts";
import type { LintFinding } from "../../../src/engine/lint/finding.ts";
import type { LintInput } from "../../../src/engine/lint/lintData.ts";
import { lintData } from "../../../src/engine/lint/lintData.ts";
import type { RunSpecInput } from "../../../src/protocol/spec.ts";
import { runSpecSchema } from "../../../src/protocol/spec.ts";
import { exampleOf, trackingExample } from "../examples.ts";

function specOf(changes: Partial<RunSpecInput> = {}): LintInput["spec"] {
  return runSpecSchema.parse({
    name: "demo",
    policy: { model: "policy" },
    data: [{ id: "data", task: "temporal-grounding", format: "charades-sta", path: "a.json", videos: "v" }],
    rewards: [{ name: "format" }, { name: "tiou" }],
    ...changes,
  });
}

const choiceData: RunSpecInput["data"] = [
  { id: "c", task: "multiple-choice", format: "multiple-choice", path: "a.json", videos: "v" },
];
const gqaData: RunSpecInput["data"] = [
  { id: "q", task: "grounded-qa", format: "nextgqa", path: "a.json", videos: "v" },
];
const datasetOf = (examples: readonly Example[], problems: Dataset["problems"] = []): Dataset => ({
  id: "data",
  examples,
  problems,
  places: new Map(examples.map(({ id }, i) => [id, [i, "gt"]])),
  hash: "",
});
const frameSize = { widthPx: 448, heightPx: 252 };
/** A video of a duration, and the times of the frames that are seen of it. */
const videoOf = (durationSec: number, timestampsSec?: readonly number[], size = frameSize): VideoFacts => ({
  ok: true,
  durationSec,
  source: { widthPx: 1920, heightPx: 1080 },
  ...(timestampsSec === undefined ? {} : { seen: { timestampsSec, size, tokenPx: 28 } }),
});
const grounding = exampleOf({ task: "temporal-grounding", segment: { startSec: 5, endSec: 10 } });

function findingsOf(input: Partial<LintInput> = {}): LintFinding[] {
  return lintData({ spec: specOf(), training: [datasetOf([grounding])], evaluation: [], ...input });
}

function lint(input: Partial<LintInput> = {}): string[] {
  return findingsOf(input).map((f) => `${f.severity} ${f.code}${f.example === null ? "" : ` ${f.example}`}`);
}

const fixesOf = (findings: readonly LintFinding[]): string[] =>
  findings.flatMap(({ fixes }) => fixes.map(({ title }) => title));

test("nothing to say about good data, prompts and rewards", () => {
  assert.deepEqual(lint(), []);
  assert.deepEqual(lint({ videos: new Map([["clip.mp4", videoOf(20.2, [0, 6, 12, 20])]]) }), []);
});

test("a format reward that wants tags no prompt asks for, and the reverse", () => {
  const template = (text: string, spec = specOf()): string[] =>
    lint({ spec, templates: { "temporal-grounding": text, "grounded-qa": text } });
  assert.deepEqual(template("{{ question }} <think></think> <answer></answer>"), []);
  assert.deepEqual(template("{{ question }} <answer></answer>"), ["error tag-not-asked"]);
  assert.deepEqual(template("{{ question }}"), ["error tag-not-asked", "error tag-not-asked"]);
  assert.deepEqual(template("Find it. <think></think> <answer></answer>"), ["error question-missing"]);
  assert.deepEqual(template("{% if %}"), ["error bad-template"]);
  assert.deepEqual(
    template(
      "{{ question }}<think></think><answer></answer>",
      specOf({ data: gqaData, rewards: [{ name: "format" }, { name: "tiou" }] }),
    ),
    ["error tag-not-asked"], // <glue>
  );
  const noThink = specOf({ prompts: { "temporal-grounding": { think: false } } });
  assert.deepEqual(template("{{ question | upper }} <think></think> <answer></answer>", noThink), [
    "error tag-not-wanted",
  ]);
  const noFormat = specOf({ rewards: [{ name: "tiou" }] });
  assert.deepEqual(template("{{ question }}", noFormat), []);
});

test("rewards without data and data without rewards", () => {
  assert.deepEqual(lint({ spec: specOf({ rewards: [{ name: "tiou" }, { name: "box-iou" }] }) }), [
    "warning reward-without-data",
  ]);
  assert.deepEqual(lint({ spec: specOf({ rewards: [{ name: "tiou", tasks: ["tracking"] }] }) }), [
    "warning reward-without-data",
    "error task-without-reward",
  ]);
  assert.deepEqual(lint({ spec: specOf({ data: choiceData }) }), [
    "warning reward-without-data",
    "warning only-format-reward",
  ]);
  assert.deepEqual(lint({ spec: specOf({ method: "sft", rewards: [] }) }), []);
  assert.deepEqual(lint({ spec: specOf({ rewards: [{ name: "tiou", data: ["dato"] }] }) }), [
    "error unknown-dataset",
    "warning reward-without-data",
    "error task-without-reward",
  ]);
});

test("what can be mended in the specification says how", () => {
  const fixes = (changes: Partial<RunSpecInput>, text?: string) =>
    fixesOf(
      findingsOf({
        spec: specOf(changes),
        ...(text === undefined ? {} : { templates: { "temporal-grounding": text } }),
      }),
    );
  const prompts = { "temporal-grounding": { template: "a.jinja" } };
  assert.deepEqual(fixes({ prompts }, "{{ question }} <answer></answer>"), [
    'Set "think": false',
    "Use the built-in prompt",
    'Remove the reward "format"',
  ]);
  assert.deepEqual(fixes({ prompts: { "temporal-grounding": { think: false } } }, "{{ question }}<think><answer>"), [
    'Set "think": true',
  ]);
  assert.deepEqual(fixes({ rewards: [{ name: "tiou", data: ["dat"] }] }), [
    'Change it to "data"',
    "Apply it to every task that it knows",
    'Remove the reward "tiou"',
    'Add the reward "tiou"',
  ]);
  assert.deepEqual(fixes({ rewards: [{ name: "format" }] }), ['Add the reward "tiou"']);
  assert.deepEqual(fixes({ rewards: [{ name: "format" }, { name: "tiou", tasks: ["grounded-qa"] }] }), [
    "Apply it to every task that it knows",
    'Remove the reward "tiou"',
    'Apply the reward "tiou" to temporal-grounding',
  ]);
});

test("what reading reported is passed on", () => {
  const problem = { isKept: true, datasetId: "data", message: "m", path: [3, "gt"] };
  const dataset = datasetOf(
    [grounding],
    [
      { ...problem, code: "truth-beyond-video", example: "clip_0" },
      { ...problem, code: "zero-length", example: "clip_1", isKept: false },
      { ...problem, code: "missing-video", example: "clip_0" },
    ],
  );
  const facts: VideoFacts = { ok: false, message: "broken" };
  assert.deepEqual(lint({ training: [dataset], videos: new Map([["clip.mp4", facts]]) }), [
    "warning truth-beyond-video clip_0",
    "error zero-length clip_1",
    "error missing-video clip_0",
  ]);
  assert.deepEqual(lint({ training: [datasetOf([])] }), ["error empty-dataset"]);
});

const probe = (facts: VideoFacts, example: Example = grounding, spec = specOf()): LintFinding[] =>
  findingsOf({ spec, training: [datasetOf([example])], videos: new Map([["clip.mp4", facts]]) }).filter(
    ({ example: id }) => id !== null,
  );
const codesOf = (findings: readonly LintFinding[]): string[] =>
  findings.map(({ severity, code }) => `${severity} ${code}`);

test("facts about the videos", () => {
  assert.deepEqual(codesOf(probe({ ok: false, message: "broken" })), ["error unreadable-video"]);
  assert.deepEqual(codesOf(probe(videoOf(9))), ["warning duration-differs", "warning truth-beyond-video"]);
  const unseen = probe(videoOf(20, [0, 4.9, 10.1, 20]));
  assert.deepEqual(codesOf(unseen), ["warning segment-between-frames"]);
  assert.deepEqual(unseen[0]?.place, { kind: "row", path: [0, "gt"] });
  assert.deepEqual(codesOf(probe(videoOf(5), { ...trackingExample, durationSec: null })), [
    "warning box-time-beyond-video",
  ]);
  const strict = specOf({ video: { onBadVideo: "fail" } });
  assert.deepEqual(fixesOf(probe({ ok: false, message: "broken" }, grounding, strict)), [
    "Skip videos that cannot be read",
  ]);
});

test("a segment between frames is seen with the frames that its fix asks for", () => {
  const short = exampleOf({ task: "temporal-grounding", segment: { startSec: 6.75, endSec: 7.05 } });
  const frames = (n: number) => Array.from({ length: n }, (_, i) => (i * 20) / (n - 1));
  const [found = assert.fail("not found")] = probe(videoOf(20, frames(40)), short);
  assert.deepEqual(
    found.fixes.map(({ title }) => title),
    ["Set video.fps to 3.5"],
  );
  const few = specOf({ video: { fps: 1, maxFrames: 16 } });
  const [fix = assert.fail("no fix")] = probe(videoOf(20, frames(16)), short, few)[0]?.fixes ?? [];
  assert.equal(fix.title, "Set video.fps to 3.5 and video.maxFrames to 68");
  assert.deepEqual(probe(videoOf(20, frames(68)), short, few), []);
  // 768 frames are Qwen's limit: one hour cannot be sampled every 0.3 s.
  assert.deepEqual(fixesOf(probe(videoOf(3600, [0, 3600]), { ...short, durationSec: null })), []);
});

test("boxes that the policy cannot tell apart, or hardly see", () => {
  const seven = Array.from({ length: 7 }, (_, i) => i * 0.2);
  const shared = probe(videoOf(20, seven), trackingExample);
  assert.deepEqual(codesOf(shared), ["warning boxes-share-frame"]);
  assert.match(
    shared[0]?.message ?? "",
    /at 2 s and 3 s have the same nearest frame, at 1\.2 s: .* 7 frames .* 8 boxes/,
  );
  const eight = Array.from({ length: 8 }, (_, i) => i);
  assert.deepEqual(probe(videoOf(20, eight), trackingExample), []);
  // A box of 0.2 x 0.2 in 112 x 84 is 22.4 px wide.
  const small = specOf({ video: { maxPixels: 112 * 84 } });
  const tiny = probe(videoOf(20, eight, { widthPx: 112, heightPx: 84 }), trackingExample, small);
  assert.deepEqual(codesOf(tiny), ["warning box-below-patch"]);
  const value = tiny[0]?.fixes[0]?.edits[0];
  assert.ok(value?.kind === "set" && typeof value.value === "number" && value.value > 112 * 84 * (28 / 22.4) ** 2);
  // 8 frames share the pixels of 4 such ones; 18.75 tokens each are needed where 12 are, with a tenth more 21.
  const shared8 = specOf({ video: { totalPixels: 4 * 112 * 84 } });
  const [fix] = probe(videoOf(20, eight, { widthPx: 112, heightPx: 84 }), trackingExample, shared8)[0]?.fixes ?? [];
  assert.deepEqual(fix?.edits, [{ kind: "set", path: ["video", "totalPixels"], value: 21 * 784 * 4 }]);
  const source: VideoFacts = {
    ...videoOf(20, eight, { widthPx: 112, heightPx: 84 }),
    source: { widthPx: 112, heightPx: 84 },
  } as VideoFacts;
  const unmendable = probe(source, trackingExample, small);
  assert.deepEqual(codesOf(unmendable), ["info box-below-patch"]);
  assert.deepEqual(fixesOf(unmendable), [], "the video itself is too small");
});

test("many rows become one count and some of them", () => {
  const problem = { isKept: true, datasetId: "data", message: "m", code: "truth-beyond-video" } as const;
  const problems = Array.from({ length: 30 }, (_, i) => ({ ...problem, example: `clip_${i}`, path: [i] }));
  const findings = condense(findingsOf({ training: [datasetOf([grounding], problems)] }));
  assert.equal(findings.length, 21);
  assert.deepEqual(findings[0]?.place, { kind: "spec", path: ["data", { named: "data" }] });
  assert.equal(findings[0].message, "A true segment goes beyond the video: 30 times in data. The first (clip_0): m");
  const shorter = [0.3, 0.1].map((length, i) =>
    exampleOf({ task: "temporal-grounding", segment: { startSec: 7.1, endSec: 7.1 + length } }, { id: `c${i}` }),
  );
  const videos = new Map([["clip.mp4", videoOf(20, [0, 10, 20])]]);
  const [count] = condense(findingsOf({ training: [datasetOf(shorter)], videos }));
  assert.deepEqual(fixesOf(count === undefined ? [] : [count]), ["Set video.fps to 10.5"], "the larger of both");
});

test("assumed box times say nothing about the video", () => {
  const example = { ...trackingExample, durationSec: null };
  const problem = {
    code: "unknown-box-times",
    isKept: true,
    datasetId: "data",
    example: "clip_0",
    message: "m",
    path: [0],
  } as const;
  const videos = new Map([["clip.mp4", videoOf(5)]]);
  assert.deepEqual(lint({ training: [datasetOf([example], [problem])], videos }), ["warning unknown-box-times clip_0"]);
});

test("videos in training and evaluation data", () => {
  assert.deepEqual(lint({ evaluation: [datasetOf([grounding])] }), ["warning same-video"]);
  assert.deepEqual(lint({ evaluation: [datasetOf([{ ...grounding, videoPath: "other.mp4" }])] }), []);
});

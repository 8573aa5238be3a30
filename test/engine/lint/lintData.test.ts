import assert from "node:assert/strict";
import test from "node:test";
import type { Dataset, Example } from "../../../src/engine/data/example.ts";
import type { VideoFacts } from "../../../src/engine/lint/dataLint.ts";
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
  hash: "",
});
const grounding = exampleOf({ task: "temporal-grounding", segment: { startSec: 5, endSec: 10 } });

function lint(input: Partial<LintInput> = {}): string[] {
  return lintData({ spec: specOf(), training: [datasetOf([grounding])], evaluation: [], ...input }).map(
    (f) => `${f.severity} ${f.code}${f.example === null ? "" : ` ${f.example}`}`,
  );
}

test("nothing to say about good data, prompts and rewards", () => {
  assert.deepEqual(lint(), []);
  const facts: VideoFacts = { ok: true, durationSec: 20.2, seenTimestampsSec: [0, 6, 12, 20] };
  assert.deepEqual(lint({ videos: new Map([["clip.mp4", facts]]) }), []);
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
});

test("what reading reported is passed on", () => {
  const problem = { isKept: true, datasetId: "data", message: "m" };
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

test("facts about the videos", () => {
  const probe = (facts: VideoFacts, example: Example = grounding): string[] =>
    lint({ training: [datasetOf([example])], videos: new Map([["clip.mp4", facts]]) });
  assert.deepEqual(probe({ ok: false, message: "broken" }), ["error unreadable-video clip_0"]);
  assert.deepEqual(probe({ ok: true, durationSec: 9 }), [
    "warning duration-differs clip_0",
    "warning truth-beyond-video clip_0",
  ]);
  assert.deepEqual(probe({ ok: true, durationSec: 20, seenTimestampsSec: [0, 4.9, 10.1, 20] }), [
    "warning segment-between-frames clip_0",
  ]);
  assert.deepEqual(probe({ ok: true, durationSec: 5 }, { ...trackingExample, durationSec: null }), [
    "warning box-time-beyond-video clip_0",
  ]);
});

test("assumed box times say nothing about the video", () => {
  const example = { ...trackingExample, durationSec: null };
  const problem = {
    code: "unknown-box-times",
    isKept: true,
    datasetId: "data",
    example: "clip_0",
    message: "m",
  } as const;
  const videos = new Map<string, VideoFacts>([["clip.mp4", { ok: true, durationSec: 5 }]]);
  assert.deepEqual(lint({ training: [datasetOf([example], [problem])], videos }), ["warning unknown-box-times clip_0"]);
});

test("videos in training and evaluation data", () => {
  assert.deepEqual(lint({ evaluation: [datasetOf([grounding])] }), ["warning same-video"]);
  assert.deepEqual(lint({ evaluation: [datasetOf([{ ...grounding, videoPath: "other.mp4" }])] }), []);
});

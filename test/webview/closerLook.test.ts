import assert from "node:assert/strict";
import { test } from "node:test";
import type { ViewerEvidence } from "../../src/protocol/view.ts";
import { consensusOf } from "../../webview/rollouts/consensus.ts";
import { evidenceBoxes, evidenceOf } from "../../webview/rollouts/evidence.ts";
import { buildGroup } from "../../webview/rollouts/groupModel.ts";
import { contradictions, speaksOf } from "../../webview/rollouts/mentions.ts";
import { splitCompletion } from "../../webview/rollouts/completionText.ts";
import { seenOf } from "../../webview/rollouts/seen.ts";
import { currentFrame, currentTimeSec, initialState } from "../../webview/rollouts/state.ts";
import type { ViewerState } from "../../webview/rollouts/state.ts";
import { shadeTokens, shadingProblem, tokenChoices, tokenFacts } from "../../webview/rollouts/tokens/tokenModel.ts";
import { update } from "../../webview/rollouts/update.ts";
import { sampleGroups, sampleRun, trackTruth } from "./sample.ts";
import { sampleTokens } from "./sampleTokens.ts";

const [grounding, tracking] = sampleGroups(42);
const opened = [
  { kind: "run", run: sampleRun() } as const,
  { kind: "step", step: 42, groups: sampleGroups(42) } as const,
].reduce<ViewerState>(update, initialState(null));

/** What contradicts the answer in a reasoning, as it is written. */
function contradicted(think: string, answer: { startSec: number; endSec: number } | string): readonly string[] {
  const sections = splitCompletion(`<think>${think}</think><answer>…</answer>`);
  const isOption = typeof answer === "string";
  const found = contradictions(
    { sections, segments: isOption ? [] : [answer], firstBox: null, option: isOption ? answer : null },
    { durationSec: 60, numbersAreTimes: true, question: "the man opens the door" },
  );
  return found.map(({ section, start, end }) => sections[section]?.text.slice(start, end) ?? "");
}

test("a start, an end or an interval far from the answer is a contradiction", () => {
  const answer = { startSec: 40, endSec: 45 };
  assert.deepEqual(contradicted("It starts at 12 s.", answer), ["12 s"]);
  assert.deepEqual(contradicted("The event ends at 20 s.", answer), ["20 s"]);
  assert.deepEqual(contradicted("So the event is from 10 to 14 seconds.", answer), ["10 to 14 seconds"]);
  assert.deepEqual(contradicted("The answer is B.", "C"), ["B"]);
  assert.deepEqual(contradicted("The answer is C.", "C"), []);
});

test("what is near, denied, taken back or about something else is left alone", () => {
  const answer = { startSec: 40, endSec: 45 };
  for (const think of [
    "It starts at 41 s.",
    "It does not start at 12 s.",
    "It starts at 12 s. Wait, it starts at 40 s.",
    "The camera pans from 1 to 5 s.",
    "Frames at 1 s, 2 s and 12 s are dark.",
    "It starts at 12 s, no, looking again it is from 40 to 45 s.",
  ]) {
    assert.deepEqual(contradicted(think, answer), [], think);
  }
});

test("contradictions are told to the screen reader too", () => {
  const [, second] = grounding.completions;
  assert.ok(second !== undefined);
  const answer = { startSec: 6, endSec: 7.5 };
  const said = "<think>It starts at 1.5 s.</think><answer>6.0 to 7.5</answer>";
  const record = { ...second, text: said, parsed: { ...second.parsed, segment: answer } };
  const { completions } = buildGroup({ ...grounding, completions: [record] });
  assert.match(completions[0]?.spoken ?? "", /Says that it starts at 1\.50 s, but the answer is 6\.0 to 7\.5 s$/);
});

test("a mention speaks of a segment whose times it gives, rounding apart", () => {
  const segments = [{ startSec: 3.12, endSec: 5 }];
  const time = (timeSec: number) => ({ kind: "time", text: "", timeSec, isInside: true }) as const;
  assert.equal(speaksOf(time(3.1), segments, null), true);
  assert.equal(speaksOf(time(4), segments, null), false);
  const interval = { kind: "interval", text: "", segment: { startSec: 3.1, endSec: 5 }, isInside: true } as const;
  assert.equal(speaksOf(interval, segments, null), true);
});

test("the consensus band counts the completions that cover each time", () => {
  const pieces = consensusOf(buildGroup(grounding));
  const at = (timeSec: number): string =>
    pieces.find(({ segment }) => segment.startSec < timeSec && timeSec < segment.endSec)?.text ?? "nobody";
  assert.match(at(3.5), /^4 of 8 cover/);
  assert.match(at(7), /^1 of 8 cover/);
  assert.equal(at(0.5), "nobody");
  const boxes = consensusOf(buildGroup(tracking));
  assert.equal(boxes.length, trackTruth.length);
  assert.ok(boxes.every(({ share }) => share > 0 && share <= 1));
});

test("what the policy saw is told with its warnings", () => {
  const seen = seenOf(buildGroup(grounding));
  assert.deepEqual(
    seen?.facts.slice(1).map(({ name, value }) => `${name}: ${value}`),
    [
      "Frames: 16 of 200 in the file",
      "Rate: 2 fps sampled, 25 fps in the file",
      "Size: 112 × 112 px, of 256 × 256 px",
      "Visual tokens: 128, 8 a frame",
      "Duration: 8.000 s",
    ],
  );
  assert.deepEqual(seen.warnings, []);
  assert.deepEqual(
    seen.frames.filter(({ isInTruth }) => isInTruth).map(({ timestampSec }) => timestampSec),
    [3.517, 4.017, 4.517, 5.017],
  );
  const truth = { task: "temporal-grounding", segment: { startSec: 3.1, endSec: 3.4 } } as const;
  assert.match(
    seenOf(buildGroup({ ...grounding, truth }))?.warnings[0] ?? "",
    /between two sampled frames \(3\.02 s and 3\.52 s\)/,
  );
  assert.match(seenOf(buildGroup(tracking))?.warnings[0] ?? "", /smaller than a merged patch \(28 px\)/);
  assert.equal(seenOf(buildGroup({ ...grounding, video: null })), null);
});

test("an overlap is drawn as truth, answer and what they share", () => {
  const value: ViewerEvidence = {
    id: "42/0/1",
    label: "iou",
    isTruth: false,
    value: { kind: "overlap", value: 0.243 },
  };
  const view = evidenceOf(value, buildGroup(grounding));
  assert.equal(view?.text, "iou = 0.243");
  assert.deepEqual(view.segments, [
    { role: "truth", segment: { startSec: 3.1, endSec: 5.2 } },
    { role: "answer", segment: { startSec: 1.5, endSec: 4 } },
    { role: "shared", segment: { startSec: 3.1, endSec: 4 } },
  ]);
  assert.equal(evidenceOf({ ...value, id: "41/0/1" }, buildGroup(grounding)), null, "of a rollout that is not shown");
  const boxes = evidenceBoxes({ ...value, id: "42/1/3" }, buildGroup(tracking), 0);
  assert.deepEqual(
    boxes.map(({ role }) => role),
    ["truth", "answer", "shared"],
  );
});

test("boxes of a whole track are drawn at their positions, others all at once", () => {
  const evidence = (boxes: readonly (typeof trackTruth)[number]["box"][]): ViewerEvidence => ({
    id: "42/1/0",
    label: "b",
    isTruth: true,
    value: { kind: "boxes", boxes },
  });
  const group = buildGroup(tracking);
  const track = trackTruth.map(({ box }) => box);
  assert.deepEqual(evidenceBoxes(evidence(track), group, 2.4), [{ role: "truth", box: trackTruth[2]?.box }]);
  assert.equal(evidenceBoxes(evidence(track.slice(0, 3)), group, 2.4).length, 3);
});

test("tokens are shaded by how unlikely, unsure or far from the reference they were", () => {
  const tokens = sampleTokens("one two three four five six");
  const depths = (shading: "probability" | "entropy" | "kl") => shadeTokens(tokens, shading).map(({ depth }) => depth);
  const probability = depths("probability");
  assert.ok(probability.every((depth) => depth >= 0 && depth <= 1));
  assert.ok((probability[4] ?? 0) > (probability[0] ?? 1));
  assert.equal(Math.max(...depths("entropy")), 1);
  assert.ok(depths("kl").some((depth) => depth < 0) && depths("kl").some((depth) => depth > 0));
  assert.equal(shadingProblem(tokens, "kl"), null);
  assert.match(shadingProblem(sampleTokens("one two", false), "kl") ?? "", /no reference policy/);
  assert.equal(shadingProblem(sampleTokens("one two", false), "entropy"), null);
});

test("the sampled token stands among the likeliest ones, or after them", () => {
  const [token] = sampleTokens("one");
  assert.ok(token !== undefined);
  assert.deepEqual(
    tokenChoices(token).map(({ text, isSampled }) => [text, isSampled]),
    [
      ["one", true],
      [" or", false],
      ["⏎\n", false],
    ],
  );
  const rare = { ...token, text: "rare", logprob: -12 };
  assert.deepEqual(tokenChoices(rare).at(-1), { text: "rare", probability: Math.exp(-12), isSampled: true });
  assert.deepEqual(tokenChoices({ ...token, alternatives: [] }), []);
  assert.deepEqual(tokenFacts(rare)[0], "probability < 0.01 %");
});

test("edges and seconds are jumped to; a jump is a frame at least", () => {
  const act = (state: ViewerState, action: Parameters<typeof update>[1] & { kind: "action" }): ViewerState =>
    update(state, action);
  const times = (action: "nextEdge" | "previousEdge", from: number): readonly number[] => {
    let state = update(opened, { kind: "seek", timeSec: from });
    return Array.from({ length: 5 }, () => {
      state = act(state, { kind: "action", action });
      return Number(currentTimeSec(state).toFixed(2));
    });
  };
  assert.deepEqual(times("nextEdge", 0), [3, 3.1, 5, 5.2, 5.2]);
  assert.deepEqual(times("previousEdge", 8), [5.2, 5, 3.1, 3, 3]);
  const forward = act(opened, { kind: "action", action: "forward" });
  assert.equal(Number(currentTimeSec(forward).toFixed(3)), 1.017);
  const sparse = { ...grounding, video: { ...(grounding.video ?? assert.fail()), timestampsSec: [0, 4, 7.9] } };
  const few = update(opened, { kind: "step", step: 42, groups: [sparse] });
  assert.equal(currentTimeSec(act(few, { kind: "action", action: "forward" })), 4);
});

test("a loop plays the segment over and over until it is ended", () => {
  let state = update(opened, { kind: "action", action: "loopSegment" });
  assert.deepEqual(state.loop, { startSec: 3, endSec: 5 });
  assert.equal(state.isPlaying, true);
  const seen = Array.from({ length: 9 }, () => {
    const frame = currentFrame(state);
    state = update(state, { kind: "tick" });
    return frame;
  });
  assert.deepEqual(seen, [6, 7, 8, 9, 6, 7, 8, 9, 6]);
  state = update(state, { kind: "action", action: "loopSegment" });
  assert.equal(state.loop, null);
  assert.equal(update(opened, { kind: "selectGroup", group: 1 }).loop, null);
});

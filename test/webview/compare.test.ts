import assert from "node:assert/strict";
import { test } from "node:test";
import type { ViewerToHost } from "../../src/protocol/view.ts";
import { compareGroups } from "../../webview/rollouts/compare/compareModel.ts";
import { messagesFor } from "../../webview/rollouts/effects.ts";
import { buildGroup } from "../../webview/rollouts/groupModel.ts";
import { initialState } from "../../webview/rollouts/state.ts";
import type { ViewerState } from "../../webview/rollouts/state.ts";
import { update } from "../../webview/rollouts/update.ts";
import type { ViewerEvent } from "../../webview/rollouts/update.ts";
import { otherRecord } from "../../webview/rollouts/compare/compareState.ts";
import { comparedWith } from "../../webview/rollouts/compare/compareUpdates.ts";
import { sampleGroups, sampleRun } from "./sample.ts";

const [grounding, tracking] = sampleGroups(42);

function play(events: readonly ViewerEvent[], from: ViewerState): { state: ViewerState; posted: ViewerToHost[] } {
  const posted: ViewerToHost[] = [];
  let state = from;
  for (const event of events) {
    const next = update(state, event);
    posted.push(...messagesFor(state, next));
    state = next;
  }
  return { state, posted };
}

const opened = play(
  [
    { kind: "run", run: sampleRun() },
    { kind: "step", step: 42, groups: sampleGroups(42) },
  ],
  initialState(null),
).state;
const { runDir } = sampleRun();
const key = { runDir, dataset: "grounding", example: "clip_142_0" };
const places = [3, 21, 42].map((step) => ({ step, group: 0, rewardMean: step / 42 }));
const compare: ViewerEvent = { kind: "action", action: "compare" };
const told: ViewerEvent = { kind: "places", ...key, places };
const other = (step: number): ViewerEvent => ({ kind: "other", runDir, step, group: 0, line: sampleGroups(step)[0] });
const shownStep = ({ compare: side, ...state }: ViewerState): number | null =>
  side === null ? null : (otherRecord(side, comparedWith({ compare: side, ...state }))?.step ?? null);

test("a group compared with itself is the same at every rank", () => {
  const { rows, measures } = compareGroups(buildGroup(grounding), buildGroup(grounding));
  assert.deepEqual(
    rows.map(({ rank, answer, rewardDelta }) => [rank, answer?.isSame, rewardDelta]),
    rows.map((_, index) => [index + 1, true, 0]),
  );
  for (const { delta } of measures) assert.equal(delta, 0);
  const rewards = rows.map(({ right }) => right?.record.reward ?? 0);
  assert.deepEqual(
    rewards,
    [...rewards].sort((a, b) => b - a),
    "the best stand beside the best",
  );
});

test("answers differ in seconds, overlap or words", () => {
  const moved = grounding.completions.map((completion) => {
    const segment = completion.parsed.segment;
    if (segment === undefined) return completion;
    return { ...completion, parsed: { ...completion.parsed, segment: { ...segment, endSec: segment.endSec + 1.5 } } };
  });
  const best = compareGroups(buildGroup(grounding), buildGroup({ ...grounding, completions: moved })).rows[0];
  assert.equal(best?.answer?.difference, "end +1.5 s");
  const [first, , third] = tracking.completions;
  assert.ok(first !== undefined && third !== undefined);
  const one = (completion: typeof first) => buildGroup({ ...tracking, completions: [completion] });
  assert.match(
    compareGroups(one(first), one(third)).rows[0]?.answer?.difference ?? "",
    /^IoU with each other 0\.\d\d$/,
  );
});

test("sides of another size leave places empty; means are over what has a value", () => {
  const few = { ...grounding, completions: grounding.completions.slice(0, 3) };
  const { rows, measures } = compareGroups(buildGroup(few), buildGroup(grounding));
  assert.equal(rows.length, 8);
  assert.deepEqual([rows[7]?.left, rows[7]?.rewardDelta, rows[7]?.answer], [null, null, null]);
  assert.deepEqual(
    measures.map(({ name }) => name),
    ["Reward", "tIoU", "format", "Tokens"],
  );
  const dropped = { ...few, completions: few.completions.map((c) => ({ ...c, reward: null })) };
  const reward = compareGroups(buildGroup(dropped), buildGroup(grounding)).measures[0];
  assert.deepEqual([reward?.left, reward?.delta], [null, null]);
});

test("comparing asks for runs and places, then for the group at the first other step, once each", () => {
  const { state, posted } = play([compare, told, told, other(3), other(3)], opened);
  assert.deepEqual(posted, [
    { kind: "needRuns" },
    { kind: "needPlaces", ...key },
    { kind: "needOther", runDir, step: 3, group: 0 },
  ]);
  assert.equal(shownStep(state), 3);
  assert.equal(play([compare], state).state.compare, null);
});

test("the other side moves from place to place and never to the one that is shown itself", () => {
  const first = play([compare, told, other(3)], opened).state;
  const later = play([{ kind: "action", action: "nextCompared" }], first);
  assert.deepEqual(later.posted, [{ kind: "needOther", runDir, step: 21, group: 0 }]);
  assert.equal(shownStep(later.state), null, "not before it has come");
  assert.equal(shownStep(update(later.state, other(21))), 21);
  const end = play([{ kind: "action", action: "nextCompared" }], later.state);
  assert.deepEqual(end.posted, []);
  assert.equal(shownStep(play([other(3)], later.state).state), null, "an answer to what is no longer wanted");
});

test("another run is compared at the same step, where the prompt was drawn there", () => {
  const otherDir = "/home/ada/shapes/runs/other";
  const first = play([compare, told, other(3)], opened).state;
  const { state, posted } = play(
    [
      { kind: "compareRun", runDir: otherDir },
      {
        kind: "places",
        ...key,
        runDir: otherDir,
        places: [10, 40, 90].map((step) => ({ step, group: 1, rewardMean: 1 })),
      },
    ],
    first,
  );
  assert.deepEqual(posted, [
    { kind: "needPlaces", ...key, runDir: otherDir },
    { kind: "needOther", runDir: otherDir, step: 40, group: 1 },
  ]);
  assert.equal(update(state, other(3)), state, "of the run that was compared with before");
});

test("another prompt is looked up anew, and a group that cannot be had says why", () => {
  const first = play([compare, told, other(3)], opened).state;
  const { state, posted } = play([{ kind: "selectGroup", group: 1 }], first);
  assert.deepEqual(posted.at(-1), { kind: "needPlaces", runDir, dataset: "tracking", example: "clip_142_1" });
  assert.equal(shownStep(state), null);
  const refused = update(play([compare, told], opened).state, {
    kind: "other",
    runDir,
    step: 3,
    group: 0,
    line: null,
    reason: "These rollouts are not on disk.",
  });
  assert.equal(refused.compare?.problem, "These rollouts are not on disk.");
});

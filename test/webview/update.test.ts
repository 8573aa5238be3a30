import assert from "node:assert/strict";
import { test } from "node:test";
import { viewerActions } from "../../src/protocol/view.ts";
import type { ViewerToHost } from "../../src/protocol/view.ts";
import { messagesFor } from "../../webview/rollouts/effects.ts";
import { frameDelayMs } from "../../webview/rollouts/playback.ts";
import {
  currentFrame,
  currentTimeSec,
  initialState,
  readSavedState,
  savedStateOf,
  shownCompletion,
  shownGroup,
  shownLine,
} from "../../webview/rollouts/state.ts";
import type { ViewerState } from "../../webview/rollouts/state.ts";
import { update } from "../../webview/rollouts/update.ts";
import type { ViewerEvent } from "../../webview/rollouts/update.ts";
import { frameCount, sampleGroups, sampleRun, timestampsSec } from "./sample.ts";

/** A page without a document: applies events and keeps what it would have posted. */
function play(
  events: readonly ViewerEvent[],
  from = initialState(null),
): { state: ViewerState; posted: ViewerToHost[] } {
  const posted: ViewerToHost[] = [];
  let state = from;
  for (const event of events) {
    const next = update(state, event);
    posted.push(...messagesFor(state, next));
    state = next;
  }
  return { state, posted };
}

const opened: readonly ViewerEvent[] = [
  { kind: "run", run: sampleRun() },
  { kind: "step", step: 42, groups: sampleGroups(42) },
];
const loaded = play(opened).state;

test("opening follows the newest step and asks for what is missing, once", () => {
  const { state, posted } = play([...opened, ...opened]);
  assert.deepEqual(posted, [
    { kind: "selected", selection: { step: 42, group: 0, completion: 0, following: true } },
    { kind: "needStep", step: 42 },
    { kind: "needFrames", step: 42, group: 0 },
  ]);
  assert.equal(currentTimeSec(state), timestampsSec[0]);
});

test("a finished run is opened at its last step without following", () => {
  const run = sampleRun({ alive: false });
  assert.equal(play([{ kind: "run", run }]).state.selection?.following, false);
});

test("the same snapshot again changes nothing, so nothing is drawn again", () => {
  const again = update(update(loaded, { kind: "run", run: structuredClone(sampleRun()) }), {
    kind: "step",
    step: 42,
    groups: structuredClone(sampleGroups(42)),
  });
  assert.equal(again, loaded);
});

test("groups that arrive later leave the shown group as it is", () => {
  const few = play([opened[0] ?? fail(), { kind: "step", step: 42, groups: sampleGroups(42).slice(0, 1) }]).state;
  const all = update(few, { kind: "step", step: 42, groups: structuredClone(sampleGroups(42)) });
  assert.equal(all.loaded?.groups.length, 5);
  assert.equal(shownGroup(all), shownGroup(few));
});

test("following keeps the prompt's place and shows an earlier one until it arrives", () => {
  const third: ViewerEvent = { kind: "selectGroup", group: 2 };
  const next = play(
    [
      third,
      { kind: "follow", following: true },
      { kind: "run", run: sampleRun({}, 43) },
      { kind: "step", step: 43, groups: sampleGroups(43).slice(0, 2) },
    ],
    loaded,
  );
  assert.equal(shownLine(next.state)?.group, 1);
  const whole = update(next.state, { kind: "step", step: 43, groups: sampleGroups(43) });
  assert.equal(shownLine(whole)?.group, 2);
  assert.equal(shownLine(whole)?.step, 43);
});

test("whoever looks closer stays: a choice ends following, a new step only offers itself", () => {
  const looked = play([{ kind: "selectCompletion", completion: 2, timeSec: 3.1 }], loaded).state;
  assert.deepEqual(looked.selection, { step: 42, group: 0, completion: 2, following: false });
  const later = play([{ kind: "run", run: sampleRun({}, 43) }], looked);
  assert.deepEqual(later.posted, []);
  assert.equal(later.state.selection?.step, 42);
  const back = play([{ kind: "action", action: "followLatest" }], later.state);
  assert.deepEqual(back.posted, [
    { kind: "selected", selection: { step: 43, group: 0, completion: 2, following: true } },
    { kind: "needStep", step: 43 },
  ]);
});

test("a choice made while the next step is on its way belongs to the step that is shown", () => {
  const onItsWay = play([{ kind: "run", run: sampleRun({}, 43) }], loaded).state;
  assert.equal(onItsWay.selection?.step, 43);
  const chosen = update(onItsWay, { kind: "selectCompletion", completion: 1 });
  assert.deepEqual(chosen.selection, { step: 42, group: 0, completion: 1, following: false });
});

test("a step that a resume took away gives way to the nearest", () => {
  const early = update(loaded, { kind: "selectStep", step: 30 });
  const resumed = update(early, { kind: "run", run: sampleRun({}, 20) });
  assert.equal(resumed.selection?.step, 20);
});

test("steps, prompts and rollouts move within their bounds", () => {
  const act = (state: ViewerState, ...names: (typeof viewerActions)[number][]): ViewerState =>
    names.reduce((current, action) => update(current, { kind: "action", action }), state);
  assert.equal(act(loaded, "nextStep").selection?.step, 42);
  assert.equal(act(loaded, "previousStep", "previousStep").selection?.step, 40);
  assert.equal(act(loaded, "previousRollout").selection?.completion, 0);
  assert.equal(shownCompletion(act(loaded, "nextRollout", "nextRollout"))?.k, 2);
  const fifth = act(loaded, "nextGroup", "nextGroup", "nextGroup", "nextGroup", "nextGroup");
  assert.equal(fifth.selection?.group, 4);
  assert.equal(shownGroup(fifth), null); // the prompt that failed
  assert.equal(act(fifth, "previousGroup").selection?.group, 3);
  assert.equal(update(loaded, { kind: "selectStep", step: 9999 }).selection?.step, 42);
});

test("every action is harmless before anything has arrived and on a failed prompt", () => {
  for (const action of viewerActions) {
    const empty = update(initialState(null), { kind: "action", action });
    assert.equal(empty.selection, null);
    const failed = update(loaded, { kind: "selectGroup", group: 4 });
    assert.equal(update(failed, { kind: "action", action }).isPlaying, false);
  }
});

test("frames are stepped by their own timestamps", () => {
  const act = (state: ViewerState, action: (typeof viewerActions)[number]): ViewerState =>
    update(state, { kind: "action", action });
  assert.equal(currentTimeSec(act(loaded, "nextFrame")), 0.517);
  assert.equal(currentFrame(act(loaded, "lastFrame")), frameCount - 1);
  assert.equal(currentFrame(act(act(loaded, "lastFrame"), "firstFrame")), 0);
  assert.equal(currentTimeSec(act(loaded, "seekToTruthStart")), 3.1);
  assert.equal(currentTimeSec(act(loaded, "seekToPredictionStart")), 3);
  assert.equal(currentTimeSec(update(loaded, { kind: "seek", timeSec: 99 })), 8);
});

test("playing goes from frame to frame and stops at the last", () => {
  let state = update(loaded, { kind: "play", isPlaying: true });
  let ticks = 0;
  while (state.isPlaying) {
    assert.equal(Math.round(frameDelayMs(state) ?? 0), 500);
    state = update(state, { kind: "tick" });
    ticks += 1;
  }
  assert.equal(ticks, frameCount - 1);
  const again = update(state, { kind: "action", action: "playPause" });
  assert.equal(currentFrame(again), 0);
  assert.equal(Math.round(frameDelayMs({ ...again, speed: 4 }) ?? 0), 125);
});

test("a prompt whose video nobody knows asks for no frames and has no playhead", () => {
  const groups = sampleGroups(42).map((line) => ("video" in line ? { ...line, video: null } : line));
  const { state, posted } = play([
    { kind: "run", run: sampleRun() },
    { kind: "step", step: 42, groups },
  ]);
  assert.ok(!posted.some(({ kind }) => kind === "needFrames"));
  assert.deepEqual([currentFrame(state), shownGroup(state)?.timestampsSec], [-1, []]);
  const { state: moved } = play([{ kind: "action", action: "nextFrame" }], state);
  assert.equal(currentTimeSec(moved), 0);
});

test("the playhead stays on the same video and starts anew on another", () => {
  const sought = update(loaded, { kind: "seek", timeSec: 5 });
  assert.equal(currentTimeSec(update(sought, { kind: "action", action: "nextGroup" })), 5);
  const others = sampleGroups(42).map((line) =>
    "video" in line && line.video !== null
      ? { ...line, video: { ...line.video, frameSet: `set ${line.group}` } }
      : line,
  );
  const distinct = play([
    { kind: "run", run: sampleRun() },
    { kind: "step", step: 42, groups: others },
  ]).state;
  const moved = play(
    [
      { kind: "seek", timeSec: 5 },
      { kind: "action", action: "nextGroup" },
    ],
    distinct,
  ).state;
  assert.equal(currentTimeSec(moved), timestampsSec[0]);
});

test("reasoning folds one by one, and all together by the command", () => {
  const one = update(loaded, { kind: "foldReasoning", completion: 3, isOpen: false });
  assert.deepEqual([...one.flippedReasoning], [3]);
  assert.equal(update(one, { kind: "foldReasoning", completion: 3, isOpen: false }), one);
  const allOpen = update(one, { kind: "action", action: "toggleReasoning" });
  assert.deepEqual([allOpen.isReasoningOpen, allOpen.flippedReasoning.size], [true, 0]);
  assert.equal(update(allOpen, { kind: "action", action: "toggleReasoning" }).isReasoningOpen, false);
});

test("frames are kept for the latest groups only", () => {
  const events = Array.from({ length: 30 }, (_, group): ViewerEvent => ({
    kind: "frames",
    step: 42,
    group,
    uris: [`f${group}`],
  }));
  const { state } = play(events, loaded);
  assert.equal(state.frames.size, 24);
  assert.equal(state.frames.has("42/29"), true);
  assert.equal(update(state, structuredClone(events[29] ?? fail())), state);
});

test("frames that could not be had are asked for again when their prompt is shown again", () => {
  const failed: ViewerEvent = { kind: "frames", step: 42, group: 0, uris: [], reason: "No ffmpeg was found." };
  const there: ViewerEvent = { kind: "frames", step: 42, group: 1, uris: ["frame:0"] };
  const group = (number: number): ViewerEvent => ({ kind: "selectGroup", group: number });
  const { posted } = play([failed, failed, group(1), there, group(0), failed, group(1)], loaded);
  const asked = posted.flatMap((message) => (message.kind === "needFrames" ? [message.group] : []));
  assert.deepEqual(asked, [1, 0], "once a visit, and only what is missing");
});

test("the saved state survives, and what another version wrote does not hurt", () => {
  const state = play(
    [
      { kind: "selectCompletion", completion: 2, timeSec: 3 },
      { kind: "speed", speed: 4 },
    ],
    loaded,
  ).state;
  const saved = readSavedState(JSON.parse(JSON.stringify(savedStateOf(state))));
  assert.deepEqual(saved, savedStateOf(state));
  const restored = play(opened, initialState(saved)).state;
  assert.deepEqual([restored.selection, restored.timeSec, restored.speed], [state.selection, 3, 4]);
  for (const value of [
    null,
    undefined,
    3,
    {},
    { version: 2 },
    { version: 1, timeSec: 1, speed: 1, isReasoningOpen: true },
    { ...savedStateOf(state), timeSec: "x" },
    { ...savedStateOf(state), shown: { list: true } },
  ]) {
    assert.equal(readSavedState(value), null);
  }
  assert.equal(readSavedState({ ...savedStateOf(state), selection: { step: -1 } })?.selection, null);
});

function fail(): never {
  throw new Error("internal: missing event");
}

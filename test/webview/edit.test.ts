import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { EditedCompletion } from "../../src/protocol/rewardMessages.ts";
import type { ViewerToHost } from "../../src/protocol/view.ts";
import { dragBox, dragSegment, grabBox, grabSegment } from "../../webview/rollouts/edit/drag.ts";
import { rewriteBox, rewriteSegment } from "../../webview/rollouts/edit/rewriteAnswer.ts";
import { messagesFor } from "../../webview/rollouts/effects.ts";
import { initialState, shownCompletion, shownEdits, shownGroup } from "../../webview/rollouts/state.ts";
import type { ViewerState } from "../../webview/rollouts/state.ts";
import { update } from "../../webview/rollouts/update.ts";
import type { ViewerEvent } from "../../webview/rollouts/update.ts";
import { sampleGroups, sampleRun, trackTruth } from "./sample.ts";

const [grounding, tracking] = sampleGroups(42);
const opened = [
  { kind: "run", run: sampleRun() } as const,
  { kind: "step", step: 42, groups: sampleGroups(42) } as const,
].reduce<ViewerState>(update, initialState(null));

function play(events: readonly ViewerEvent[], from = opened): { state: ViewerState; posted: ViewerToHost[] } {
  const posted: ViewerToHost[] = [];
  let state = from;
  for (const event of events) {
    const next = update(state, event);
    posted.push(...messagesFor(state, next));
    state = next;
  }
  return { state, posted };
}

const text = (completion: number, said: string, gesture = "typing"): ViewerEvent => ({
  kind: "editText",
  completion,
  text: said,
  gesture,
});
const scores = (version: number, reward: number): ViewerEvent => ({
  kind: "edited",
  step: 42,
  group: 0,
  version,
  completions: grounding.completions.map(({ parsed, rewards }, k): EditedCompletion => ({
    parsed,
    rewards,
    reward: k === 0 ? reward : 1,
    advantage: k === 0 ? 2 : -0.3,
  })),
});

test("a segment is written over where the answer has it, and everything else stays", () => {
  const said = "<think>From 1 to 2 s.</think>\n<answer>The event is at 3.00 to 5.00 seconds</answer>";
  const parsed = { task: "temporal-grounding", segment: { startSec: 3, endSec: 5 }, failures: [] } as const;
  const rewritten = rewriteSegment(said, parsed, 0, { startSec: 3.456, endSec: 4.1 });
  assert.equal(rewritten?.text, said.replace("3.00 to 5.00", "3.46 to 4.10"));
  assert.deepEqual(rewritten.parsed.segment, { startSec: 3.46, endSec: 4.1 });
  assert.equal(rewriteSegment("3 to 5", parsed, 0, { startSec: 0, endSec: 1 }), null, "no answer to write into");
  const glued = "<answer>B</answer><glue>[(1, 2), (3.5, 4)]</glue>";
  const segments = [
    { startSec: 1, endSec: 2 },
    { startSec: 3.5, endSec: 4 },
  ];
  const second = rewriteSegment(glued, { task: "grounded-qa", segments, failures: [] }, 1, { startSec: 3, endSec: 6 });
  assert.equal(second?.text, "<answer>B</answer><glue>[(1, 2), (3.0, 6.0)]</glue>");
});

test("a box is written over at its position", () => {
  const [first] = tracking.completions;
  assert.ok(first !== undefined);
  const box = { x0: 0.2, y0: 0.3, x1: 0.456, y1: 0.6 };
  const rewritten = rewriteBox(first.text, first.parsed, 2, box);
  assert.deepEqual(rewritten?.parsed.boxes?.[2], { x0: 0.2, y0: 0.3, x1: 0.46, y1: 0.6 });
  assert.deepEqual(rewritten.parsed.boxes[1], first.parsed.boxes?.[1]);
  assert.match(rewritten.text, /\[0\.20, 0\.30, 0\.46, 0\.60\]/);
  assert.equal(rewriteBox(first.text, first.parsed, 99, box), null);
});

test("an edited text is shown and scored; the recorded one comes back when it is written again", () => {
  const { state, posted } = play([text(0, "<answer>1 to 2</answer>")]);
  const texts = ["<answer>1 to 2</answer>", ...Array.from({ length: 7 }, () => null)];
  assert.deepEqual(posted.at(-1), { kind: "scoreEdited", step: 42, group: 0, version: 1, texts });
  assert.equal(shownCompletion(state)?.record.text, "<answer>1 to 2</answer>");
  const back = play([text(0, grounding.completions[0]?.text ?? "")], state);
  assert.deepEqual(back.posted, [], "nothing to score");
  assert.equal(shownGroup(back.state), shownGroup(opened));
});

test("rewards and advantages of the whole group follow", () => {
  const { state } = play([text(0, "other"), scores(1, 3)]);
  const group = shownGroup(state);
  assert.deepEqual([group?.completions[0]?.record.reward, group?.completions[1]?.record.advantage], [3, -0.3]);
  assert.equal(group?.record.rewardMean.toFixed(2), "1.25");
});

test("scores of an older place of a drag are shown until the newest have come, never the other way", () => {
  const { state } = play([text(0, "a"), text(0, "ab"), text(0, "abc"), scores(2, 2)]);
  assert.equal(shownGroup(state)?.completions[0]?.record.reward, 2);
  const newest = update(state, scores(3, 3));
  assert.equal(shownGroup(newest)?.completions[0]?.record.reward, 3);
  assert.equal(update(newest, scores(1, 9)), newest);
  assert.equal(update(newest, scores(4, 9)), newest, "of a text that was never written");
});

test("what the rewards could not do is said, and only of the newest text", () => {
  const refused = (version: number): ViewerEvent => ({
    kind: "edited",
    step: 42,
    group: 0,
    version,
    completions: null,
    reason: "The reward ended its process.",
  });
  const { state } = play([text(0, "a"), text(0, "ab"), refused(1)]);
  assert.equal(shownEdits(state)?.problem, null);
  assert.equal(shownEdits(update(state, refused(2)))?.problem, "The reward ended its process.");
});

test("a gesture is one step back; all edits are taken back at once, and that too", () => {
  const { state } = play([text(0, "a", "first"), text(0, "ab", "first"), text(1, "c", "second")]);
  const undo: ViewerEvent = { kind: "action", action: "undoEdit" };
  const textsOf = (at: ViewerState): readonly (readonly [number, string])[] =>
    [...(shownEdits(at)?.texts ?? [])].map(([k, edit]) => [k, edit.text] as const);
  assert.deepEqual(textsOf(update(state, undo)), [[0, "ab"]]);
  assert.deepEqual(textsOf([undo, undo, undo].reduce(update, state)), []);
  const reset = update(state, { kind: "action", action: "resetEdits" });
  assert.deepEqual(textsOf(reset), []);
  assert.deepEqual(textsOf(update(reset, undo)), [
    [0, "ab"],
    [1, "c"],
  ]);
});

test("a segment that is dragged moves its bar at once, before the engine has answered", () => {
  const segment = { startSec: 2, endSec: 4 };
  const { state } = play([{ kind: "editSegment", completion: 0, index: 0, segment, gesture: "drag" }]);
  assert.deepEqual(shownCompletion(state)?.segments, [segment]);
  const none = play([{ kind: "editSegment", completion: 3, index: 0, segment, gesture: "drag" }]);
  assert.equal(none.state, opened, "an answer without a segment has none to move");
  const onTrack = play([{ kind: "selectGroup", group: 1 }]).state;
  const box = { x0: 0.1, y0: 0.1, x1: 0.4, y1: 0.4 };
  const moved = update(onTrack, { kind: "editBox", completion: 0, index: 3, box, gesture: "drag" });
  assert.deepEqual(shownCompletion(moved)?.boxes[3], { timestampSec: trackTruth[3]?.timestampSec, box });
});

test("an edge moves alone and never past the other; the whole keeps its length within the video", () => {
  const segment = { startSec: 2, endSec: 4 };
  assert.deepEqual(dragSegment(segment, "start", 1, 8), { startSec: 3, endSec: 4 });
  assert.deepEqual(dragSegment(segment, "start", 9, 8), { startSec: 3.9, endSec: 4 });
  assert.deepEqual(dragSegment(segment, "end", 9, 8), { startSec: 2, endSec: 8 });
  assert.deepEqual(dragSegment(segment, "whole", -9, 8), { startSec: 0, endSec: 2 });
  assert.deepEqual(
    [2, 50, 97].map((offset) => grabSegment(offset, 100)),
    ["start", "whole", "end"],
  );
  assert.deepEqual(
    [1, 4.5, 8].map((offset) => grabSegment(offset, 9)),
    ["start", "whole", "end"],
  );
});

test("a box that is dragged stays a box within the frame", () => {
  const side = fc.double({ min: 0, max: 1, noNaN: true });
  const parts = fc.constantFrom("low", "high", "none");
  fc.assert(
    fc.property(
      side,
      side,
      side,
      side,
      parts,
      parts,
      fc.double({ min: -2, max: 2, noNaN: true }),
      (a, b, c, d, x, y, delta) => {
        const box = { x0: Math.min(a, b), x1: Math.max(a, b), y0: Math.min(c, d), y1: Math.max(c, d) };
        fc.pre(box.x1 - box.x0 > 0.02 && box.y1 - box.y0 > 0.02);
        const moved = dragBox(box, { x, y }, delta, -delta);
        for (const [low, high] of [
          [moved.x0, moved.x1],
          [moved.y0, moved.y1],
        ] as const) {
          assert.ok(low >= -1e-9 && high <= 1 + 1e-9 && high > low, `${low} to ${high}`);
        }
      },
    ),
  );
  const reach = { x: 0.02, y: 0.02 };
  const box = { x0: 0.2, y0: 0.2, x1: 0.6, y1: 0.6 };
  assert.deepEqual(grabBox(box, 0.21, 0.4, reach), { x: "low", y: "none" });
  assert.deepEqual(grabBox(box, 0.6, 0.59, reach), { x: "high", y: "high" });
  assert.deepEqual(grabBox(box, 0.4, 0.4, reach), { x: "none", y: "none" });
  assert.equal(grabBox(box, 0.7, 0.4, reach), null);
});

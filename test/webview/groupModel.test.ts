import assert from "node:assert/strict";
import { test } from "node:test";
import { boxAt, buildGroup, firstTimeSec, positionTimeSec } from "../../webview/rollouts/groupModel.ts";
import { overlayShapes } from "../../webview/rollouts/overlay.ts";
import { runStatus } from "../../webview/rollouts/runStatus.ts";
import { sampleGroups, sampleRun, squareAt } from "./sample.ts";

const [grounding, tracking, groundedQa, choice] = sampleGroups(1);

test("each rollout has a sentence for the screen reader", () => {
  assert.deepEqual(
    buildGroup(grounding).completions.map((completion) => completion.spoken),
    [
      "Rollout 1 of 8, reward 1.91, advantage +1.09, segment 3.0 to 5.0 s, tIoU 0.91",
      "Rollout 2 of 8, reward 1.24, advantage +0.04, segment 1.5 to 4.0 s, tIoU 0.24",
      "Rollout 3 of 8, reward 1.71, advantage +0.79, segment 3.2 to 5.9 s, tIoU 0.71",
      "Rollout 4 of 8, reward 1.00, advantage −0.34, tIoU 0.00, No two times in the answer",
      "Rollout 5 of 8, reward 1.00, advantage −0.34, segment 6.0 to 7.5 s, tIoU 0.00",
      "Rollout 6 of 8, reward 1.88, advantage +1.04, segment 2.8 to 5.2 s, tIoU 0.88",
      "Rollout 7 of 8, reward 0.00, advantage −1.93, tIoU 0.00, cut by length, No <answer>…</answer>",
      "Rollout 8 of 8, reward 1.00, advantage −0.34, tIoU 0.00, The interval ends before it starts",
    ],
  );
  assert.match(buildGroup(tracking).completions[2]?.spoken ?? "", /8 boxes, IoU 0\.78$/);
  assert.match(
    buildGroup(groundedQa).completions[2]?.spoken ?? "",
    /option A, wrong, segments 1\.2 to 2\.8 s, 4\.8 to 6\.0 s/,
  );
});

test("the overlap is the engine's value, and computed where no reward gave one", () => {
  const { rewards: _rewards, ...first } = grounding.completions[0] ?? { rewards: [] };
  assert.equal(buildGroup(grounding).completions[0]?.overlap?.value, 0.905);
  const unscored = { ...grounding, completions: [{ ...grounding.completions[0], ...first, rewards: [] }] };
  // SAFETY: the first completion of the sample exists, so the record is whole.
  const value = buildGroup(unscored as typeof grounding).completions[0]?.overlap?.value ?? 0;
  assert.ok(Math.abs(value - 1.9 / 2.2) < 1e-9);
});

test("advantages are scaled to the largest of the group", () => {
  const strengths = buildGroup(grounding).completions.map((completion) => completion.strength);
  assert.equal(Math.min(...strengths), -1);
  assert.ok(Math.max(...strengths) < 0.6);
});

test("equal rewards are flagged, since they teach nothing", () => {
  assert.equal(buildGroup(choice).isZeroVariance, true);
  assert.equal(buildGroup(grounding).isZeroVariance, false);
});

test("options carry truth and votes", () => {
  assert.deepEqual(buildGroup(groundedQa).options, [
    { letter: "A", text: "red", isTruth: false, chosenBy: [2] },
    { letter: "B", text: "blue", isTruth: true, chosenBy: [0, 1, 4, 6] },
    { letter: "C", text: "green", isTruth: false, chosenBy: [3] },
    { letter: "D", text: "yellow", isTruth: false, chosenBy: [5] },
  ]);
  const lettered = { ...choice, options: ["(A) one", "B. two", "C: three"] };
  assert.deepEqual(
    buildGroup(lettered).options.map((option) => option.text),
    ["one", "two", "three"],
  );
});

test("boxes are those of the nearest position", () => {
  const group = buildGroup(tracking);
  assert.deepEqual(boxAt(group.truthBoxes, 2.4), squareAt(4));
  assert.equal(positionTimeSec(group, null, 2.4), 2.017);
  assert.equal(boxAt([], 1), null);
});

test("the overlay draws others, selection, truth and a hovered box, from back to front", () => {
  const group = buildGroup(tracking);
  const extras = { highlight: { source: "text", kind: "box", box: squareAt(3) }, evidence: null } as const;
  const shapes = overlayShapes(group, group.completions[4] ?? null, 0, { ...extras, areOthersShown: true });
  assert.deepEqual(
    shapes.map((shape) => `${shape.role} ${shape.tone}`),
    [
      "ghost positive",
      "ghost positive",
      "ghost positive",
      "ghost positive",
      "ghost negative",
      "ghost negative",
      "ghost negative",
      "prediction negative",
      "truth neutral",
      "highlight neutral",
    ],
  );
  const alone = overlayShapes(group, group.completions[4] ?? null, 0, { ...extras, areOthersShown: false });
  assert.deepEqual(
    alone.map((shape) => shape.role),
    ["prediction", "truth", "highlight"],
  );
  const nothing = { highlight: null, evidence: null, areOthersShown: true };
  assert.deepEqual(overlayShapes(buildGroup(grounding), null, 0, nothing), []);
});

test("the first time of a prediction", () => {
  assert.equal(
    firstTimeSec(
      [
        { startSec: 4, endSec: 5 },
        { startSec: 2, endSec: 3 },
      ],
      [],
    ),
    2,
  );
  assert.equal(firstTimeSec([], []), null);
});

test("the run's state in words", () => {
  const text = (change: Parameters<typeof sampleRun>[0]): string => {
    const status = runStatus(sampleRun(change));
    return `${status.text} (${status.tone})${status.canStop ? " stop" : ""}${status.canResume ? " resume" : ""}`;
  };
  const state = sampleRun().state;
  assert.equal(text({}), "Running · sampling · step 42 of 200 (active) stop");
  assert.equal(text({ alive: false }), "Ended unexpectedly after step 42 of 200 (error) resume");
  assert.equal(text({ state: { ...state, status: "stopping" } }), "Stopping · step 42 of 200 (active)");
  assert.equal(
    text({ alive: false, state: { ...state, status: "stopped" } }),
    "Stopped after step 42 of 200 (idle) resume",
  );
  assert.equal(text({ alive: false, state: { ...state, status: "finished" } }), "Finished · 200 steps (done)");
  assert.equal(
    text({ alive: false, state: { ...state, status: "failed" } }),
    "Failed after step 42 of 200 (error) resume",
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { RunState } from "../../src/protocol/records.ts";
import { runNotice } from "../../src/extension/runs/runNotice.ts";
import { runChildRows, runRow, type TreeRow } from "../../src/extension/runs/runsTree.ts";
import type { TrackedRun } from "../../src/extension/runs/runView.ts";
import { isGoingOn, isResumable, newestFirst } from "../../src/extension/runs/runView.ts";
import { statusText } from "../../src/extension/runs/statusText.ts";
import { runDetails, runProgress, runState, runSummary, trackedRun } from "./records.ts";

function run(state: Partial<RunState>, alive: boolean): TrackedRun {
  return trackedRun({ summary: runSummary({ state: runState(state), alive }), attached: alive });
}

const states: Readonly<Record<string, TrackedRun>> = {
  evaluating: trackedRun({
    summary: runSummary({ state: runState({ phase: "evaluating", step: 0, reward: null }) }),
    progress: runProgress({ phase: "evaluating", step: 0, done: 12, total: 40 }),
  }),
  queued: run({ phase: "starting", step: 0, reward: null, message: "waits for the run other" }, true),
  running: run({}, true),
  stopping: run({ status: "stopping" }, true),
  stopped: run({ status: "stopped", phase: "idle" }, false),
  finished: run({ status: "finished", phase: "idle", step: 200, reward: 0.873 }, false),
  failed: run({ status: "failed", error: { code: "diverged", message: "the loss is not finite" } }, false),
  crashed: run({}, false),
};

function rendered({ icon, label, description, contextValue }: TreeRow): string {
  return `(${icon.name}) ${label} — ${description} [${contextValue}]`;
}

test("rows of the Runs view", () => {
  const text = Object.entries(states).map(([name, tracked]) => `${name}: ${rendered(runRow(tracked))}`);
  assert.deepEqual(text, [
    "evaluating: (sync~spin) shapes — evaluating 12/40 [run.running]",
    "queued: (sync~spin) shapes — waits for the run other [run.running]",
    "running: (sync~spin) shapes — step 42/200 · r 0.61 [run.running]",
    "stopping: (sync~spin) shapes — stopping · step 42/200 · r 0.61 [run.stopping]",
    "stopped: (debug-pause) shapes — stopped · step 42/200 · r 0.61 [run.stopped]",
    "finished: (pass) shapes — step 200/200 · r 0.87 [run.finished]",
    "failed: (error) shapes — failed · step 42/200 · r 0.61 [run.failed]",
    "crashed: (warning) shapes — crashed - Resume · step 42/200 · r 0.61 [run.crashed]",
  ]);
});

test("which runs go on, and which can be resumed", () => {
  const namesOf = (accept: (tracked: TrackedRun) => boolean) =>
    Object.keys(states).filter((name) => accept(states[name] ?? trackedRun()));
  assert.deepEqual(namesOf(isGoingOn), ["evaluating", "queued", "running", "stopping"]);
  assert.deepEqual(namesOf(isResumable), ["stopped", "failed", "crashed"]);
});

test("the tooltip says what failed, and where the run lies", () => {
  assert.equal(
    runRow(states["failed"] ?? trackedRun()).tooltip,
    [
      "shapes: failed",
      "the loss is not finite.",
      "step 42/200 · r 0.61",
      "Started 2026-01-02T10:00:00.000Z",
      "/ws/runs/2026-01-02-shapes",
    ].join("\n"),
  );
});

test("below a run: its evaluations and checkpoints by step", () => {
  const scores = {
    "grounding/mIoU": { value: 0.3125, low: 0.25, high: 0.375, n: 64 },
    "tracking/ao": { value: 0.5, low: 0.4, high: 0.6, n: 32 },
  };
  const evaluation = { version: 1, scores, baselines: {}, settings: {} };
  const rows = runChildRows(
    runDetails({
      state: runState({ lastCheckpoint: 100 }),
      checkpoints: [50, 100],
      evaluations: [
        { ...evaluation, step: 100 },
        { ...evaluation, step: 0 },
      ],
    }),
  );
  assert.deepEqual(rows.map(rendered), [
    "(graph) Evaluation at step 0 — grounding/mIoU 0.31 · tracking/ao 0.50 [evaluation]",
    "(save) Checkpoint at step 50 —  [checkpoint]",
    "(graph) Evaluation at step 100 — grounding/mIoU 0.31 · tracking/ao 0.50 [evaluation]",
    "(save) Checkpoint at step 100 — latest [checkpoint]",
  ]);
  assert.match(rows[0]?.tooltip ?? "", /grounding\/mIoU 0\.313 \[0\.250, 0\.375\], n = 64/);
  assert.equal(new Set(rows.map(({ id }) => id)).size, rows.length);
});

test("the status bar shows the newest run that goes on, and nothing else", () => {
  assert.equal(statusText([]), undefined);
  assert.equal(statusText([states["finished"] ?? trackedRun(), states["crashed"] ?? trackedRun()]), undefined);
  assert.equal(statusText([states["running"] ?? trackedRun()])?.text, "$(pulse) step 42/200 · r 0.61");
  assert.equal(statusText([states["evaluating"] ?? trackedRun()])?.text, "$(pulse) evaluating 12/40");
  const older = trackedRun({ summary: runSummary({ runDir: "/old", createdAt: "2026-01-01T00:00:00.000Z" }) });
  const both = statusText([older, states["running"] ?? trackedRun()]);
  assert.equal(both?.text, "$(pulse) step 42/200 · r 0.61 (+1)");
  assert.equal(both?.runDir, "/ws/runs/2026-01-02-shapes");
});

test("the status bar's tooltip says how long it will take", () => {
  const eta = (etaSec: number) =>
    statusText([trackedRun({ progress: runProgress({ phase: "updating", etaSec }) })])?.tooltip.split("\n")[1];
  assert.equal(eta(40), "step 42/200 · updating · about 40 s left");
  assert.equal(eta(600), "step 42/200 · updating · about 10 min left");
  assert.equal(eta(9000), "step 42/200 · updating · about 2.5 h left");
});

test("runs are listed newest first", () => {
  const at = (createdAt: string) => trackedRun({ summary: runSummary({ createdAt }) });
  const sorted = newestFirst([at("2026-01-01"), at("2026-03-01"), at("2026-02-01")]);
  assert.deepEqual(
    sorted.map(({ summary }) => summary.createdAt),
    ["2026-03-01", "2026-02-01", "2026-01-01"],
  );
});

test("a message comes when a run that went on has ended or failed, and only then", () => {
  const going = states["running"];
  const messages = Object.entries(states).map(([name, after]) => `${name}: ${runNotice(going, after)?.message ?? "-"}`);
  assert.deepEqual(messages, [
    "evaluating: -",
    "queued: -",
    "running: -",
    "stopping: -",
    "stopped: -",
    "finished: Run shapes has finished: step 200/200, r 0.87.",
    "failed: Run shapes failed at step 42/200: the loss is not finite.",
    "crashed: Run shapes crashed at step 42/200. It can go on from its last checkpoint.",
  ]);
  for (const after of Object.values(states)) {
    assert.equal(runNotice(undefined, after), undefined, "a run that was only found on disk");
    assert.equal(runNotice(states["finished"], after), undefined, "a run that had ended before");
  }
});

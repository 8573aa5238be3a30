import assert from "node:assert/strict";
import { test } from "node:test";
import { DashboardHost, isDashboardMessage, savedRunDirs } from "../../src/extension/dashboard/dashboardHost.ts";
import { curvesOf, rolloutStepNear } from "../../src/extension/dashboard/runCurves.ts";
import type { TrackedRun } from "../../src/extension/runs/runView.ts";
import { UserError } from "../../src/protocol/errors.ts";
import type { RunDetails } from "../../src/protocol/messages.ts";
import type { MetricsRecord, TimingsRecord } from "../../src/protocol/records.ts";
import { runDetails, runState, runSummary, trackedRun } from "./records.ts";

/** A host over folders that the test changes; `sent` is what the page was told and what was opened, as text. */
function dashboard(shown: readonly string[] = ["/a"]) {
  const folders = new Map<string, Partial<RunDetails>>();
  const tracked = new Map<string, TrackedRun>();
  const sent: string[] = [];
  let chosen: readonly string[] | undefined;
  const read: string[] = [];
  const host = new DashboardHost(
    {
      details: async (runDir) => {
        read.push(runDir);
        const details = folders.get(runDir);
        if (details === undefined)
          throw new UserError({ code: "not-found", where: runDir, message: "no run is there" });
        return runDetails({ runDir, name: runDir.slice(1), ...details });
      },
      timings: async () => [timing(1)],
      tracked: (runDir) => tracked.get(runDir),
      post: ({ runs }) =>
        sent.push(runs.map(({ name, curves, problem }) => `${name}:${problem ?? curves.steps.join(",")}`).join(" | ")),
      chooseRuns: async () => chosen,
      showRollouts: (runDir, id) => sent.push(`open ${runDir} ${id}`),
    },
    shown,
  );
  const choose = (runDirs: readonly string[] | undefined) => {
    chosen = runDirs;
    return host.receive({ kind: "chooseRuns" });
  };
  return { folders, tracked, sent, read, host, choose };
}

function timing(step: number): TimingsRecord {
  const times = { stepSec: 2, decodeSec: 0, sampleSec: 1, rewardSec: 0, updateSec: 1, tokensPerSec: 50, rssBytes: 1e9 };
  return { version: 3, step, ...times };
}

const metricsOf = (...steps: number[]) => steps.map((step) => ({ version: 3, step, metrics: { reward: step / 10 } }));

test("metrics and timings become columns; what a step does not have is null", () => {
  const metrics: MetricsRecord[] = [
    { version: 3, step: 2, metrics: { reward: 0.2, kl: NaN } },
    { version: 3, step: 1, metrics: { reward: 0.1, entropy: 1 } },
    { version: 3, step: 2, metrics: { reward: 0.3 } }, // a resume wrote the step again
  ];
  const { steps, columns } = curvesOf(metrics, [timing(1), timing(3)]);
  assert.deepEqual(steps, [1, 2, 3]);
  assert.deepEqual(columns["reward"], [0.1, 0.3, null]);
  assert.deepEqual(columns["kl"], [null, null, null]);
  assert.deepEqual(columns["entropy"], [1, null, null]);
  assert.deepEqual(columns["timings/tokensPerSec"], [50, null, 50]);
  assert.deepEqual(columns["timings/rssBytes"], [1e9, null, 1e9]);
  assert.equal(columns["timings/gpuBytes"], undefined);
});

test("a point without rollouts opens those of the step before", () => {
  assert.equal(rolloutStepNear([2, 4, 6], 5), 4);
  assert.equal(rolloutStepNear([2, 4, 6], 0), 2); // the evaluation before the first step
  assert.equal(rolloutStepNear([], 3), undefined);
});

test("the page gets its runs when it is ready, and again when one has changed", async () => {
  const { folders, sent, read, host } = dashboard(["/a", "/b"]);
  folders.set("/a", { metrics: metricsOf(1, 2), rolloutSteps: [1, 2] });
  folders.set("/b", { metrics: metricsOf(1) });
  await host.runChanged("/a");
  assert.deepEqual(sent, []);
  await host.receive({ kind: "ready", runDirs: ["/other"] });
  folders.set("/a", { metrics: metricsOf(1, 2, 3) });
  await host.runChanged("/other");
  await host.runChanged("/a");
  assert.deepEqual(sent, ["a:1,2 | b:1", "a:1,2,3 | b:1"]);
  assert.deepEqual(read, ["/a", "/b", "/a"]); // the other run was not read again
});

test("a dashboard that was opened again shows what its page had", async () => {
  const { folders, sent, host } = dashboard([]);
  folders.set("/a", { metrics: metricsOf(1) });
  await host.receive({ kind: "ready", runDirs: ["/a", "/gone"] });
  assert.deepEqual(sent, ["a:1 | /gone:/gone: no run is there."]);
  assert.deepEqual(savedRunDirs({ runDirs: ["/a", 3], smoothing: 0 }), ["/a"]);
  assert.deepEqual(savedRunDirs(undefined), []);
});

test("at most four runs are overlaid, each once; none chosen changes nothing", async () => {
  const { host, choose, sent } = dashboard();
  await host.receive({ kind: "ready", runDirs: [] });
  await choose(undefined);
  assert.deepEqual(host.runDirs, ["/a"]);
  await choose(["/a", "/b", "/b", "/c", "/d", "/e"]);
  assert.deepEqual(host.runDirs, ["/a", "/b", "/c", "/d"]);
  await host.receive({ kind: "removeRun", runDir: "/b" });
  assert.deepEqual(host.runDirs, ["/a", "/c", "/d"]);
  assert.equal(sent.length, 3);
});

test("a click opens the rollouts of its run", async () => {
  const { folders, sent, host } = dashboard();
  folders.set("/a", { metrics: metricsOf(1, 2), rolloutSteps: [1, 2] });
  await host.receive({ kind: "ready", runDirs: [] });
  await host.receive({ kind: "openStep", runDir: "/a", step: 2 });
  await host.receive({ kind: "openStep", runDir: "/a", step: 0 });
  await host.receive({ kind: "openStep", runDir: "/unknown", step: 2 });
  assert.deepEqual(sent.slice(1), ["open /a 2/0/0", "open /a 1/0/0"]);
  assert.ok(isDashboardMessage({ kind: "chooseRuns" }));
  assert.ok(!isDashboardMessage({ kind: "needFrames" }) && !isDashboardMessage("ready"));
});

test("progress within a step reads nothing; the end of a run is read once more", async () => {
  const { folders, tracked, sent, read, host } = dashboard();
  const state = runState({ status: "running" });
  folders.set("/a", { metrics: metricsOf(1), state, alive: true });
  tracked.set("/a", trackedRun({ summary: runSummary({ state, alive: true }) }));
  await host.receive({ kind: "ready", runDirs: [] });
  tracked.set("/a", trackedRun({ summary: runSummary({ state: { ...state, phase: "updating" }, alive: true }) }));
  await host.stateChanged("/a");
  assert.equal(read.length, 1);
  tracked.set("/a", trackedRun({ summary: runSummary({ state: runState({ status: "finished" }), alive: false }) }));
  folders.set("/a", { metrics: metricsOf(1, 2) });
  await host.stateChanged("/a");
  assert.deepEqual(sent, ["a:1", "a:1,2"]);
});

test("a hidden page gets nothing until it is ready again", async () => {
  const { folders, sent, host } = dashboard();
  folders.set("/a", { metrics: metricsOf(1) });
  await host.receive({ kind: "ready", runDirs: [] });
  host.hidden();
  folders.set("/a", { metrics: metricsOf(1, 2) });
  await host.runChanged("/a");
  assert.deepEqual(sent.splice(0), ["a:1"]);
  await host.receive({ kind: "ready", runDirs: ["/a"] });
  assert.deepEqual(sent, ["a:1,2"]);
});

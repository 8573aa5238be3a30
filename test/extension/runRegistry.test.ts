import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { listenForClients, type RunServer } from "../../src/engine/server/runServer.ts";
import type { RequestMessage, RunSummary } from "../../src/protocol/messages.ts";
import { groupsWritten, listRuns, runProgress, runStateChanged, stepFinished } from "../../src/protocol/messages.ts";
import { UserError } from "../../src/protocol/errors.ts";
import type { RunState } from "../../src/protocol/records.ts";
import type { Engine } from "../../src/extension/engine/engineClient.ts";
import { runRow } from "../../src/extension/runs/runsTree.ts";
import { RunRegistry } from "../../src/extension/runs/runRegistry.ts";
import { runProgress as progress, runState, runSummary } from "./records.ts";

const runtimeDir = fs.mkdtempSync(path.join(os.tmpdir(), "rft-reg-"));

before(() => {
  process.env.VIDEO_RFT_RUNTIME_DIR = runtimeDir;
});
after(() => {
  delete process.env.VIDEO_RFT_RUNTIME_DIR;
  fs.rmSync(runtimeDir, { recursive: true, force: true });
});

/** The socket half of a run process, as the engine runs it, with a state that the test sets. */
async function runProcess() {
  const run = { state: runState(), stops: [] as string[], errors: [] as string[] };
  const server: RunServer = await listenForClients({
    runDir: "/ws/runs/a",
    runId: "a",
    state: () => run.state,
    stop: (reason) => {
      run.stops.push(reason);
      run.state = { ...run.state, status: "stopping" };
    },
    logError: (text) => run.errors.push(text),
  });
  return { run, server };
}

/** A registry over runs that the test lists; `log` is what it told, as text. */
function registryOver(listed: { runs: RunSummary[] }) {
  const log: string[] = [];
  const engine: Engine = {
    request: async <P, R>(message: RequestMessage<P, R>) => {
      assert.equal(message.method, listRuns.method);
      return { runs: listed.runs } as R;
    },
    on: () => ({ dispose: () => undefined }),
  };
  const warn = (message: string) => void log.push(`warn ${message}`);
  const registry = new RunRegistry(engine, async () => [], { info: warn, warn, error: warn }, [20, 20]);
  registry.onEvent((event) => {
    if (event.kind === "groups") log.push(`groups ${event.step}`);
    if (event.kind === "details") log.push("details");
    if (event.kind === "changed") for (const run of registry.runs) log.push(rowText(registry, run.summary.runDir));
  });
  registry.onNotice((notice) => log.push(`notice ${notice.message} [${notice.actions.join(", ")}]`));
  return { registry, log };
}

function rowText(registry: RunRegistry, runDir: string): string {
  const run = registry.get(runDir);
  return run === undefined ? "no run" : `${run.attached ? "attached" : "detached"}: ${runRow(run).description}`;
}

/** Waits until a line is logged, and empties the log. */
async function until(log: string[], line: string | RegExp): Promise<string[]> {
  const isIt = (text: string) => (typeof line === "string" ? text === line : line.test(text));
  for (let tries = 0; tries < 1000; tries += 1) {
    if (log.some(isIt)) return log.splice(0);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`no line ${String(line)} in:\n${log.join("\n")}`);
}

function summaryOf(server: RunServer, state: RunState): RunSummary {
  return runSummary({
    runDir: "/ws/runs/a",
    name: "a",
    state,
    alive: true,
    socket: server.socket,
    token: server.token,
  });
}

test("a living run is attached, followed, stopped, and its end told", async () => {
  const { run, server } = await runProcess();
  const listed = { runs: [summaryOf(server, runState({ step: 40, reward: 0.5 }))] };
  const { registry, log } = registryOver(listed);
  try {
    await registry.refresh();
    await until(log, "attached: step 42/200 · r 0.61"); // the process knows better than the file
    server.broadcast(groupsWritten, { step: 43, groups: [] });
    await until(log, "groups 43");
    server.broadcast(runProgress, progress({ phase: "updating" }));
    server.broadcast(stepFinished, {
      metrics: { version: 1, step: 43, metrics: {} },
      timings: {
        version: 1,
        step: 43,
        stepSec: 1,
        decodeSec: 0,
        sampleSec: 0,
        rewardSec: 0,
        updateSec: 0,
        tokensPerSec: 0,
        rssBytes: 0,
      },
    });
    await until(log, "details");
    server.broadcast(runStateChanged, { state: runState({ step: 43, reward: 0.7, lastCheckpoint: 43 }) });
    assert.deepEqual(await until(log, "details"), ["attached: step 43/200 · r 0.70", "details"]);
    await registry.refresh(); // the file is older still
    assert.equal(rowText(registry, "/ws/runs/a"), "attached: step 43/200 · r 0.70");

    run.state = runState({ step: 43, reward: 0.7, lastCheckpoint: 43 });
    log.length = 0;
    await registry.stop("/ws/runs/a");
    assert.deepEqual(run.stops, ["stopped in VS Code"]);
    assert.ok(log.includes("attached: stopping · step 43/200 · r 0.70"));

    server.broadcast(runStateChanged, {
      state: runState({ status: "finished", phase: "idle", step: 200, reward: 0.9 }),
    });
    const end = await until(log, /^notice/);
    assert.deepEqual(
      end.filter((line) => line.startsWith("notice")),
      ["notice Run a has finished: step 200/200, r 0.90. [showRollouts, showLog]"],
    );
    assert.deepEqual(run.errors, []);
  } finally {
    registry.dispose();
    await server.close();
  }
});

test("a run whose process goes without a word has crashed, and can be resumed in another process", async () => {
  const first = await runProcess();
  const listed = { runs: [summaryOf(first.server, runState())] };
  const { registry, log } = registryOver(listed);
  await registry.refresh();
  await until(log, /^attached/);
  listed.runs = [runSummary({ runDir: "/ws/runs/a", name: "a", alive: false })];
  await first.server.close();
  const crash = await until(log, /^notice/);
  assert.ok(
    crash.includes("notice Run a crashed at step 42/200. It can go on from its last checkpoint. [resume, showLog]"),
  );
  assert.equal(rowText(registry, "/ws/runs/a"), "detached: crashed - Resume · step 42/200 · r 0.61");
  await assert.rejects(registry.stop("/ws/runs/a"), (error) => UserError.is(error, "disconnected"));

  const second = await runProcess();
  try {
    listed.runs = [summaryOf(second.server, runState())];
    await registry.refresh();
    await until(log, "attached: step 42/200 · r 0.61");
  } finally {
    registry.dispose();
    await second.server.close();
  }
});

test("a run that has stopped is waited for until its process has left", async () => {
  const { run, server } = await runProcess();
  run.state = runState({ status: "stopped", phase: "idle" });
  const listed = { runs: [summaryOf(server, run.state)] };
  const { registry, log } = registryOver(listed);
  try {
    await registry.refresh();
    await until(log, /^attached/);
    let isReleased = false;
    const released = registry.untilReleased("/ws/runs/a").then(() => (isReleased = true));
    await registry.refresh();
    assert.ok(!isReleased);
    listed.runs = [runSummary({ runDir: "/ws/runs/a", name: "a", state: run.state, alive: false })];
    await server.close();
    await released;
    assert.equal(registry.get("/ws/runs/a")?.summary.alive, false);
  } finally {
    registry.dispose();
  }
});

test("a window that closes only detaches", async () => {
  const { run, server } = await runProcess();
  const listed = { runs: [summaryOf(server, runState())] };
  const window = registryOver(listed);
  await window.registry.refresh();
  await until(window.log, /^attached/);
  window.registry.dispose();
  const again = registryOver(listed);
  try {
    await again.registry.refresh();
    await until(again.log, /^attached/);
    assert.deepEqual(run.stops, []);
  } finally {
    again.registry.dispose();
    await server.close();
  }
});

test("a run that cannot be attached is listed all the same, and says why", async () => {
  const { server } = await runProcess();
  const wrong = { ...summaryOf(server, runState()), token: "0".repeat(64) };
  const { registry, log } = registryOver({ runs: [wrong] });
  try {
    await registry.refresh();
    await until(log, /^warn Cannot attach to \/ws\/runs\/a: /);
    const run = registry.get("/ws/runs/a");
    assert.equal(run?.attached, false);
    assert.notEqual(run?.attachProblem, undefined);
    assert.ok(runRow(run ?? assert.fail("no run")).tooltip.includes(run?.attachProblem ?? "?"));
  } finally {
    registry.dispose();
    await server.close();
  }
});

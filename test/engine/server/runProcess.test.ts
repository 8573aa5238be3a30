import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, afterEach, before, test } from "node:test";
import { SocketMessageReader, SocketMessageWriter } from "vscode-jsonrpc/node";
import { onNotification, sendRequest } from "../../../src/protocol/connection.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import {
  getRunState,
  helloRun,
  pingRun,
  protocolVersion,
  runProgress,
  runStateChanged,
  stepFinished,
  stopRun,
} from "../../../src/protocol/messages.ts";
import { resumeRun, startRun, type StartedRun } from "../../../src/engine/server/launcher.ts";
import { createConnection } from "../../../src/engine/server/rpc.ts";
import { attachToRun } from "../../../src/engine/server/runClient.ts";
import { listRuns, readRunDetails, readRunState } from "../../../src/engine/store/readRun.ts";
import { locateFfmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { writeClip } from "../video/barcodeClips.ts";
import {
  buildTestEngine,
  isProcessAlive,
  readLock,
  until,
  untilDead,
  writeWorkspace,
  type TestEngine,
} from "./testEngine.ts";

let engine: TestEngine;
const started: number[] = [];

before(async () => {
  engine = await buildTestEngine();
});
afterEach(async () => {
  engine.release();
  for (const pid of started.splice(0)) await untilDead(pid);
});
after(() => {
  engine.dispose();
});

async function start(specPath: string, options: { outDir?: string; ignoreQueue?: boolean } = {}): Promise<StartedRun> {
  const run = await startRun({ settings: engine.settings, specPath, ...options });
  started.push(run.pid);
  return run;
}

/** Starts a run whose backend is inside a call that does not return. */
async function startHeld(
  name: string,
  changes?: Record<string, unknown>,
): Promise<StartedRun & { backendPid: number }> {
  engine.hold();
  const before = engine.calls().length;
  const run = await start(writeWorkspace(engine, name, changes), { ignoreQueue: true });
  return { ...run, backendPid: await engine.untilCalled("sample", before) };
}

async function ended(run: StartedRun): Promise<Awaited<ReturnType<typeof readRunState>>> {
  await untilDead(run.pid);
  return readRunState(run.runDir);
}

test("a run goes to its end and gives everything back", async () => {
  const run = await start(writeWorkspace(engine, "whole"));
  const state = await ended(run);
  assert.equal(state.status, "finished");
  assert.equal(state.step, 3);
  const details = await readRunDetails(run.runDir);
  assert.deepEqual(details.rolloutSteps, [1, 2, 3]);
  assert.equal(details.alive, false);
  assert.equal(fs.existsSync(path.join(run.runDir, "lock")), false);
  assert.equal(fs.existsSync(run.socket), false);
  assert.match(fs.readFileSync(path.join(run.runDir, "log.txt"), "utf8"), /backend: scripted backend opened/);
  const pids = new Set(engine.calls().map((line) => Number(line.split(" ")[0])));
  assert.deepEqual([...pids].filter(isProcessAlive), []);
});

test("pings are answered while the backend is inside a call", async () => {
  const run = await startHeld("ping");
  const { connection, state } = await attachToRun(run, "test");
  assert.equal(state.status, "running");
  const callsBefore = engine.calls().length;
  for (let k = 0; k < 20; k++)
    assert.deepEqual(await sendRequest(connection, pingRun, { sentAtMs: k }), { sentAtMs: k });
  // The call that was going on before the pings is still going on.
  assert.equal(engine.calls().length, callsBefore);
  assert.match(engine.calls().at(-1) ?? "", /sample/);
  engine.release();
  assert.equal((await ended(run)).status, "finished");
});

test("every client hears the same", async () => {
  const run = await startHeld("clients");
  const heard = [0, 1, 2].map((): string[] => []);
  const attached = await Promise.all(
    heard.map((lines) =>
      attachToRun(run, "test", (connection) => {
        onNotification(connection, stepFinished, ({ metrics }) => lines.push(`step ${metrics.step}`));
        onNotification(connection, runStateChanged, ({ state }) => lines.push(`${state.status} ${state.phase}`));
        onNotification(connection, runProgress, ({ phase, step }) => lines.push(`progress ${phase} ${step}`));
      }),
    ),
  );
  const closed = attached.map(({ connection }) => new Promise<void>((resolve) => connection.onDidClose(resolve)));
  engine.release();
  await Promise.all(closed);
  const [first = [], ...others] = heard;
  assert.deepEqual(
    first.filter((line) => line.startsWith("step")),
    ["step 1", "step 2", "step 3"],
  );
  assert.equal(first.at(-1), "finished idle");
  for (const other of others) assert.deepEqual(other, first);
});

test("a wrong token closes the connection, nothing is answered before hello", async () => {
  const run = await startHeld("token");
  await assert.rejects(attachToRun({ ...run, token: "0".repeat(run.token.length) }, "test"), (error) =>
    UserError.is(error, "disconnected"),
  );
  await assert.rejects(attachToRun({ ...run, token: "short" }, "test"), (error) => UserError.is(error, "disconnected"));

  const socket = net.connect(run.socket);
  const connection = createConnection(
    new SocketMessageReader(socket),
    new SocketMessageWriter(socket),
    () => undefined,
  );
  await assert.rejects(sendRequest(connection, getRunState, {}), /run\/hello/);
  const hello = { token: run.token, client: "test" };
  await assert.rejects(
    sendRequest(connection, helloRun, { ...hello, protocolVersion: protocolVersion + 1 }),
    (error) => UserError.is(error, "unsupported") && /version/.test(error.message) && error.hint !== undefined,
  );
  const { runDir } = await sendRequest(connection, helloRun, { ...hello, protocolVersion });
  assert.equal(runDir, run.runDir);
  connection.dispose();
  if (process.platform !== "win32") assert.equal(fs.statSync(path.dirname(run.socket)).mode & 0o777, 0o700);
  if (process.platform !== "win32") assert.equal(fs.statSync(path.join(run.runDir, "lock")).mode & 0o777, 0o600);
});

test("a client's SIGKILL has no effect on the run", async () => {
  engine.hold();
  const specPath = writeWorkspace(engine, "survivor");
  const cli = spawn(process.execPath, [path.join(engine.settings.engineDir, "cli.cjs"), "run", specPath, "--now"]);
  let said = "";
  cli.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const runDir = await until("the CLI names the run folder", () => /^Run \S+ in (.+)$/m.exec(said)?.[1]);
  const { pid } = readLock(runDir);
  started.push(pid);
  cli.kill("SIGKILL");
  await untilDead(cli.pid ?? -1);
  assert.ok(isProcessAlive(pid));
  engine.release();
  await untilDead(pid);
  assert.equal((await readRunState(runDir)).status, "finished");
});

test("the death of the backend is reported, recorded, and the run can be resumed", async () => {
  const run = await startHeld("death", { checkpoints: { everySteps: 1, keep: 1 } });
  const states: string[] = [];
  const { connection } = await attachToRun(run, "test", (c) => {
    onNotification(c, runStateChanged, ({ state }) => states.push(`${state.status} ${state.error?.code ?? ""}`));
  });
  const closed = new Promise<void>((resolve) => connection.onDidClose(resolve));
  process.kill(run.backendPid, "SIGKILL");
  await closed;
  const state = await ended(run);
  assert.equal(states.at(-1), "failed backend-died");
  assert.equal(state.status, "failed");
  assert.equal(state.error?.code, "backend-died");
  assert.match(state.error?.message ?? "", /SIGKILL[\s\S]*scripted backend opened/);
  assert.match(state.error?.hint ?? "", /memory/);

  engine.release();
  const resumed = await resumeRun({ settings: engine.settings, runDir: run.runDir });
  started.push(resumed.pid);
  assert.equal((await ended(resumed)).status, "finished");
});

test("a stop ends the run after the step at hand with a checkpoint, and resume goes on from it", async () => {
  const run = await startHeld("stop", { checkpoints: { everySteps: 0, keep: 1 } });
  const { connection } = await attachToRun(run, "test");
  await sendRequest(connection, stopRun, { reason: "test" });
  engine.release();
  const state = await ended(run);
  assert.equal(state.status, "stopped");
  assert.equal(state.step, 1);
  assert.equal(state.lastCheckpoint, 1);

  const resumed = await resumeRun({ settings: engine.settings, runDir: run.runDir });
  started.push(resumed.pid);
  assert.equal((await ended(resumed)).status, "finished");
  assert.ok(engine.calls().some((line) => line.endsWith("open step-000001")));

  const whole = await start(writeWorkspace(engine, "unstopped", { checkpoints: { everySteps: 0, keep: 1 } }));
  await ended(whole);
  const metrics = (dir: string): string => fs.readFileSync(path.join(dir, "metrics.jsonl"), "utf8");
  assert.equal(metrics(run.runDir), metrics(whole.runDir));
});

test("SIGTERM asks for a stop, a second one ends the process", { skip: process.platform === "win32" }, async () => {
  const run = await startHeld("terminate");
  process.kill(run.pid, "SIGTERM");
  await until("the run is stopping", async () => (await readRunState(run.runDir)).status === "stopping");
  process.kill(run.pid, "SIGTERM");
  await untilDead(run.pid);
  await untilDead(run.backendPid);
  assert.ok(engine.calls().at(-1)?.includes("sample"));
});

test("a second process never takes a folder that has an owner", async () => {
  const run = await startHeld("owner");
  await assert.rejects(resumeRun({ settings: engine.settings, runDir: run.runDir }), (error) =>
    UserError.is(error, "run-locked"),
  );
  const specPath = path.join(engine.root, "owner", "owner.rft.json");
  await assert.rejects(start(specPath, { outDir: run.runDir }), (error) => UserError.is(error, "run-locked"));
  engine.release();
  assert.equal((await ended(run)).status, "finished");
  await assert.rejects(start(specPath, { outDir: run.runDir }), (error) => UserError.is(error, "run-exists"));
});

test("the backend ends with a run process that is killed, and the run is listed as crashed", async () => {
  const run = await startHeld("crash");
  process.kill(run.pid, "SIGKILL");
  engine.release();
  await untilDead(run.pid);
  await untilDead(run.backendPid);
  const { runs } = await listRuns([path.dirname(run.runDir)]);
  assert.deepEqual(
    runs.map(({ runId, alive, state }) => [runId, alive, state.status]),
    [[run.runId, false, "running"]],
  );
  const resumed = await resumeRun({ settings: engine.settings, runDir: run.runDir });
  started.push(resumed.pid);
  assert.equal((await ended(resumed)).status, "finished");
  assert.equal(fs.existsSync(run.socket), false);
});

test("the clips of the next step are decoded while the backend computes this one", async () => {
  const specPath = writeWorkspace(engine, "ahead", { grpo: { steps: 2, promptsPerStep: 2, groupSize: 2 } });
  const ffmpeg = await locateFfmpeg();
  for (let k = 0; k < 4; k++) {
    const file = path.join(path.dirname(specPath), "videos", `clip-${k}.mp4`);
    await writeClip(ffmpeg, file, { frames: 40 + k });
  }
  const frames = path.join(engine.settings.cacheDir, "frames");
  const stored = (): string[] =>
    (fs.existsSync(frames) ? fs.readdirSync(frames) : []).filter((name) => !/^(new|old)-/.test(name));
  const before = stored().length;
  engine.hold();
  const calls = engine.calls().length;
  const run = await start(specPath, { ignoreQueue: true });
  await engine.untilCalled("sample", calls);
  // The backend stands still, and opens its own two clips only when it is let go.
  await until("two clips are decoded", () => stored().length === before + 2);
  engine.release();
  assert.equal((await ended(run)).status, "finished");
  assert.equal(stored().length, before + 4);
});

test("a second run waits for the device, says for whom, and can be stopped while it waits", async () => {
  const settings = engine.settings;
  engine.hold();
  const calls = engine.calls().length;
  const first = await start(writeWorkspace(engine, "first"));
  await engine.untilCalled("sample", calls);
  const second = await start(writeWorkspace(engine, "second"));
  const third = await start(writeWorkspace(engine, "third"));
  for (const run of [second, third]) {
    const state = await until("the run waits", async () => {
      const current = await readRunState(run.runDir);
      return current.message === undefined ? null : current;
    });
    assert.equal(state.phase, "idle");
    assert.equal(state.message, `Waiting for run ${first.runId}, which uses this device.`);
  }
  const { connection, state } = await attachToRun(third, "test");
  assert.match(state.message ?? "", /Waiting for run/);
  await sendRequest(connection, stopRun, { reason: "test" });
  assert.equal((await ended(third)).status, "stopped");

  assert.equal((await readRunState(second.runDir)).step, 0);
  engine.release();
  assert.equal((await ended(first)).status, "finished");
  const last = await ended(second);
  assert.equal(last.status, "finished");
  assert.equal(last.message, undefined);
  assert.deepEqual(fs.readdirSync(path.join(settings.cacheDir, "..", "rt", "device-queue")), []);
});

test("mistakes are told before anything is started, and leave no folder", async () => {
  const badSpec = writeWorkspace(engine, "typo", { grpo: { stepz: 3, groupSize: 1 } });
  await assert.rejects(start(badSpec), (error) => {
    assert.ok(UserError.is(error, "bad-spec"));
    assert.equal(error.message.split("\n").length, 2);
    assert.match(error.message, /typo\.rft\.json:\d+:\d+: grpo\.stepz: unknown key/);
    return true;
  });
  const noPolicy = writeWorkspace(engine, "no-policy", { policy: { model: "nowhere" } });
  await assert.rejects(start(noPolicy), /policy\.model: expected a Hugging Face checkpoint directory/);
  const badData = writeWorkspace(engine, "bad-data");
  fs.writeFileSync(path.join(engine.root, "bad-data", "train.json"), "{");
  await assert.rejects(start(badData), (error) => UserError.is(error, "bad-data"));
  await assert.rejects(
    startRun({ settings: { ...engine.settings, ffmpegPath: path.join(engine.root, "no-ffmpeg") }, specPath: badData }),
    (error) => UserError.is(error, "no-ffmpeg"),
  );
  for (const name of ["typo", "no-policy", "bad-data"]) {
    const runs = path.join(engine.root, name, "runs");
    assert.deepEqual(fs.existsSync(runs) ? fs.readdirSync(runs) : [], []);
  }
});

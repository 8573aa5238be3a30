import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import * as esbuild from "esbuild";
import { UserError } from "../../src/protocol/errors.ts";
import { checkSpec, listRuns, pingService, readRun } from "../../src/protocol/messages.ts";
import { EngineClient } from "../../src/extension/engine/engineClient.ts";
import { defaultHeartbeat, type Heartbeat } from "../../src/extension/engine/engineSession.ts";

/** The real service engine, bundled for these tests. */
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "rft-engine-"));
const servicePath = path.join(dir, "engine", "service.cjs");
const clients: EngineClient[] = [];

before(async () => {
  await esbuild.build({
    entryPoints: [path.join(process.cwd(), "src/engine/server/serviceMain.ts")],
    outfile: servicePath,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    mainFields: ["module", "main"],
    external: ["onnxruntime-node", "ffmpeg-static"],
    logLevel: "error",
  });
});
after(async () => {
  await Promise.all(clients.map((client) => client.shutdown()));
  fs.rmSync(dir, { recursive: true, force: true });
});

function clientOf(options: { servicePath?: string; heartbeat?: Heartbeat } = {}) {
  const log: string[] = [];
  const write = (message: string) => void log.push(message);
  const settings = {
    servicePath: options.servicePath ?? servicePath,
    cacheDir: path.join(dir, "cache"),
    ffmpegPath: null,
    pythonPath: null,
    cwd: dir,
  };
  const engineLog = { info: write, warn: write, error: write };
  const client = new EngineClient(() => settings, engineLog, options.heartbeat ?? defaultHeartbeat);
  clients.push(client);
  const states: string[] = [];
  client.onDidChangeState((state) => states.push(state.kind));
  return { client, log, states };
}

function pidOf(client: EngineClient): number {
  return client.state.kind === "running" ? client.state.pid : assert.fail(`the engine is ${client.state.kind}`);
}

async function until(what: string, isIt: () => boolean): Promise<void> {
  for (let tries = 0; tries < 3000; tries += 1) {
    if (isIt()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`waited for ${what}`);
}

function ping(client: EngineClient): Promise<{ sentAtMs: number }> {
  return client.request(pingService, { sentAtMs: 1 });
}

test("the first request starts one process, whoever asks meanwhile", async () => {
  const { client, states } = clientOf();
  assert.equal(client.state.kind, "stopped");
  const answers = await Promise.all([ping(client), client.request(listRuns, { folders: [path.join(dir, "none")] })]);
  assert.deepEqual(answers, [{ sentAtMs: 1 }, { runs: [] }]);
  assert.deepEqual(states, ["starting", "running"]);
});

test("answers and errors of the engine arrive as what they are", async () => {
  const { client } = clientOf();
  const specPath = path.join(dir, "a.rft.json");
  const { problems } = await client.request(checkSpec, { specPath, text: `{ "nme": 1 }` });
  assert.ok(problems.some(({ path: keys, severity }) => keys[0] === "nme" && severity === "error"));
  const missing = client.request(readRun, { runDir: path.join(dir, "no-run") });
  await assert.rejects(missing, (error) => UserError.is(error) && error.code !== "disconnected");
});

test("a process that dies is started again, and what it was asked is rejected", async () => {
  const { client, states, log } = clientOf();
  await client.start();
  const pid = pidOf(client);
  process.kill(pid, "SIGSTOP"); // so that the request is pending for sure
  const pending = ping(client);
  const rejected = assert.rejects(pending, (error) => UserError.is(error, "disconnected"));
  process.kill(pid, "SIGKILL");
  await rejected;
  await until("another process", () => client.state.kind === "running" && pidOf(client) !== pid);
  assert.deepEqual(states, ["starting", "running", "stopped", "starting", "running"]);
  assert.ok(log.includes("The engine process has died: it was ended by SIGKILL."));
  assert.deepEqual(await ping(client), { sentAtMs: 1 });
});

test("a process that keeps dying is not started a fifth time, unless the user asks for it", async () => {
  const { client, states } = clientOf();
  await client.start();
  for (let death = 0; death < 5; death += 1) {
    const pid = pidOf(client);
    process.kill(pid, "SIGKILL");
    await until(
      "the end",
      () => client.state.kind === "failed" || (client.state.kind === "running" && pidOf(client) !== pid),
    );
  }
  assert.equal(states.filter((state) => state === "running").length, 5);
  assert.deepEqual(client.state, {
    kind: "failed",
    reason: "The engine process keeps dying, so it is not started again.",
  });
  await assert.rejects(ping(client), (error) => UserError.is(error, "disconnected"));
  await client.restart();
  assert.deepEqual(await ping(client), { sentAtMs: 1 });
});

test("a process that stops answering is ended and replaced", async () => {
  const { client, log } = clientOf({ heartbeat: { everyMs: 50, timeoutMs: 500 } });
  await client.start();
  const pid = pidOf(client);
  process.kill(pid, "SIGSTOP");
  await until("another process", () => client.state.kind === "running" && pidOf(client) !== pid);
  assert.ok(log.includes("The engine process has died: it stopped answering."));
});

test("a bundle that cannot start is told once, with the reason", async () => {
  const broken = path.join(dir, "broken.cjs");
  fs.writeFileSync(broken, `console.error("a library is missing"); process.exit(3);`);
  const { client, log } = clientOf({ servicePath: broken });
  const reason = "The engine did not start: it ended with status 3";
  await assert.rejects(ping(client), { message: reason });
  await assert.rejects(ping(client), { message: reason });
  await until("what the process printed", () => log.includes("a library is missing"));
  assert.equal(log.filter((line) => line === reason).length, 1);
});

test("a client that is shut down leaves no process behind", async () => {
  const { client } = clientOf();
  await client.start();
  const pid = pidOf(client);
  await client.shutdown();
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
  await assert.rejects(ping(client), (error) => UserError.is(error, "disconnected"));
});

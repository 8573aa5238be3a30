import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { SocketMessageReader, SocketMessageWriter } from "vscode-jsonrpc/node";
import { onNotification, sendRequest } from "../../../src/protocol/connection.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { helloRun, pingRun, protocolVersion, runLog } from "../../../src/protocol/messages.ts";
import { recordVersion, type RunState } from "../../../src/protocol/records.ts";
import { waitForDevice } from "../../../src/engine/server/deviceQueue.ts";
import { createConnection } from "../../../src/engine/server/rpc.ts";
import { attachToRun } from "../../../src/engine/server/runClient.ts";
import { newSocketPath, runtimeDir } from "../../../src/engine/server/runtimeDir.ts";
import { listenForClients, type RunServer } from "../../../src/engine/server/runServer.ts";
import { until } from "./testEngine.ts";

let root: string;

before(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-"));
  process.env["VIDEO_RFT_RUNTIME_DIR"] = path.join(root, "rt");
});
after(() => {
  delete process.env["VIDEO_RFT_RUNTIME_DIR"];
  fs.rmSync(root, { recursive: true, force: true });
});

const state: RunState = {
  version: recordVersion,
  status: "running",
  phase: "sampling",
  step: 1,
  steps: 9,
  updatedAt: new Date(0).toISOString(),
  reward: null,
  lastCheckpoint: null,
};

function listen(): Promise<RunServer> {
  const logError = (text: string): void => assert.fail(text);
  return listenForClients({ runDir: root, runId: "run", state: () => state, stop: () => undefined, logError });
}

test("what was broadcast before the end arrives before the connection closes", async () => {
  const server = await listen();
  const heard: string[] = [];
  const { connection } = await attachToRun(server, "test", (c) => {
    onNotification(c, runLog, ({ message }) => heard.push(message));
  });
  const closed = new Promise<void>((resolve) => connection.onDidClose(resolve));
  const sent = Array.from({ length: 200 }, (_, k) => `message ${k}`);
  for (const message of sent) server.broadcast(runLog, { level: "info", message });
  await server.close();
  await closed;
  assert.deepEqual(heard, sent);
  if (process.platform !== "win32") assert.equal(fs.existsSync(server.socket), false);
});

test("a client that does not read is dropped, the others are not", async () => {
  const server = await listen();
  let heard = 0;
  const reading = await attachToRun(server, "test", (c) => {
    onNotification(c, runLog, () => heard++);
  });
  const socket = net.connect(server.socket);
  const hung = createConnection(new SocketMessageReader(socket), new SocketMessageWriter(socket), () => undefined);
  const dropped = new Promise<void>((resolve) => hung.onDidClose(resolve));
  await sendRequest(hung, helloRun, { token: server.token, protocolVersion, client: "hung" });
  socket.pause();

  const message = "x".repeat(10_000);
  const count = 3000;
  for (let k = 0; k < count; k++) {
    server.broadcast(runLog, { level: "info", message });
    if (k % 100 === 99) while (heard < k - 200) await nextTurn();
  }
  await until("the reading client has heard all", () => heard === count);
  assert.deepEqual(await sendRequest(reading.connection, pingRun, { sentAtMs: 1 }), { sentAtMs: 1 });
  socket.resume();
  await dropped;
  await server.close();
});

test("sockets lie in a folder of this user, under short paths", { skip: process.platform === "win32" }, () => {
  const dir = runtimeDir();
  assert.equal(fs.statSync(dir).mode & 0o777, 0o700);
  assert.ok(Buffer.byteLength(newSocketPath(dir)) < 100);
  assert.throws(
    () => newSocketPath(path.join(dir, "d".repeat(80))),
    (error) => UserError.is(error, "unsupported") && /VIDEO_RFT_RUNTIME_DIR/.test(error.hint ?? ""),
  );
  fs.symlinkSync(root, path.join(root, "link"));
  process.env["VIDEO_RFT_RUNTIME_DIR"] = path.join(root, "link");
  assert.throws(() => runtimeDir(), /expected a folder of this user/);
  process.env["VIDEO_RFT_RUNTIME_DIR"] = path.join(root, "rt");
});

test("tickets of dead processes do not hold up the queue", async () => {
  const dir = path.join(root, "queue");
  fs.mkdirSync(dir);
  const { pid } = spawnSync(process.execPath, ["--version"]);
  const dead = { pid, processKey: "gone", runId: "dead", runDir: root, isRunning: true };
  fs.writeFileSync(path.join(dir, `000000000000001-${pid}.json`), JSON.stringify(dead));
  // This process's pid with another start: a pid that was given away again.
  const reused = { ...dead, pid: process.pid };
  fs.writeFileSync(path.join(dir, `000000000000002-${process.pid}.json`), JSON.stringify(reused));
  const onWait = (): void => assert.fail("waited for a dead process");
  const turn = await waitForDevice({ dir, runId: "run", runDir: root, signal: new AbortController().signal, onWait });
  assert.equal(fs.readdirSync(dir).length, 1);
  turn.release();
  turn.release();
  assert.deepEqual(fs.readdirSync(dir), []);
});

import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { CancellationTokenSource, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node";
import { notify, onNotification, onRequest, sendRequest } from "../../src/protocol/connection.ts";
import { UserError } from "../../src/protocol/errors.ts";
import { pingRun, runLog, stopRun, writeSample } from "../../src/protocol/messages.ts";
import { createConnection, type EngineConnection } from "../../src/engine/server/rpc.ts";

/** Two ends of a pair of streams. */
function connect(): { client: EngineConnection; server: EngineConnection; logged: string[] } {
  const up = new PassThrough();
  const down = new PassThrough();
  const logged: string[] = [];
  const client = createConnection(new StreamMessageReader(down), new StreamMessageWriter(up), () => undefined);
  const server = createConnection(new StreamMessageReader(up), new StreamMessageWriter(down), (t) => logged.push(t));
  return { client, server, logged };
}

test("a UserError crosses with all its parts", async () => {
  const { client, server, logged } = connect();
  const data = { code: "bad-video", message: "found no frames", where: "a.mp4", hint: "Replace it." } as const;
  onRequest(server, pingRun, () => {
    throw new UserError(data);
  });
  await assert.rejects(sendRequest(client, pingRun, { sentAtMs: 1 }), (error) => {
    assert.ok(UserError.is(error, "bad-video"));
    assert.deepEqual(error.toData(), data);
    return true;
  });
  assert.deepEqual(logged, []);
});

test("any other error is answered with its message and logged with its stack", async () => {
  const { client, server, logged } = connect();
  onRequest(server, pingRun, () => Promise.reject(new Error("internal: no such step")));
  await assert.rejects(sendRequest(client, pingRun, { sentAtMs: 1 }), (error) => {
    assert.ok(error instanceof Error && !UserError.is(error));
    assert.match(error.message, /run\/ping.*internal: no such step/);
    return true;
  });
  assert.equal(logged.length, 1);
  assert.match(logged[0] ?? "", /no such step\n\s+at /);
});

test("a request that is cancelled tells its handler, or never reaches it", async () => {
  const { client, server } = connect();
  let onCall: () => void = () => assert.fail("handled after it was cancelled");
  onRequest(
    server,
    writeSample,
    (_params, token) =>
      new Promise((_, reject) => {
        token.onCancellationRequested(() => reject(new UserError({ code: "cancelled", message: "cancelled" })));
        onCall();
      }),
  );
  const cancelSoon = new CancellationTokenSource();
  const undispatched = sendRequest(client, writeSample, { dir: "x" }, cancelSoon.token);
  cancelSoon.cancel();
  await assert.rejects(undispatched, (error) => UserError.is(error, "cancelled"));

  const called = new Promise<void>((resolve) => (onCall = resolve));
  const cancel = new CancellationTokenSource();
  const running = sendRequest(client, writeSample, { dir: "x" }, cancel.token);
  await called;
  cancel.cancel();
  await assert.rejects(running, (error) => UserError.is(error, "cancelled"));
});

test("pending and later requests are rejected when the connection goes, notifications are dropped", async () => {
  const { client, server } = connect();
  onRequest(server, stopRun, () => new Promise(() => undefined));
  const pending = sendRequest(client, stopRun, { reason: "test" });
  let closed = 0;
  client.onDidClose(() => closed++);
  client.dispose();
  client.dispose();
  const isDisconnected = (error: unknown): boolean => UserError.is(error, "disconnected");
  await assert.rejects(pending, isDisconnected);
  await assert.rejects(sendRequest(client, pingRun, { sentAtMs: 1 }), isDisconnected);
  notify(client, runLog, { level: "info", message: "nobody hears" });
  assert.equal(closed, 1);
});

test("notifications arrive in order", async () => {
  const { client, server } = connect();
  const heard: string[] = [];
  const all = new Promise<void>((resolve) => {
    onNotification(client, runLog, ({ message }) => {
      heard.push(message);
      if (heard.length === 50) resolve();
    });
  });
  const sent = Array.from({ length: 50 }, (_, k) => `line ${k}`);
  for (const message of sent) notify(server, runLog, { level: "info", message });
  await all;
  assert.deepEqual(heard, sent);
});

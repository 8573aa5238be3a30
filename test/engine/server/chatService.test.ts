import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { CancellationTokenSource, IPCMessageReader, IPCMessageWriter } from "vscode-jsonrpc/node";
import { waitForDevice } from "../../../src/engine/server/deviceQueue.ts";
import { createConnection, type EngineConnection } from "../../../src/engine/server/rpc.ts";
import { deviceQueueDir } from "../../../src/engine/server/runtimeDir.ts";
import { createEmbeddedBackend } from "../../../src/engine/embedded/embeddedBackend.ts";
import {
  askChat,
  chatProgress,
  closeChat,
  listChatExamples,
  openChat,
  type AskChatParams,
  type ChatPolicy,
  type ChatProgress,
  type ChatSource,
} from "../../../src/protocol/chat.ts";
import { onNotification, sendRequest } from "../../../src/protocol/connection.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { initializeService, protocolVersion } from "../../../src/protocol/messages.ts";
import { cpuOnly, makeRealWorkspace, realSpec, type RealWorkspace } from "../embedded/realRun.ts";
import { buildTestEngine, untilDead, type TestEngine } from "./testEngine.ts";

let engine: TestEngine;
let workspace: RealWorkspace;
let service: ChildProcess;
let connection: EngineConnection;
let policy: ChatPolicy;
type Told = { readonly ask: string; readonly progress: ChatProgress };
const heard: Told[] = [];
/** Called with what comes, since a connection has one handler a message. */
let onTold: (told: Told) => void = () => undefined;

before(async () => {
  engine = await buildTestEngine("src/engine/server/backendMain.ts");
  workspace = await makeRealWorkspace();
  fs.writeFileSync(path.join(workspace.dir, "real.rft.json"), JSON.stringify(realSpec()));
  service = fork(path.join(engine.settings.engineDir, "service.cjs"), [], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
  });
  connection = createConnection(new IPCMessageReader(service), new IPCMessageWriter(service), (text) =>
    assert.fail(text),
  );
  onNotification(connection, chatProgress, (told) => {
    heard.push(told);
    onTold(told);
  });
  const params = { protocolVersion, cacheDir: engine.settings.cacheDir, ffmpegPath: null, pythonPath: null };
  await sendRequest(connection, initializeService, params);
});
after(async () => {
  if (service.connected) service.disconnect();
  await untilDead(service.pid ?? -1);
  engine.dispose();
  fs.rmSync(workspace.dir, { recursive: true, force: true });
});

test("the model of a specification is opened with what the specification says of prompts and sampling", async () => {
  policy = await open({ kind: "spec", specPath: path.join(workspace.dir, "real.rft.json") });
  assert.deepEqual(
    [policy.name, policy.tasks, policy.think, policy.sampling],
    [
      "real, policy",
      ["temporal-grounding"],
      { "temporal-grounding": true },
      { temperature: 1, maxCompletionLength: 12 },
    ],
  );
  assert.ok(policy.parameters > 1000);
});

test("an example is asked as training asks it, and answered with frames, texts and parsed answers", async () => {
  const { examples, total } = await sendRequest(connection, listChatExamples, { id: policy.id });
  assert.equal(total, 1);
  const [example] = examples;
  assert.ok(example !== undefined);
  assert.deepEqual(example.truth, { task: "temporal-grounding", segment: { startSec: 0, endSec: 1 } });
  const { dataset, example: name } = example;
  const answer = await sendRequest(connection, askChat, asked({ kind: "example", dataset, example: name }));
  assert.equal(answer.isCancelled, false);
  assert.match(answer.input?.prompt ?? "", /^Find when this happens in the video: second moves\nThink first/);
  assert.equal(answer.input?.frames.length, answer.input?.video.frameIndices.length);
  assert.ok(answer.input?.frames.every((file) => fs.existsSync(file)));
  assert.equal(answer.completions.length, 2);
  for (const { parsed, text, tokenCount } of answer.completions) {
    assert.equal(parsed.task, "temporal-grounding");
    assert.ok(tokenCount > 0 && text !== "");
  }
  const again = await sendRequest(connection, askChat, asked({ kind: "example", dataset, example: name }));
  assert.deepEqual(again.completions, answer.completions, "the same seed gives the same answer");
});

test("a free question is asked as it stands; its answer streams, and ends when it is stopped", async () => {
  const source = new CancellationTokenSource();
  const params = {
    ...asked({ kind: "free", video: { videoPath: workspace.videos.first }, text: "What moves?" }),
    ask: "stopped",
    sampling: { temperature: 1, maxCompletionLength: 20_000 },
  };
  onTold = ({ progress }) => {
    const isWritten = progress.kind === "texts" && progress.texts.some(({ tokenCount }) => tokenCount > 3);
    if (isWritten) source.cancel();
  };
  const answer = await sendRequest(connection, askChat, params, source.token);
  onTold = () => undefined;
  assert.equal(answer.isCancelled, true);
  assert.equal(answer.input?.prompt, "What moves?");
  assert.ok(answer.completions.some(({ tokenCount }) => tokenCount > 3 && tokenCount < 20_000));
  assert.ok(answer.completions.every(({ finishReason }) => finishReason !== "length"));
  const kinds = heard.filter(({ ask }) => ask === "stopped").map(({ progress }) => progress.kind);
  assert.ok(kinds.includes("seen") && kinds.filter((kind) => kind === "texts").length > 1, kinds.join());
});

test("a further question is answered in its conversation, and costs the tokens of all of it", async () => {
  const question = { kind: "free", video: { videoPath: workspace.videos.first }, text: "What moves?" } as const;
  const first = await sendRequest(connection, askChat, asked(question));
  const prompt = first.input?.prompt ?? "";
  const earlier = [{ prompt, answer: first.completions[0]?.text ?? "" }];
  const further = { ...question, text: "Where to?", earlier };
  const second = await sendRequest(connection, askChat, asked(further));
  assert.equal(second.input?.prompt, "Where to?");
  assert.ok((second.input?.promptTokens ?? 0) > (first.input?.promptTokens ?? 0));
  const alone = await sendRequest(connection, askChat, asked({ ...further, earlier: [] }));
  assert.notDeepEqual(second.completions, alone.completions);
  assert.deepEqual((await sendRequest(connection, askChat, asked(further))).completions, second.completions);
});

test("a video that cannot be read is the question's error, and the policy stays", async () => {
  const broken = { kind: "free", video: { videoPath: workspace.videos.broken }, text: "What?" } as const;
  await rejects(sendRequest(connection, askChat, asked(broken)), "bad-video");
  const whole = { kind: "free", video: { videoPath: workspace.videos.first }, text: "What?" } as const;
  assert.equal((await sendRequest(connection, askChat, asked(whole))).completions.length, 2);
});

test("while a run uses the device, the user decides: refused, shared, or waited for", async () => {
  const turn = await waitForDevice({
    dir: deviceQueueDir(),
    runId: "a-run",
    runDir: workspace.dir,
    onWait: () => undefined,
    signal: new AbortController().signal,
  });
  const question = { kind: "free", video: { videoPath: workspace.videos.first }, text: "What?" } as const;
  const refused = await rejects(sendRequest(connection, askChat, asked(question)), "device-busy");
  assert.equal(refused.where, "a-run");
  const shared = await sendRequest(connection, askChat, { ...asked(question), ifBusy: "share" });
  assert.equal(shared.isCancelled, false);
  const waits = sendRequest(connection, askChat, { ...asked(question), ask: "waits", ifBusy: "wait" });
  const told = new Promise<ChatProgress>((resolve) => {
    onTold = ({ ask, progress }) => {
      if (ask === "waits") resolve(progress);
    };
  });
  assert.deepEqual(await told, { kind: "waiting", runs: ["a-run"] });
  turn.release();
  assert.equal((await waits).completions.length, 2);
});

test("two policies are held at most; a closed one makes room, and is not there any more", async () => {
  const checkpoint = path.join(workspace.dir, "policy");
  const second = await open({ kind: "folder", dir: checkpoint });
  assert.deepEqual([second.name, second.tasks], ["policy", []]);
  await rejects(open({ kind: "folder", dir: checkpoint }), "unsupported");
  await sendRequest(connection, closeChat, { id: second.id });
  const question = { kind: "free", video: { videoPath: workspace.videos.first }, text: "What?" } as const;
  await rejects(sendRequest(connection, askChat, { ...asked(question), id: second.id }), "not-found");
  const third = await open({ kind: "folder", dir: checkpoint });
  await sendRequest(connection, closeChat, { id: third.id });
});

test("what is no policy is refused with what was expected", async () => {
  const { message } = await rejects(open({ kind: "folder", dir: workspace.dir }), "not-found");
  assert.match(message, /expected a checkpoint \(config\.json\)/);
  await rejects(open({ kind: "checkpoint", runDir: workspace.dir, step: 3 }), "not-found");
  await rejects(open({ kind: "spec", specPath: path.join(workspace.dir, "none.rft.json") }), "not-found");
});

test("a checkpoint of a run is opened with the run's specification", async () => {
  const runDir = path.join(workspace.dir, "runs", "a-run");
  const dir = path.join(runDir, "checkpoints", "step-000001");
  const backend = createEmbeddedBackend(cpuOnly);
  const spec = realSpec();
  const { cacheDir } = engine.settings;
  await backend.open({ spec, baseDir: workspace.dir, checkpointDir: null, cacheDir, ffmpegPath: null, threads: 1 });
  await backend.save({ dir });
  await backend.close();
  fs.writeFileSync(path.join(dir, "progress.json"), "{}");
  const record = {
    ...{ version: 3, id: "a-run", name: "real", createdAt: "2026-01-01T00:00:00Z", specPath: "", gitCommit: null },
    ...{ spec, baseDir: workspace.dir, seed: 7 },
    versions: { videoRft: "0", onnxruntime: "0", node: "0", ffmpeg: "0" },
    hashes: { policy: "", datasets: {}, prompts: {} },
    device: { provider: "cpu", platform: "linux", cpu: "", threads: 1 },
  };
  fs.writeFileSync(path.join(runDir, "run.json"), JSON.stringify(record));
  for (const source of [
    { kind: "checkpoint", runDir, step: 1 },
    { kind: "folder", dir },
  ] as const) {
    const opened = await open(source);
    assert.deepEqual([opened.name, opened.dir], ["real, step 1", dir]);
    await sendRequest(connection, closeChat, { id: opened.id });
  }
});

test("an adapter that peft has saved is opened by its folder alone", async () => {
  const dir = path.resolve("test", "fixtures", "policy", "qwen3-vl", "adapter");
  const opened = await open({ kind: "folder", dir });
  assert.deepEqual([opened.name, opened.dir], ["adapter", dir]);
  assert.ok(opened.parameters > 0);
  await sendRequest(connection, closeChat, { id: opened.id });
});

async function open(source: ChatSource): Promise<ChatPolicy> {
  return (await sendRequest(connection, openChat, { source, ifBusy: "refuse" })).policy;
}

function asked(question: AskChatParams["question"]): AskChatParams {
  const sampling = { temperature: 1, maxCompletionLength: 12 };
  return { id: policy.id, ask: "ask", question, think: true, samples: 2, sampling, seed: 5, ifBusy: "refuse" };
}

async function rejects(promise: Promise<unknown>, code: UserError["code"]): Promise<UserError> {
  const error: unknown = await promise.then(
    () => assert.fail(`expected ${code}`),
    (reason: unknown) => reason,
  );
  assert.ok(UserError.is(error, code), String(error));
  return error;
}

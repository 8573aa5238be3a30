import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { IPCMessageReader, IPCMessageWriter } from "vscode-jsonrpc/node";
import { sendRequest } from "../../../src/protocol/connection.ts";
import { diagnoseData, diagnoseRun } from "../../../src/protocol/diagnosticMessages.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { initializeService, protocolVersion, startRunProcess } from "../../../src/protocol/messages.ts";
import { isFailedGroup, type GroupRecord } from "../../../src/protocol/records.ts";
import { formatPath } from "../../../src/engine/lint/setFix.ts";
import { createConnection, type EngineConnection } from "../../../src/engine/server/rpc.ts";
import { RunEvidenceReader, spreadSteps } from "../../../src/engine/server/runEvidence.ts";
import { readRunState } from "../../../src/engine/store/readRun.ts";
import { openRollouts } from "../../../src/engine/store/rollouts.ts";
import { runFiles } from "../../../src/engine/store/runPaths.ts";
import { buildTestEngine, until, untilDead, writeWorkspace, type TestEngine } from "./testEngine.ts";

let engine: TestEngine;
let service: ChildProcess;
let connection: EngineConnection;
let specPath: string;
let runDir: string;

const reward = (body: string): string => `export function moody() {\n  return ${body};\n}\n`;
const fileOf = (name: string): string => path.join(path.dirname(specPath), name);

before(async () => {
  engine = await buildTestEngine();
  specPath = writeWorkspace(engine, "diagnosed", {
    rewards: [{ name: "tiou" }, { file: "moody.ts", function: "moody" }],
    grpo: { steps: 12, promptsPerStep: 2, groupSize: 4 },
  });
  fs.writeFileSync(fileOf("moody.ts"), reward("0.25"));
  service = fork(path.join(engine.settings.engineDir, "service.cjs"), [], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
  });
  connection = createConnection(new IPCMessageReader(service), new IPCMessageWriter(service), (text) =>
    assert.fail(text),
  );
  const { cacheDir, pythonPath } = engine.settings;
  await sendRequest(connection, initializeService, { protocolVersion, cacheDir, ffmpegPath: null, pythonPath });
  ({ runDir } = await sendRequest(connection, startRunProcess, { specPath }));
  await until("the run has finished", async () => (await readRunState(runDir)).status === "finished");
});
after(async () => {
  service.kill();
  await untilDead(service.pid ?? -1);
  engine.dispose();
});

const diagnose = async (mayCallRewards: boolean) => {
  const { diagnostics, ...rest } = await sendRequest(connection, diagnoseRun, { runDir, mayCallRewards });
  return { ...rest, diagnostics: diagnostics.filter(({ code }) => code.startsWith("reward-")) };
};

test("findings of a run stand at the key of the specification that they concern", async () => {
  const { specPath: found, steps, diagnostics } = await diagnose(false);
  assert.deepEqual([found, steps], [specPath, 12]);
  assert.deepEqual(
    diagnostics.map(({ code, place }) => [code, place.kind === "spec" ? formatPath(place.path) : place.kind]),
    [["reward-constant", "rewards.moody"]],
  );
  assert.match(diagnostics[0]?.message ?? "", /was 0\.25 in all 96 rollouts/);
});

test("a reward of the workspace is called twice only where it may be, and again when its file has changed", async () => {
  fs.writeFileSync(fileOf("moody.ts"), reward("Math.random()"));
  const codes = async (mayCall: boolean) => (await diagnose(mayCall)).diagnostics.map(({ code }) => code);
  assert.deepEqual(await codes(false), ["reward-constant"], "no code of the workspace was run");
  const { diagnostics } = await diagnose(true);
  assert.deepEqual(
    diagnostics.map(({ code }) => code),
    ["reward-constant", "reward-not-deterministic"],
  );
  const [, moody] = diagnostics;
  assert.deepEqual(moody?.place, {
    kind: "file",
    file: fileOf("moody.ts"),
    range: { startLine: 0, startCharacter: 16, endLine: 0, endCharacter: 21 },
  });
  assert.match(moody.message, /^moody gave 16 of 16 rollouts another value/);
  fs.writeFileSync(fileOf("moody.ts"), reward("0.25"));
  assert.deepEqual(await codes(true), ["reward-constant"]);
  fs.writeFileSync(fileOf("moody.ts"), "export const other = 1;\n");
  assert.deepEqual(await codes(true), ["reward-constant"], "it cannot be called: re-scoring says so");
});

test("a run that goes on is read from where it was, and one that went back forgets what it has discarded", async () => {
  const reader = new RunEvidenceReader(runDir);
  const all = await reader.read(engine.settings.cacheDir);
  assert.equal(all.groups.length, 24);
  assert.equal(all.metrics.length, 12);
  assert.deepEqual(
    all.texts.map(({ step }) => step),
    Array.from({ length: 12 }, (_, i) => i + 1),
  );
  const again = await reader.read(engine.settings.cacheDir);
  assert.ok(again.groups.every((group, i) => group === all.groups[i]));
  assert.ok(again.texts.every((text, i) => text === all.texts[i]));

  const last = runFiles.rollouts(runDir, 12);
  const lines = fs.readFileSync(last, "utf8");
  const line = (await openRollouts(runDir).readStep(12)).find((one): one is GroupRecord => !isFailedGroup(one));
  fs.appendFileSync(last, `${JSON.stringify({ ...line, group: 2 })}\n`);
  const grown = await reader.read(engine.settings.cacheDir);
  assert.equal(grown.groups.length, 25);
  assert.equal(grown.groups[0], all.groups[0]);
  fs.rmSync(last);
  const shorter = await reader.read(engine.settings.cacheDir);
  assert.deepEqual([shorter.groups.length, shorter.texts.length], [22, 11]);
  fs.writeFileSync(last, lines);
});

test("steps whose texts are read are spread over the run, and half of them stay when it goes on", () => {
  const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
  assert.deepEqual(spreadSteps(upTo(4), 4), [1, 2, 3, 4]);
  assert.deepEqual(spreadSteps(upTo(5), 4), [1, 3, 5]);
  assert.deepEqual(spreadSteps(upTo(9), 4), [1, 5, 9]);
  assert.deepEqual(spreadSteps([], 4), []);
  for (const n of [63, 64, 65, 1000, 25_000]) assert.ok(spreadSteps(upTo(n)).length <= 64);
});

test("data is diagnosed too, and a folder that is no run is an error", async () => {
  const text = fs.readFileSync(specPath, "utf8");
  const { diagnostics } = await sendRequest(connection, diagnoseData, { specPath, text, videos: 1 });
  assert.ok(diagnostics.length > 0 && diagnostics.every(({ code }) => code === "missing-video"));
  const params = { runDir: engine.root, mayCallRewards: false };
  await assert.rejects(sendRequest(connection, diagnoseRun, params), (error) => UserError.is(error, "not-found"));
});

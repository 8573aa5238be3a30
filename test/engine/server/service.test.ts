import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { CancellationTokenSource, IPCMessageReader, IPCMessageWriter } from "vscode-jsonrpc/node";
import { onNotification, sendRequest } from "../../../src/protocol/connection.ts";
import { findExamples } from "../../../src/protocol/dataMessages.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import {
  checkSpec,
  fetchFfmpeg,
  importRollouts,
  initializeService,
  listRuns,
  openFrames,
  pingService,
  protocolVersion,
  readRun,
  readStep,
  resumeRunProcess,
  runDoctor,
  serviceProgress,
  shutdownService,
  startRunProcess,
  stepFinished,
  writeSample,
} from "../../../src/protocol/messages.ts";
import { formatPath } from "../../../src/engine/lint/setFix.ts";
import { createConnection, type EngineConnection } from "../../../src/engine/server/rpc.ts";
import { attachToRun } from "../../../src/engine/server/runClient.ts";
import { writeMovingShapes } from "../../../src/engine/samples/workspace.ts";
import { locateFfmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { buildTestEngine, readLock, until, untilDead, writeWorkspace, type TestEngine } from "./testEngine.ts";

let engine: TestEngine;
let service: ChildProcess;
let connection: EngineConnection;

before(async () => {
  engine = await buildTestEngine();
});
beforeEach(() => {
  service = fork(path.join(engine.settings.engineDir, "service.cjs"), [], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", FFMPEG_BINARIES_URL: "http://127.0.0.1:1" },
  });
  connection = createConnection(new IPCMessageReader(service), new IPCMessageWriter(service), (text) =>
    assert.fail(text),
  );
});
afterEach(async () => {
  engine.release();
  if (service.connected) service.disconnect();
  await untilDead(service.pid ?? -1);
});
after(() => {
  engine.dispose();
});

async function initialize(): Promise<void> {
  const params = { protocolVersion, cacheDir: engine.settings.cacheDir, ffmpegPath: null, pythonPath: null };
  const { pid } = await sendRequest(connection, initializeService, params);
  assert.equal(pid, service.pid);
}

const evaluated = [
  { id: "grounding", task: "temporal-grounding", format: "charades-sta", path: "test.json", videos: "videos" },
];

test("a run is started, followed, listed, read and found finished", async () => {
  await initialize();
  engine.hold();
  const specPath = writeWorkspace(engine, "service");
  const { runDir, runId } = await sendRequest(connection, startRunProcess, { specPath, steps: 2, seed: 5 });
  const { pid } = readLock(runDir);
  const listed = await sendRequest(connection, listRuns, { folders: [path.dirname(runDir)] });
  const [summary] = listed.runs;
  assert.ok(summary?.socket !== undefined && summary.token !== undefined);
  assert.deepEqual([summary.runId, summary.alive, summary.name], [runId, true, "service"]);

  const steps: number[] = [];
  const run = await attachToRun({ socket: summary.socket, token: summary.token }, "test", (c) => {
    onNotification(c, stepFinished, ({ metrics }) => steps.push(metrics.step));
  });
  const closed = new Promise<void>((resolve) => run.connection.onDidClose(resolve));
  engine.release();
  await closed;
  await untilDead(pid);
  assert.deepEqual(steps, [1, 2]);

  const details = await sendRequest(connection, readRun, { runDir });
  assert.deepEqual([details.state.status, details.state.step, details.alive], ["finished", 2, false]);
  assert.deepEqual(details.rolloutSteps, [1, 2]);
  const { groups } = await sendRequest(connection, readStep, { runDir, step: 2 });
  assert.equal(groups.length, 2);
  const record = JSON.parse(fs.readFileSync(path.join(runDir, "run.json"), "utf8")) as { seed: number };
  assert.equal(record.seed, 5);
});

test("the frames that the policy saw are opened, and decoded again when the cache has lost them", async () => {
  await initialize();
  const dir = path.join(engine.root, "frames");
  await writeMovingShapes({ dir, ffmpeg: await locateFfmpeg(), trainClips: 1, testClips: 1 });
  const specPath = writeWorkspace(engine, "frames", {
    data: [
      {
        id: "grounding",
        task: "temporal-grounding",
        format: "charades-sta",
        path: "annotations/grounding.train.json",
        videos: "videos",
      },
    ],
    video: { maxFrames: 4 },
    grpo: { steps: 1, promptsPerStep: 1, groupSize: 2 },
    evaluate: {},
  });
  const { runDir } = await sendRequest(connection, startRunProcess, { specPath });
  await until("the run has ended", async () => {
    const { alive } = await sendRequest(connection, readRun, { runDir });
    return !alive;
  });
  const place = { runDir, step: 1, group: 0 };
  const { files } = await sendRequest(connection, openFrames, place);
  assert.equal(files.length, 4);
  for (const file of files) assert.ok(fs.statSync(file).size > 0);
  fs.rmSync(engine.settings.cacheDir, { recursive: true });
  assert.deepEqual((await sendRequest(connection, openFrames, place)).files, files);
  for (const file of files) assert.ok(fs.statSync(file).size > 0);
  await assert.rejects(sendRequest(connection, openFrames, { ...place, group: 7 }), /step 1 has no group 7/);
});

test("examples of an annotation file are found at their lines, with what they scored", async () => {
  await initialize();
  const specPath = writeWorkspace(engine, "examples", { evaluate: { atStart: true, atEnd: true, data: evaluated } });
  const file = path.join(path.dirname(specPath), "test.json");
  const pretty = JSON.stringify(JSON.parse(fs.readFileSync(file, "utf8")), null, 2);
  fs.writeFileSync(file, pretty);
  const { runDir } = await sendRequest(connection, startRunProcess, { specPath, steps: 1 });
  await until("the run has ended", async () => !(await sendRequest(connection, readRun, { runDir })).alive);
  const { examples } = await sendRequest(connection, findExamples, { runDir, file });
  assert.deepEqual(
    examples.map(({ dataset, example }) => [dataset, example]),
    [100, 101, 102, 103].map((k) => ["grounding", `clip-${k}_0`]),
  );
  const rows = pretty.split("\n");
  for (const { line, evaluated: scores } of examples) {
    assert.equal(rows[line]?.trim(), "["); // of its segment
    assert.equal(rows[line - 1]?.trim(), '"timestamps": [');
    assert.deepEqual(
      scores.map(({ step }) => step),
      [0, 1],
    );
  }
  assert.deepEqual(await sendRequest(connection, findExamples, { runDir, file: specPath }), { examples: [] });
});

test("errors come back as what they are", async () => {
  await initialize();
  const isError = (code: string) => (error: unknown) => {
    assert.ok(UserError.is(error), String(error));
    assert.equal(error.code, code);
    return true;
  };
  await assert.rejects(sendRequest(connection, readRun, { runDir: engine.root }), isError("not-found"));
  await assert.rejects(sendRequest(connection, resumeRunProcess, { runDir: engine.root }), isError("not-found"));
  const missing = path.join(engine.root, "missing.rft.json");
  await assert.rejects(sendRequest(connection, startRunProcess, { specPath: missing }), isError("not-found"));
  const place = { runDir: engine.root, step: 1, group: 0 };
  await assert.rejects(sendRequest(connection, openFrames, place), isError("not-found"));
});

test("requests before initialize and other protocol versions are refused", async () => {
  const quiet = createConnection(new IPCMessageReader(service), new IPCMessageWriter(service), () => undefined);
  await assert.rejects(sendRequest(quiet, runDoctor, {}), /initialize/);
  const params = { protocolVersion: protocolVersion + 1, cacheDir: "", ffmpegPath: null, pythonPath: null };
  await assert.rejects(sendRequest(quiet, initializeService, params), (error) => UserError.is(error, "unsupported"));
  assert.deepEqual(await sendRequest(quiet, pingService, { sentAtMs: 7 }), { sentAtMs: 7 });
});

test("a specification is checked down to the files that it names", async () => {
  await initialize();
  const specPath = writeWorkspace(engine, "checked");
  const text = fs.readFileSync(specPath, "utf8");
  const problemsOf = async (changed: string) =>
    (await sendRequest(connection, checkSpec, { specPath, text: changed })).problems;
  assert.deepEqual(
    (await problemsOf(text)).filter((problem) => problem.severity === "error"),
    [],
  );
  const keys = async (changed: string) => (await problemsOf(changed)).map((problem) => formatPath(problem.path));
  assert.deepEqual(await keys(text.replace('"groupSize": 3', '"groupSize": 1')), ["grpo.groupSize"]);
  assert.deepEqual(await keys(text.replace("train.json", "trian.json")), ["data.0.path"]);
  assert.deepEqual(await keys(text.replace('"model": "policy"', '"model": "polici"')), ["policy.model"]);
  const syntax = await problemsOf(text.replace("[", ""));
  assert.ok(syntax.length > 0 && syntax.every((problem) => problem.severity === "error"));
});

test("the doctor looks at everything that a run needs", async () => {
  await initialize();
  const { checks } = await sendRequest(connection, runDoctor, {});
  const named = new Map(checks.map((check) => [check.name, check]));
  assert.match(named.get("onnxruntime")?.detail ?? "", /computes on cpu/);
  assert.match(named.get("provider cuda")?.detail ?? "", /not used/);
  assert.equal(named.get("ffmpeg")?.ok, true);
  for (const name of ["versions", "python", "memory", "disk of the runs", "disk of the frame cache"]) {
    assert.ok(named.has(name), name);
  }
  for (const check of checks) assert.ok(check.ok || check.fix !== undefined, check.name);
});

test("the sample reports progress and can be cancelled", async () => {
  await initialize();
  const source = path.join(engine.root, "examples", "moving-shapes");
  fs.mkdirSync(path.join(source, "policy"), { recursive: true });
  fs.mkdirSync(path.join(source, "runs"));
  fs.writeFileSync(path.join(source, "moving-shapes.rft.json"), "{}");
  fs.writeFileSync(path.join(source, "policy", "config.json"), "{}");
  const dir = path.join(engine.root, "demo");
  const cancel = new CancellationTokenSource();
  onNotification(connection, serviceProgress, ({ task, done, total }) => {
    assert.equal(task, "sample");
    assert.ok(done >= 1 && done <= total);
    cancel.cancel();
  });
  await assert.rejects(sendRequest(connection, writeSample, { dir }, cancel.token), (error) =>
    UserError.is(error, "cancelled"),
  );
  assert.ok(fs.existsSync(path.join(dir, "moving-shapes.rft.json")));
  assert.ok(fs.existsSync(path.join(dir, "policy", "config.json")));
  assert.equal(fs.existsSync(path.join(dir, "runs")), false);

  const used = path.join(engine.root, "used");
  fs.mkdirSync(used);
  fs.writeFileSync(path.join(used, "thesis.tex"), "");
  await assert.rejects(sendRequest(connection, writeSample, { dir: used }), /expected an empty folder.*thesis\.tex/);
});

test("ffmpeg cannot be fetched offline, and the answer says what to do", async () => {
  await initialize();
  const dir = path.join(engine.root, "storage");
  await assert.rejects(sendRequest(connection, fetchFfmpeg, { dir }), (error) => {
    assert.ok(UserError.is(error));
    assert.match(error.hint ?? "", /Install ffmpeg.*videoRft\.ffmpegPath/);
    return true;
  });
  assert.deepEqual(fs.existsSync(dir) ? fs.readdirSync(dir) : [], []);
});

test("the service ends when it is asked to, and with its window", async () => {
  await initialize();
  await sendRequest(connection, shutdownService, {});
  await untilDead(service.pid ?? -1);
  await assert.rejects(sendRequest(connection, pingService, { sentAtMs: 1 }), (error) =>
    UserError.is(error, "disconnected"),
  );
});

test("rollouts of another trainer are imported with progress, and read like those of a run", async () => {
  await initialize();
  const told: string[] = [];
  onNotification(connection, serviceProgress, ({ task, message }) => told.push(`${task}: ${message}`));
  const log = path.join(process.cwd(), "test", "fixtures", "imports", "verl");
  const { runDir, imported } = await sendRequest(connection, importRollouts, { path: log, outDir: null });
  assert.deepEqual([imported.source, imported.rollouts], ["verl", 20]);
  assert.deepEqual(told, ["import: 8 rollouts", "import: 12 rollouts", "import: 20 rollouts"]);
  const details = await sendRequest(connection, readRun, { runDir });
  assert.deepEqual(details.rolloutSteps, [1, 2, 10]);
  const { groups } = await sendRequest(connection, readStep, { runDir, step: 10 });
  assert.equal(groups.length, 2);

  const long = path.join(engine.root, "long log");
  fs.mkdirSync(long);
  for (let step = 1; step <= 300; step++) fs.copyFileSync(path.join(log, "10.jsonl"), path.join(long, `${step}.jsonl`));
  const source = new CancellationTokenSource();
  onNotification(connection, serviceProgress, () => source.cancel());
  const params = { path: long, outDir: path.join(engine.root, "cancelled") };
  await assert.rejects(sendRequest(connection, importRollouts, params, source.token), (error) =>
    UserError.is(error, "cancelled"),
  );
  assert.ok(!fs.existsSync(params.outDir));
});

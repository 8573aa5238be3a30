import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { findNewestCheckpoint, listCheckpoints } from "../../../src/engine/store/checkpoints.ts";
import { listRuns, readRunDetails } from "../../../src/engine/store/readRun.ts";
import { openRollouts, readTokens } from "../../../src/engine/store/rollouts.ts";
import { RunFolder } from "../../../src/engine/store/runFolder.ts";
import { decodeTokens, encodeTokens } from "../../../src/engine/store/tokens.ts";
import { parseRecord } from "../../../src/engine/store/versionedRecords.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { recordVersion } from "../../../src/protocol/records.ts";
import type { RolloutLine } from "../../../src/protocol/records.ts";
import { createFolder, makeWorkspace, newLock, newRecord } from "../run/fixtures.ts";
import type { Workspace } from "../run/fixtures.ts";
import { createFaultyIo, diskFull } from "./faultyIo.ts";

let workspace: Workspace;
before(() => (workspace = makeWorkspace()));
after(() => fs.rmSync(workspace.dir, { recursive: true, force: true }));
const dirOf = (name: string): string => path.join(workspace.dir, "runs", name);

test("runs that start on the same day get folders of their own", async () => {
  const start = async () =>
    RunFolder.create({
      at: { kind: "new", runsDir: dirOf("days"), name: "shapes", date: new Date(2025, 0, 31, 23, 59) },
      record: await newRecord(workspace),
      lock: newLock(),
      steps: 5,
    });
  const folders = await Promise.all([start(), start(), start()]);
  const names = folders.map((folder) => path.basename(folder.runDir)).sort();
  assert.deepEqual(names, ["2025-01-31-shapes", "2025-01-31-shapes-2", "2025-01-31-shapes-3"]);
  for (const folder of folders) {
    assert.equal(folder.record.id, path.basename(folder.runDir));
    await folder.release();
  }
});

test("a second run in the same folder is refused, and leaves it as it was", async () => {
  const folder = await createFolder(workspace, dirOf("second"));
  await folder.log("info", "the first run");
  const before = snapshot(folder.runDir);
  await rejects(createFolder(workspace, folder.runDir), "run-locked", /is running this run/);
  await rejects(RunFolder.open({ runDir: folder.runDir, lock: newLock() }), "run-locked", /is running this run/);
  await folder.release();
  await rejects(createFolder(workspace, folder.runDir), "run-exists", /found a run/);
  assert.deepEqual(snapshot(folder.runDir), { ...before, lock: undefined });

  const foreign = dirOf("foreign");
  fs.mkdirSync(foreign);
  fs.writeFileSync(path.join(foreign, "thesis.tex"), "");
  await rejects(createFolder(workspace, foreign), "run-exists", /found thesis\.tex/);
  assert.deepEqual(fs.readdirSync(foreign), ["thesis.tex"]);
  await rejects(RunFolder.open({ runDir: foreign, lock: newLock() }), "not-found", /no run\.json/);
});

test("run.json is completed once, when the backend has been opened", async () => {
  const folder = await createFolder(workspace, dirOf("facts"));
  const facts = { onnxruntime: "1.30.0", ffmpeg: "7.0", policyHash: "abc", provider: "cpu" };
  await folder.completeRecord(facts);
  await folder.completeRecord({ ...facts, provider: "cuda" });
  await folder.release();
  const details = await readRunDetails(folder.runDir);
  assert.equal(details.name, "bandit");
  const record = parseRecord("run", fs.readFileSync(path.join(folder.runDir, "run.json"), "utf8"), "run.json");
  assert.deepEqual(
    [record.versions.onnxruntime, record.hashes.policy, record.device.provider],
    ["1.30.0", "abc", "cpu"],
  );
  assert.match(record.hashes.datasets["grounding"] ?? "", /^[0-9a-f]{64}$/);
  assert.match(record.hashes.prompts["temporal-grounding"] ?? "", /^[0-9a-f]{64}$/);
});

test("a torn last line is left out by readers, and cut and reported when the folder is opened", async () => {
  const folder = await createFolder(workspace, dirOf("torn"));
  await finishStep(folder, 1);
  await finishStep(folder, 2);
  await folder.release();
  const rolloutsFile = path.join(folder.runDir, "rollouts", "step-000002.jsonl");
  const metricsFile = path.join(folder.runDir, "metrics.jsonl");
  const whole = fs.readFileSync(metricsFile, "utf8");
  fs.appendFileSync(metricsFile, '{"version":1,"step":3,"metr');
  fs.appendFileSync(rolloutsFile, '{"version":1,"st');

  const details = await readRunDetails(folder.runDir);
  assert.deepEqual(
    details.metrics.map((record) => record.step),
    [1, 2],
  );
  const rollouts = openRollouts(folder.runDir);
  assert.equal((await rollouts.readStep(2)).length, 2);
  assert.equal(fs.readFileSync(metricsFile, "utf8"), `${whole}{"version":1,"step":3,"metr`, "readers write nothing");

  const opened = await RunFolder.open({ runDir: folder.runDir, lock: newLock() });
  assert.equal(opened.repairs.length, 2);
  assert.match(opened.repairs[0] ?? "", /metrics\.jsonl: cut 27 bytes/);
  assert.equal(fs.readFileSync(metricsFile, "utf8"), whole);
  await opened.release();
});

test("a broken line that is not the last is an error with its place", async () => {
  const folder = await createFolder(workspace, dirOf("broken"));
  await finishStep(folder, 1);
  await finishStep(folder, 2);
  await folder.release();
  const file = path.join(folder.runDir, "metrics.jsonl");
  const [first, second] = fs.readFileSync(file, "utf8").split("\n");
  fs.writeFileSync(file, `${first?.slice(0, 20)}\n${second}\n`);
  await rejects(readRunDetails(folder.runDir), "bad-record", /found text that is not JSON/, /metrics\.jsonl:1$/);
});

test("records of a newer version, without a version, or without their keys are refused by name", () => {
  const parse = (record: unknown) => () => parseRecord("metrics", JSON.stringify(record), "m.jsonl:7");
  const newer = { version: recordVersion + 1, step: 1, metrics: {} };
  assert.throws(parse(newer), isError("bad-record", /has version 4, the newest known here is 3/, /^m\.jsonl:7$/));
  assert.throws(parse({ step: 1, metrics: {} }), isError("bad-record", /found nothing for "version"/));
  assert.throws(parse({ version: 1, step: 1 }), isError("bad-record", /lacks "metrics"/));
  assert.throws(parse([1]), isError("bad-record", /found \[1\]/));
  assert.deepEqual(parse({ version: 1, step: 1, metrics: { reward: 0.5 } })(), {
    version: recordVersion,
    step: 1,
    metrics: { reward: 0.5 },
  });
});

test("a group of version 1 is read with what it did not keep", () => {
  const old = { ...line(1, 0), failure: undefined, version: 1, prompt: "Think in <think></think>." };
  const record: unknown = parseRecord("rollout", JSON.stringify(old), "r.jsonl:1");
  const { failure: _, ...kept } = old;
  assert.deepEqual(record, { ...kept, version: recordVersion, think: true, durationSec: null, row: null });
});

test("a group of version 2 is as it was; one of a log without a video says so", () => {
  const group = { ...line(1, 0), failure: undefined, think: false, durationSec: null, row: null, promptTokens: 7 };
  const parse = (record: unknown): unknown => parseRecord("rollout", JSON.stringify(record), "r.jsonl:1");
  const { failure: _, ...kept } = group;
  const seen = { ...kept, video: { path: "clip.mp4", frameSet: "x" } };
  assert.deepEqual(parse({ ...seen, version: 2 }), { ...seen, version: recordVersion });
  const unseen = { ...kept, promptTokens: null, video: null };
  assert.deepEqual(parse(unseen), unseen);
});

test("rollouts are read by step and by group, also while they are written", async () => {
  const folder = await createFolder(workspace, dirOf("rollouts"));
  await folder.appendGroups(1, [line(1, 0), line(1, 1)]);
  const rollouts = openRollouts(folder.runDir);
  assert.deepEqual([await rollouts.steps(), await rollouts.countGroups(1)], [[1], 2]);
  assert.deepEqual(await rollouts.readGroup(1, 1), line(1, 1));
  await folder.appendGroups(1, [line(1, 2)]);
  await folder.appendGroups(12, [line(12, 0)]);
  assert.deepEqual([await rollouts.steps(), await rollouts.countGroups(1)], [[1, 12], 3]);
  assert.deepEqual(await rollouts.readGroup(1, 2), line(1, 2));
  assert.deepEqual(await rollouts.readStep(12), [line(12, 0)]);
  await rejects(rollouts.readGroup(1, 3), "not-found", /no group 3: the step has 3/);
  await rejects(rollouts.readStep(2), "not-found", /step 2 is not recorded/);
  await folder.release();
});

const plain = { refLogprobs_T: null, alternatives: null };

test("tokens come back as they were, and a damaged file is told", async () => {
  const completions = [
    {
      id: "1/0/0",
      tokens_T: Int32Array.of(5, -1, 151645),
      logprobs_T: Float32Array.of(-0.5, -1e-9, -30),
      entropies_T: Float32Array.of(0.25, 0, 2),
      refLogprobs_T: Float32Array.of(-0.25, -1, -2),
      alternatives: {
        count: 2,
        tokens_TN: Int32Array.of(5, 6, 7, 8, 9, 10),
        logprobs_TN: Float32Array.of(-0.5, -1, -1.5, -2, -2.5, -3),
      },
    },
    {
      id: "1/0/1",
      tokens_T: Int32Array.of(),
      logprobs_T: Float32Array.of(),
      entropies_T: Float32Array.of(),
      ...plain,
    },
    {
      id: "1/ü/2",
      tokens_T: Int32Array.of(7),
      logprobs_T: Float32Array.of(NaN),
      entropies_T: Float32Array.of(1),
      ...plain,
    },
  ];
  const folder = await createFolder(workspace, dirOf("tokens"));
  await folder.writeTokens(1, completions);
  await folder.release();
  assert.deepEqual(await readTokens(folder.runDir, 1), completions);
  const bytes = encodeTokens(1, completions);
  assert.throws(() => decodeTokens(bytes.subarray(0, -4), "t.bin"), isError("bad-record", /cut or damaged/));
  assert.throws(() => decodeTokens(bytes.subarray(0, 20), "t.bin"), isError("bad-record", /cut or damaged/));
  assert.throws(() => decodeTokens(Buffer.from("something"), "t.bin"), isError("bad-record", /VRFTTOKS/));
  await rejects(readTokens(folder.runDir, 2), "not-found", /step 2/);
});

test("checkpoints: the newest are kept, half-written ones are never taken for one", async () => {
  const folder = await createFolder(workspace, dirOf("checkpoints")); // keep: 2
  for (const step of [1, 2, 3]) {
    await finishStep(folder, step);
    await folder.saveCheckpoint(progress(step), async (dir) =>
      fs.writeFileSync(path.join(dir, "w"), `weights ${step}`),
    );
  }
  assert.deepEqual(await listCheckpoints(folder.runDir), [2, 3]);
  await finishStep(folder, 4);
  const failing = folder.saveCheckpoint(progress(4), async (dir) => {
    fs.writeFileSync(path.join(dir, "w"), "half");
    throw new Error("ENOSPC: no space left on device, write"); // as it comes from the backend's process
  });
  await rejects(failing, "disk-full", /no space left/);
  assert.deepEqual(fs.readdirSync(path.join(folder.runDir, "checkpoints")), ["step-000002", "step-000003"]);

  fs.mkdirSync(path.join(folder.runDir, "checkpoints", "step-000004")); // without progress.json
  fs.mkdirSync(path.join(folder.runDir, "checkpoints", "step-000005.partial"));
  fs.writeFileSync(path.join(folder.runDir, "checkpoints", "step-000003", "progress.json"), "{");
  await folder.release();
  const opened = await RunFolder.open({ runDir: folder.runDir, lock: newLock() });
  const { checkpoint, damaged } = await findNewestCheckpoint(folder.runDir);
  assert.deepEqual([checkpoint?.step, damaged.length], [2, 1]);
  const { notes } = await opened.goBackToCheckpoint();
  assert.match(notes.join("\n"), /passed over a checkpoint .*\n.*records after step 2 were moved to/);
  assert.deepEqual(fs.readdirSync(path.join(folder.runDir, "checkpoints")), ["step-000002"]);
  const discarded = path.join(folder.runDir, "discarded", "1");
  assert.deepEqual(fs.readdirSync(path.join(discarded, "checkpoints")), ["step-000003", "step-000004"]);
  assert.deepEqual(fs.readdirSync(path.join(discarded, "rollouts")), ["step-000003.jsonl", "step-000004.jsonl"]);
  const kept = fs.readFileSync(path.join(folder.runDir, "metrics.jsonl"), "utf8");
  const moved = fs.readFileSync(path.join(discarded, "metrics.jsonl"), "utf8");
  assert.deepEqual(stepsIn(kept + moved), [1, 2, 3, 4]);
  assert.deepEqual(stepsIn(kept), [1, 2]);
  assert.equal((await opened.goBackToCheckpoint()).notes.length, 0, "a second time there is nothing to take back");
  await opened.release();
});

test("a file that is shorter than at the checkpoint is told, and nothing is moved", async () => {
  const folder = await createFolder(workspace, dirOf("shorter"));
  await finishStep(folder, 1);
  await folder.saveCheckpoint(progress(1), async () => undefined);
  fs.writeFileSync(path.join(folder.runDir, "metrics.jsonl"), "");
  await rejects(folder.goBackToCheckpoint(), "bad-record", /this file has 0 bytes, it had \d+ at the checkpoint/);
  await folder.release();
});

test("a full disk is told with the file and what to do, and leaves whole lines", async () => {
  let isFull = false;
  const io = createFaultyIo(
    ({ operation }) => (isFull && (operation === "append" || operation === "writeNew") ? "nothing" : "done"),
    () => Promise.reject(diskFull()),
  );
  const folder = await createFolder(workspace, dirOf("full"), io);
  await finishStep(folder, 1);
  const before = snapshot(folder.runDir);
  isFull = true;
  await rejects(finishStep(folder, 2), "disk-full", /no space left/, /rollouts.step-000002\.jsonl$/);
  await rejects(folder.writeState(state(2)), "disk-full", /no space left/, /state\.json/);
  await rejects(
    folder.writeTokens(2, []).then(() => folder.writeTokens(2, [token()])),
    "disk-full",
    /no space left/,
  );
  await folder.log("info", "cannot be written either, and does not throw");
  assert.deepEqual(snapshot(folder.runDir), before);
  isFull = false;
  await folder.release();
});

if (process.platform === "linux") {
  test("a device that is really full gives the same error", async () => {
    const folder = await createFolder(workspace, dirOf("dev-full"));
    fs.symlinkSync("/dev/full", path.join(folder.runDir, "metrics.jsonl"));
    await rejects(finishStep(folder, 1), "disk-full", /no space left/, /metrics\.jsonl$/);
    await folder.release();
  });
}

test("the list of runs: newest first, crashed ones told, unreadable ones named", async () => {
  const runs = dirOf("list");
  const living = await createFolder(workspace, path.join(runs, "living"));
  const crashed = await createFolder(workspace, path.join(runs, "crashed"));
  await crashed.release(); // its state still says that it is running
  const broken = await createFolder(workspace, path.join(runs, "broken"));
  await broken.release();
  fs.writeFileSync(path.join(broken.runDir, "state.json"), "?");
  fs.mkdirSync(path.join(runs, "no-run"));

  const found = await listRuns([runs, path.join(workspace.dir, "missing"), living.runDir]);
  assert.deepEqual(found.runs.map(({ runId, alive, state }) => [runId, alive, state.status]).sort(), [
    ["crashed", false, "running"],
    ["living", true, "running"],
  ]);
  assert.match(found.runs.find((run) => run.runId === "living")?.token ?? "", /^[0-9a-f]{16}$/);
  assert.equal(found.runs.find((run) => run.runId === "crashed")?.token, undefined);
  assert.deepEqual(
    found.problems.map(({ code, where }) => [code, where]),
    [["bad-record", path.join(broken.runDir, "state.json")]],
  );
  await living.release();
});

test("a folder that was given back takes no writes", async () => {
  const folder = await createFolder(workspace, dirOf("released"));
  await folder.release();
  await assert.rejects(folder.writeState(state(0)), /internal: the run folder was given back/);
});

async function finishStep(folder: RunFolder, step: number): Promise<void> {
  await folder.appendGroups(step, [line(step, 0), line(step, 1)]);
  const times = { stepSec: 1, decodeSec: 0, sampleSec: 0, rewardSec: 0, updateSec: 0, tokensPerSec: 0, rssBytes: 0 };
  await folder.finishStep(
    { version: recordVersion, step, metrics: { reward: step / 10 } },
    { version: recordVersion, step, ...times },
  );
}

function line(step: number, group: number): RolloutLine {
  const failure = { code: "bad-video", message: `übel ${"x".repeat(group)}` } as const;
  const task = "temporal-grounding";
  return { version: recordVersion, step, group, datasetId: "grounding", exampleId: `e${group}`, task, failure };
}

function state(step: number) {
  return { status: "running", phase: "idle", step, steps: 5, reward: null, lastCheckpoint: null } as const;
}

function progress(step: number) {
  return { step, cursor: { draws: step, datasets: {} }, tokensSeen: step };
}

function token() {
  const one = Float32Array.of(1);
  return { id: "2/0/0", tokens_T: Int32Array.of(1), logprobs_T: one, entropies_T: one, ...plain };
}

function stepsIn(text: string): number[] {
  return text
    .split("\n")
    .slice(0, -1)
    .map((json) => parseRecord("metrics", json, "metrics").step);
}

/** Content of every file of a folder. */
function snapshot(dir: string): Record<string, string | undefined> {
  const files: Record<string, string | undefined> = { lock: undefined };
  for (const name of fs.readdirSync(dir, { recursive: true }).map(String).sort()) {
    const file = path.join(dir, name);
    if (fs.statSync(file).isFile()) files[name] = fs.readFileSync(file, "latin1");
  }
  return files;
}

function rejects(work: Promise<unknown>, code: UserError["code"], message: RegExp, where = /./): Promise<void> {
  return assert.rejects(work, isError(code, message, where));
}

function isError(code: UserError["code"], message: RegExp, where = /./) {
  return (error: unknown): boolean => {
    assert.ok(UserError.is(error, code), String(error));
    assert.match(error.message, message);
    assert.match(error.where ?? "", where);
    return true;
  };
}

import assert from "node:assert/strict";
import { fork } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { createUniform } from "../../../src/engine/metrics/random.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { createFaultyIo } from "../store/faultyIo.ts";
import type { WriteFate } from "../store/faultyIo.ts";
import { lastingFiles, makeSpec, makeWorkspace, resumeRun, startRun } from "./fixtures.ts";
import type { Workspace } from "./fixtures.ts";

/** This file is its own child: a process that trains and kills itself, or goes on to the end. */
interface ChildTask {
  readonly dir: string;
  readonly runDir: string;
  /** Write before which SIGKILL comes, or in the middle of which; null to go on to the end. */
  readonly killAt: number | null;
  readonly fate: WriteFate;
}
const childTask = process.env["VIDEO_RFT_TEST_CHILD"];

if (childTask !== undefined) {
  // SAFETY: written by runChild below.
  void trainAsChild(JSON.parse(childTask) as ChildTask);
} else {
  declareTests();
}

function declareTests(): void {
  let workspace: Workspace;
  let expected: Record<string, string>;
  let writes = 0;

  before(async () => {
    workspace = makeWorkspace();
    const runDir = path.join(workspace.dir, "runs", "whole");
    const io = createFaultyIo(({ number }) => ((writes = number), "done"), neverReached);
    await startRun(workspace, runDir, { io });
    expected = lastingFiles(runDir);
  });
  after(() => fs.rmSync(workspace.dir, { recursive: true, force: true }));

  test("the same seed gives the same run, another seed another", async () => {
    const again = path.join(workspace.dir, "runs", "again");
    await startRun(workspace, again);
    assertSame(again, "the second run");
    const other = path.join(workspace.dir, "runs", "other");
    const spec = makeSpec({ grpo: { ...workspace.spec.grpo, seed: 8 } });
    await startRun({ ...workspace, spec }, other);
    assert.notEqual(lastingFiles(other)["metrics.jsonl"], expected["metrics.jsonl"]);
  });

  test("a run that dies at any of its writes resumes to the same bytes", async () => {
    assert.ok(writes > 100, `expected a run of more than 100 writes, found ${writes}`);
    for (let at = 1; at <= writes; at++) {
      const runDir = path.join(workspace.dir, "runs", `die-${at}`);
      await die(runDir, at, at % 2 === 0 ? "half" : "nothing");
      await goOn(runDir);
      assertSame(runDir, `died at write ${at}`);
    }
  });

  test("a run that dies again while it is taken back resumes to the same bytes", async () => {
    const uniform = createUniform(1);
    for (let round = 0; round < 40; round++) {
      const runDir = path.join(workspace.dir, "runs", `again-${round}`);
      const first = 1 + Math.floor(uniform() * writes);
      // The first writes of a resumed run take the folder back; later ones are those of any run.
      const second = 1 + Math.floor(uniform() * 30);
      await die(runDir, first, "half");
      await die(runDir, second, "half");
      await goOn(runDir);
      assertSame(runDir, `died at write ${first}, then at write ${second}`);
    }
  });

  test("nothing is lost: what came after the checkpoint is in discarded/", async () => {
    const runDir = path.join(workspace.dir, "runs", "discard");
    // The third step's metrics line is there, its fourth is half written; the newest checkpoint is that of step 2.
    const io = createFaultyIo(({ operation, file }) => {
      if (operation !== "append" || !file.endsWith("metrics.jsonl")) return "done";
      return lineCount(file) < 3 ? "done" : "half";
    }, dieForGood);
    await Promise.race([startRun(workspace, runDir, { io }).catch(ignoreDeath), deaths.next()]);
    fs.rmSync(path.join(runDir, "lock"));
    await goOn(runDir);
    assertSame(runDir, "died in the metrics line of step 4");
    const discarded = path.join(runDir, "discarded", "1");
    assert.deepEqual(lines(path.join(discarded, "metrics.jsonl")), [expected["metrics.jsonl"]?.split("\n")[2]]);
    assert.deepEqual(fs.readdirSync(path.join(discarded, "rollouts")), ["step-000003.jsonl", "step-000004.jsonl"]);
    assert.deepEqual(fs.readdirSync(path.join(discarded, "tokens")), ["step-000003.bin", "step-000004.bin"]);
    const log = fs.readFileSync(path.join(runDir, "log.txt"), "utf8");
    assert.match(log, /metrics\.jsonl: cut \d+ bytes of a last line/);
    assert.match(log, /records after step 2 were moved to .*discarded/);
  });

  test("processes killed with SIGKILL leave a folder that resumes to the same bytes", async () => {
    const uniform = createUniform(2);
    for (let round = 0; round < 6; round++) {
      const runDir = path.join(workspace.dir, "runs", `killed-${round}`);
      const { dir } = workspace;
      const killAt = 1 + Math.floor(uniform() * writes);
      const signal = await runChild({ dir, runDir, killAt, fate: round % 2 === 0 ? "half" : "nothing" });
      assert.equal(signal, "SIGKILL", `write ${killAt}`);
      // The lock of the dead process is still there, and is taken over.
      assert.equal(await runChild({ dir, runDir, killAt: null, fate: "done" }), null);
      assertSame(runDir, `killed at write ${killAt}`);
    }
  });

  /** Starts or resumes a run in this process that dies at a write; its lock is removed, as its owner would be dead. */
  async function die(runDir: string, at: number, fate: WriteFate): Promise<void> {
    const io = createFaultyIo(({ number }) => (number < at ? "done" : number === at ? fate : "nothing"), dieForGood);
    await Promise.race([startOrResume(workspace, runDir, { io }).catch(ignoreDeath), deaths.next()]);
    fs.rmSync(path.join(runDir, "lock"), { force: true });
    fs.rmSync(path.join(runDir, "lock.clearing"), { force: true });
  }

  async function goOn(runDir: string): Promise<void> {
    await startOrResume(workspace, runDir, { io: createFaultyIo(() => "done", neverReached) });
  }

  function assertSame(runDir: string, message: string): void {
    const found = lastingFiles(runDir);
    const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])];
    const different = names.filter((name) => found[name] !== expected[name]);
    assert.deepEqual(different, [], message);
    const partial = fs
      .readdirSync(runDir, { recursive: true })
      .filter((name) => /(?<!lock\..*)\.partial$/.test(String(name)));
    assert.deepEqual(partial, [], message);
  }
}

/** Where the start died before there was a run, it is a start again. */
async function startOrResume(workspace: Workspace, runDir: string, options: Parameters<typeof startRun>[2]) {
  try {
    return await resumeRun(workspace, runDir, options);
  } catch (error) {
    if (!UserError.is(error, "not-found")) throw error;
    return startRun(workspace, runDir, options);
  }
}

/** A dead process: what it was doing never ends. The first to die wakes the test that waits. */
const deaths = {
  wake: (): void => undefined,
  next(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  },
};
function dieForGood(): Promise<never> {
  setImmediate(() => deaths.wake());
  return new Promise(() => undefined);
}
function ignoreDeath(error: unknown): void {
  throw error;
}
function neverReached(): Promise<never> {
  throw new Error("internal: no fault was asked for");
}

async function trainAsChild({ dir, runDir, killAt, fate }: ChildTask): Promise<void> {
  const kill = (): Promise<never> => {
    process.kill(process.pid, "SIGKILL");
    return new Promise(() => undefined);
  };
  const io = createFaultyIo(({ number }) => (number === killAt ? fate : "done"), kill);
  await startOrResume({ dir, spec: makeSpec({}) }, runDir, { io });
}

/** @returns the signal that ended the child, null when it ended well. */
function runChild(task: ChildTask): Promise<NodeJS.Signals | null> {
  const env = { ...process.env, VIDEO_RFT_TEST_CHILD: JSON.stringify(task) };
  const child = fork(__filename, [], { env, stdio: ["ignore", "inherit", "inherit", "ipc"], execArgv: [] });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      if (code !== 0 && signal === null) reject(new Error(`the child ended with status ${code}`));
      else resolve(signal);
    });
  });
}

function lines(file: string): string[] {
  return fs.readFileSync(file, "utf8").split("\n").slice(0, -1);
}

function lineCount(file: string): number {
  return fs.existsSync(file) ? lines(file).length : 0;
}

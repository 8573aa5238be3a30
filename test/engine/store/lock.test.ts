import assert from "node:assert/strict";
import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { nodeFileIo } from "../../../src/engine/store/fileIo.ts";
import { acquireLock, checkLock } from "../../../src/engine/store/lock.ts";
import { identifyProcess, isSameProcess } from "../../../src/engine/store/processIdentity.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import type { LockRecord } from "../../../src/protocol/records.ts";

/** This file is its own child: it takes the lock that it is told, says how that went, and waits to be ended. */
const childDir = process.env["VIDEO_RFT_TEST_LOCK_DIR"];
if (childDir !== undefined) void takeAsChild(childDir);
else declareTests();

function declareTests(): void {
  let dir: string;
  const children: ChildProcess[] = [];
  before(() => (dir = fs.mkdtempSync(path.join(os.tmpdir(), "video-rft-lock-"))));
  after(() => {
    for (const child of children) child.kill("SIGKILL");
    fs.rmSync(dir, { recursive: true, force: true });
  });
  const newDir = (name: string): string => {
    fs.mkdirSync(path.join(dir, name));
    return path.join(dir, name);
  };
  const startChild = async (runDir: string): Promise<{ child: ChildProcess; answer: string }> => {
    const env = { ...process.env, VIDEO_RFT_TEST_LOCK_DIR: runDir };
    const child = fork(__filename, [], { env, execArgv: [], stdio: ["ignore", "inherit", "inherit", "ipc"] });
    children.push(child);
    const answer = await new Promise<string>((resolve) =>
      child.once("message", (message) => resolve(JSON.stringify(message))),
    );
    return { child, answer };
  };
  const kill = async (child: ChildProcess): Promise<void> => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  };

  test("a lock is taken once, tells where its owner listens, and is given back", async () => {
    const runDir = newDir("once");
    assert.deepEqual(await checkLock(runDir), { kind: "free" });
    const lock = await acquireLock(nodeFileIo, runDir, { socket: "/tmp/x.sock", token: "secret" });
    const status = await checkLock(runDir);
    assert.equal(status.kind, "held");
    assert.ok(status.kind === "held" && status.lock.socket === "/tmp/x.sock" && status.lock.pid === process.pid);
    if (process.platform !== "win32") assert.equal(fs.statSync(path.join(runDir, "lock")).mode & 0o777, 0o600);
    await assert.rejects(
      acquireLock(nodeFileIo, runDir, { socket: "", token: "other" }),
      isLocked(/is running this run/),
    );
    await lock.release();
    await lock.release();
    assert.deepEqual(fs.readdirSync(runDir), []);
  });

  test("a living process keeps its lock, a killed one loses it", async () => {
    const runDir = newDir("killed");
    const { child, answer } = await startChild(runDir);
    assert.equal(answer, '"taken"');
    await assert.rejects(acquireLock(nodeFileIo, runDir, { socket: "", token: "b" }), isLocked(/is running this run/));
    await kill(child);
    assert.equal((await checkLock(runDir)).kind, "stale");
    const lock = await acquireLock(nodeFileIo, runDir, { socket: "", token: "b" });
    const status = await checkLock(runDir);
    assert.ok(status.kind === "held" && status.lock.token === "b");
    await lock.release();
  });

  test("of many processes that see a dead owner, exactly one takes over", async () => {
    const runDir = newDir("race");
    const { child } = await startChild(runDir);
    await kill(child);
    const answers = await Promise.all(Array.from({ length: 6 }, () => startChild(runDir)));
    assert.deepEqual(answers.map(({ answer }) => answer).sort(), [...Array<string>(5).fill('"run-locked"'), '"taken"']);
    const status = await checkLock(runDir);
    const owner = answers.find(({ answer }) => answer === '"taken"');
    assert.ok(status.kind === "held" && status.lock.pid === owner?.child.pid);
    for (const other of answers) await kill(other.child);
  });

  test("a process that has got the pid of a dead owner is not taken for it", async () => {
    const runDir = newDir("pid");
    await acquireLock(nodeFileIo, runDir, { socket: "", token: "a" });
    edit(runDir, { processKey: "an earlier start/1" });
    assert.equal((await checkLock(runDir)).kind, "stale");
    edit(runDir, { processKey: "unknown" });
    assert.equal((await checkLock(runDir)).kind, "held", "when it cannot be told, the owner counts as alive");
  });

  test("a lock of another machine, and one that cannot be read, are refused with the way out", async () => {
    const runDir = newDir("elsewhere");
    await acquireLock(nodeFileIo, runDir, { socket: "", token: "a" });
    edit(runDir, { host: "another-machine" });
    const take = () => acquireLock(nodeFileIo, runDir, { socket: "", token: "b" });
    await assert.rejects(take(), isLocked(/another-machine owns this run folder/, /delete .*lock and try again/));
    fs.writeFileSync(path.join(runDir, "lock"), "{");
    await assert.rejects(take(), isLocked(/cannot be read/, /delete .*lock and try again/));
    assert.deepEqual(fs.readdirSync(runDir), ["lock"]);
  });

  test("processes are told apart, and dead ones are dead", async () => {
    const own = await identifyProcess(process.pid);
    const again = await identifyProcess(process.pid);
    assert.ok(own !== null && again !== null && isSameProcess(own.key, again.key));
    const { child } = await startChild(newDir("identity"));
    const other = await identifyProcess(child.pid ?? 0);
    assert.ok(other !== null && other.startedAtMs >= own.startedAtMs);
    await kill(child);
    assert.equal(await identifyProcess(child.pid ?? 0), null);
    assert.equal(await identifyProcess(0), null);
  });
}

function edit(runDir: string, change: Partial<LockRecord>): void {
  const file = path.join(runDir, "lock");
  fs.writeFileSync(file, JSON.stringify({ ...JSON.parse(fs.readFileSync(file, "utf8")), ...change }));
}

function isLocked(message: RegExp, hint = /./) {
  return (error: unknown): boolean => {
    assert.ok(UserError.is(error, "run-locked"), String(error));
    assert.match(error.message, message);
    assert.match(error.hint ?? "", hint);
    return true;
  };
}

async function takeAsChild(runDir: string): Promise<void> {
  const answer = await acquireLock(nodeFileIo, runDir, { socket: "", token: `of ${process.pid}` }).then(
    () => "taken",
    (error: unknown) => (UserError.is(error) ? error.code : String(error)),
  );
  process.send?.(answer);
  setInterval(() => undefined, 1000); // until it is killed
  process.on("disconnect", () => process.exit(1));
}

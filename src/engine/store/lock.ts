import { randomBytes } from "node:crypto";
import fs from "node:fs/promises";
import os from "node:os";
import { UserError } from "../../protocol/errors.ts";
import { protocolVersion } from "../../protocol/messages.ts";
import { recordVersion } from "../../protocol/records.ts";
import type { LockRecord } from "../../protocol/records.ts";
import { isErrno } from "./fileIo.ts";
import type { FileIo } from "./fileIo.ts";
import { identifyProcess, isSameProcess } from "./processIdentity.ts";
import { runFiles } from "./runPaths.ts";
import { formatFile, parseRecord } from "./versionedRecords.ts";

/** What the owner of a run folder tells others: where it listens, and the token that opens a connection. */
export interface LockRequest {
  readonly socket: string;
  readonly token: string;
}

export type LockStatus =
  | { readonly kind: "free" }
  /** Its owner runs on this machine. */
  | { readonly kind: "held"; readonly lock: LockRecord }
  /** Its owner ran on this machine and is dead. */
  | { readonly kind: "stale"; readonly lock: LockRecord }
  /** Taken on another machine: whether its owner lives cannot be told from here. */
  | { readonly kind: "elsewhere"; readonly lock: LockRecord }
  | { readonly kind: "unreadable" };

export interface RunLock {
  readonly record: LockRecord;
  /** Gives the folder back; does nothing when the lock is no longer ours. */
  release(): Promise<void>;
}

export async function checkLock(runDir: string): Promise<LockStatus> {
  return statusOf(runFiles.lock(runDir));
}

/**
 * Takes the folder for this process. A lock whose owner is dead is taken over. The file can be read by this user only,
 * since it holds the token.
 * @throws UserError run-locked when another process owns the folder, or may own it.
 */
export async function acquireLock(io: FileIo, runDir: string, request: LockRequest): Promise<RunLock> {
  const file = runFiles.lock(runDir);
  const record = await describeThisProcess(request);
  const claim = `${file}.${randomBytes(6).toString("hex")}.partial`;
  await io.writeNew(claim, formatFile(record), 0o600);
  try {
    for (let attempt = 0; attempt < 200; attempt++) {
      if (await claimName(io, claim, file)) return { record, release: () => release(io, file, record) };
      const status = await statusOf(file);
      if (status.kind === "stale") await clearStaleLock(io, claim, file, status.lock);
      else if (status.kind !== "free") throw lockedError(runDir, status);
    }
  } finally {
    await io.remove(claim);
  }
  throw lockedError(runDir, await statusOf(file));
}

async function describeThisProcess(request: LockRequest): Promise<LockRecord> {
  const identity = await identifyProcess(process.pid);
  if (identity === null) throw new Error("internal: this process does not exist");
  return {
    version: recordVersion,
    host: os.hostname(),
    pid: identity.pid,
    startedAtMs: identity.startedAtMs,
    processKey: identity.key,
    protocolVersion,
    socket: request.socket,
    token: request.token,
  };
}

/**
 * Gives the claim its public name; false when the name is taken. A hard link appears with its content; where the disk
 * has none, an exclusive file does, and a reader may find it empty for a moment.
 */
async function claimName(io: FileIo, claim: string, name: string): Promise<boolean> {
  try {
    await io.link(claim, name);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    if (!isErrno(error, "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL", "EMLINK")) throw error;
  }
  try {
    await io.writeNew(name, await fs.readFile(claim), 0o600);
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

/**
 * Removes the lock of a dead owner. One process at a time may do so, and looks again before it does: else a second one
 * that saw the same dead owner would remove the lock of the first.
 */
async function clearStaleLock(io: FileIo, claim: string, file: string, stale: LockRecord): Promise<void> {
  const guard = `${file}.clearing`;
  if (!(await claimName(io, claim, guard))) {
    const other = await statusOf(guard);
    if (other.kind === "stale") await io.remove(guard);
    else await new Promise((resolve) => setTimeout(resolve, 25));
    return;
  }
  try {
    const now = await readLock(file);
    if (now !== "none" && now !== "unreadable" && now.token === stale.token) await io.remove(file);
  } finally {
    await io.remove(guard);
  }
}

async function release(io: FileIo, file: string, record: LockRecord): Promise<void> {
  const now = await readLock(file);
  if (now !== "none" && now !== "unreadable" && now.token === record.token) await io.remove(file);
}

async function statusOf(file: string): Promise<LockStatus> {
  const lock = await readLock(file);
  if (lock === "none") return { kind: "free" };
  if (lock === "unreadable") return { kind: "unreadable" };
  if (lock.host !== os.hostname()) return { kind: "elsewhere", lock };
  const owner = await identifyProcess(lock.pid);
  const isAlive = owner !== null && isSameProcess(owner.key, lock.processKey);
  return { kind: isAlive ? "held" : "stale", lock };
}

async function readLock(file: string): Promise<LockRecord | "none" | "unreadable"> {
  let text: string;
  try {
    text = await fs.readFile(file, "utf8");
  } catch (error) {
    return isErrno(error, "ENOENT") ? "none" : "unreadable"; // another user's lock cannot be read
  }
  try {
    return parseRecord("lock", text, file);
  } catch (error) {
    if (UserError.is(error, "bad-record")) return "unreadable";
    throw error;
  }
}

function lockedError(runDir: string, status: LockStatus): UserError {
  const file = runFiles.lock(runDir);
  const ifDead = `If no run uses this folder any more, delete ${file} and try again.`;
  switch (status.kind) {
    case "elsewhere":
      return lockError(runDir, `process ${status.lock.pid} on ${status.lock.host} owns this run folder`, ifDead);
    case "held":
      return lockError(
        runDir,
        `process ${status.lock.pid} on this machine is running this run`,
        "Open its rollouts, or stop the run first.",
      );
    case "unreadable":
      return lockError(runDir, `the lock of this run folder cannot be read`, ifDead);
    case "free":
    case "stale":
      return lockError(runDir, "other processes are taking this run folder", "Try again.");
    default:
      return status satisfies never;
  }
}

function lockError(where: string, message: string, hint: string): UserError {
  return new UserError({ code: "run-locked", where, message, hint });
}

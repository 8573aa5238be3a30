import { execFile } from "node:child_process";
import fs from "node:fs/promises";
import { isErrno } from "./fileIo.ts";

/**
 * Tells a process from a later one with the same pid. `key` is compared, `startedAtMs` is for people: on Linux the key
 * is made of the boot and the ticks since it, so that a clock that is set does not make a living owner look dead.
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly key: string;
  readonly startedAtMs: number;
}

/** Identity of a living process of this machine; null when there is none with this pid. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | null> {
  if (!isPidTaken(pid)) return null;
  if (process.platform === "linux") return identifyOnLinux(pid);
  const text = process.platform === "win32" ? await startTimeOnWindows(pid) : await startTimeOfPs(pid);
  if (text === null) return isPidTaken(pid) ? { pid, key: unknownKey, startedAtMs: 0 } : null;
  const startedAtMs = Date.parse(text);
  return { pid, key: text, startedAtMs: Number.isNaN(startedAtMs) ? 0 : startedAtMs };
}

/** Whether two keys may belong to the same process. A key that could not be had counts as the same: never rob the living. */
export function isSameProcess(keyA: string, keyB: string): boolean {
  return keyA === unknownKey || keyB === unknownKey || keyA === keyB;
}

const unknownKey = "unknown";

function isPidTaken(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, "EPERM"); // it exists and belongs to somebody else
  }
}

/** proc(5): field 3 of /proc/<pid>/stat is the state, field 22 the start in clock ticks (1/100 s) after boot. */
async function identifyOnLinux(pid: number): Promise<ProcessIdentity | null> {
  let stat: string;
  try {
    stat = await fs.readFile(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return null;
    return { pid, key: unknownKey, startedAtMs: 0 }; // /proc may be hidden (hidepid)
  }
  // Field 2 is the program's name in parentheses, which may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const state = fields[0];
  const startTicks = Number(fields[19]);
  if (state === "Z" || state === "X") return null; // ended, waiting for its parent to look
  const bootId = (await readOrEmpty("/proc/sys/kernel/random/boot_id")).trim();
  const bootSec = Number(/^btime (\d+)$/m.exec(await readOrEmpty("/proc/stat"))?.[1] ?? 0);
  return { pid, key: `${bootId}/${startTicks}`, startedAtMs: bootSec * 1000 + startTicks * 10 };
}

/** macOS and the BSDs; one second is the resolution. */
async function startTimeOfPs(pid: number): Promise<string | null> {
  const text = await runQuietly("ps", ["-o", "lstart=", "-p", String(pid)], { LC_ALL: "C", TZ: "UTC" });
  return text === null ? null : `${text} UTC`;
}

async function startTimeOnWindows(pid: number): Promise<string | null> {
  const script = `(Get-Process -Id ${pid}).StartTime.ToUniversalTime().ToString("o")`;
  return runQuietly("powershell.exe", ["-NoProfile", "-NonInteractive", "-Command", script], {});
}

function runQuietly(program: string, args: readonly string[], env: Record<string, string>): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(
      program,
      [...args],
      { env: { ...process.env, ...env }, timeout: 15_000, windowsHide: true },
      (error, stdout) => resolve(error !== null || stdout.trim() === "" ? null : stdout.trim()),
    );
  });
}

async function readOrEmpty(file: string): Promise<string> {
  return fs.readFile(file, "utf8").catch(() => "");
}

import { createHash, randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";

/** Longest path of a Unix socket that every system takes (macOS: 104 bytes with the closing zero). */
const maxSocketPathBytes = 100;

/**
 * The folder of sockets and of the device queue, made when it is missing: VIDEO_RFT_RUNTIME_DIR, else a folder of this
 * user under the system's temporary folder. XDG_RUNTIME_DIR is left alone on purpose: it is emptied at log-out, which a
 * run outlives, and differs between a terminal and an editor's server.
 * Throws UserError "unsupported" when another user owns the folder.
 */
export function runtimeDir(): string {
  const dir = process.env["VIDEO_RFT_RUNTIME_DIR"] || defaultRuntimeDir();
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  if (process.platform === "win32") return dir;
  const stat = fs.lstatSync(dir);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) {
    throw new UserError({
      code: "unsupported",
      where: dir,
      message: "expected a folder of this user for the sockets of runs, found one of somebody else",
      hint: "Remove it, or name another folder in the environment variable VIDEO_RFT_RUNTIME_DIR.",
    });
  }
  fs.chmodSync(dir, 0o700);
  return dir;
}

/** Where runs wait for this machine's device. */
export function deviceQueueDir(): string {
  return path.join(runtimeDir(), "device-queue");
}

/**
 * A new address for a run process: a short path in `dir`, or a named pipe on Windows.
 * Throws UserError "unsupported" when the path is too long for a socket.
 */
export function newSocketPath(dir: string): string {
  const name = `run-${randomBytes(6).toString("hex")}`;
  if (process.platform === "win32") return `\\\\.\\pipe\\video-rft-${userName()}-${name}`;
  const socketPath = path.join(dir, `${name}.sock`);
  if (Buffer.byteLength(socketPath) < maxSocketPathBytes) return socketPath;
  throw new UserError({
    code: "unsupported",
    where: dir,
    message: `expected a folder whose sockets have paths under ${maxSocketPathBytes} bytes, found ${Buffer.byteLength(socketPath)}`,
    hint: "Name a shorter folder in the environment variable VIDEO_RFT_RUNTIME_DIR.",
  });
}

function defaultRuntimeDir(): string {
  const inTemporary = path.join(os.tmpdir(), `video-rft-${userName()}`);
  const needed = Buffer.byteLength(inTemporary) + "/run-000000000000.sock".length;
  return process.platform === "win32" || needed < maxSocketPathBytes ? inTemporary : `/tmp/video-rft-${userName()}`;
}

function userName(): string {
  if (process.getuid !== undefined) return String(process.getuid());
  return createHash("sha256").update(os.userInfo().username).digest("hex").slice(0, 12);
}

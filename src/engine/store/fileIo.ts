import fs from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";

/**
 * Every write of a run folder goes through these few operations, so that tests can stop a process or fill the disk at
 * each of them. A failed write never leaves half a line or half a file behind; a killed process can, and `repair.ts`
 * mends it.
 */
export interface FileIo {
  /** With its parents; does nothing when it exists. */
  readonly makeDir: (dir: string) => Promise<void>;
  /** Throws EEXIST when the name is taken: of two processes one makes the folder. */
  readonly makeNewDir: (dir: string) => Promise<void>;
  /** Creates a file that must not exist, and flushes it to the disk. */
  readonly writeNew: (file: string, data: Uint8Array, mode?: number) => Promise<void>;
  /** Appends in one write call; the file is created when it is missing. */
  readonly append: (file: string, data: Uint8Array) => Promise<void>;
  readonly truncate: (file: string, bytes: number) => Promise<void>;
  /** Replaces `to` when it is a file. */
  readonly rename: (from: string, to: string) => Promise<void>;
  /** Makes a second name of a file; throws EEXIST when the name is taken. */
  readonly link: (existing: string, name: string) => Promise<void>;
  readonly remove: (fileOrDir: string) => Promise<void>;
  /** Flushes a file or the entries of a folder to the disk. */
  readonly flush: (fileOrDir: string) => Promise<void>;
}

export const nodeFileIo: FileIo = {
  async makeDir(dir) {
    await named(dir, fs.mkdir(dir, { recursive: true }));
  },
  async makeNewDir(dir) {
    await named(dir, fs.mkdir(dir));
  },
  async writeNew(file, data, mode) {
    await named(file, writeWhole(file, data, mode));
  },
  async append(file, data) {
    await named(file, appendWhole(file, data));
  },
  async truncate(file, bytes) {
    await named(file, fs.truncate(file, bytes));
  },
  async rename(from, to) {
    await named(to, renameWithRetry(from, to));
  },
  async link(existing, name) {
    await named(name, fs.link(existing, name));
  },
  async remove(fileOrDir) {
    await named(fileOrDir, fs.rm(fileOrDir, { recursive: true, force: true, maxRetries: 5 }));
  },
  async flush(fileOrDir) {
    await named(fileOrDir, flushPath(fileOrDir));
  },
};

/** Replaces a file as a whole: readers see the old content or the new one. The temporary file goes when it fails. */
export async function replaceFile(io: FileIo, file: string, data: Uint8Array): Promise<void> {
  const temporary = `${file}.partial`;
  try {
    await io.remove(temporary);
    await io.writeNew(temporary, data);
    await io.rename(temporary, file);
  } catch (error) {
    await io.remove(temporary).catch(() => undefined); // the first error is the one to tell
    throw error;
  }
  await io.flush(path.dirname(file));
}

export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

async function writeWhole(file: string, data: Uint8Array, mode: number | undefined): Promise<void> {
  const handle = await fs.open(file, "wx", mode);
  try {
    await handle.writeFile(data);
    await handle.sync();
  } catch (error) {
    await handle.close();
    await fs.rm(file, { force: true });
    throw error;
  }
  await handle.close();
}

async function appendWhole(file: string, data: Uint8Array): Promise<void> {
  const handle = await fs.open(file, "a");
  try {
    const { size } = await handle.stat();
    try {
      const { bytesWritten } = await handle.write(data);
      // A nearly full disk takes a part; the rest then gives the real reason.
      if (bytesWritten < data.byteLength) await handle.writeFile(data.subarray(bytesWritten));
    } catch (error) {
      await handle.truncate(size).catch(() => undefined);
      throw error;
    }
  } finally {
    await handle.close();
  }
}

/** Windows refuses to rename what a virus scanner or an indexer holds open for a moment. */
async function renameWithRetry(from: string, to: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fs.rename(from, to);
    } catch (error) {
      const isHeld = process.platform === "win32" && isErrno(error, "EPERM", "EACCES", "EBUSY");
      if (!isHeld || attempt === 10) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20 * attempt));
    }
  }
}

async function flushPath(fileOrDir: string): Promise<void> {
  const isWindows = process.platform === "win32"; // it flushes what is open for writing, and no folders
  if (isWindows && (await fs.stat(fileOrDir)).isDirectory()) return;
  const handle = await fs.open(fileOrDir, isWindows ? "r+" : "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Runs a write; says which file, and what to do, when a write fails for a reason that the user can mend. */
async function named<T>(file: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw explainWriteError(file, error);
  }
}

/** An error that crossed a process boundary has its code in its message only. */
function isDiskFull(error: unknown): boolean {
  if (isErrno(error, "ENOSPC", "EDQUOT")) return true;
  return error instanceof Error && !UserError.is(error) && /\b(ENOSPC|EDQUOT)\b/.test(error.message);
}

export function explainWriteError(file: string, error: unknown): unknown {
  if (isDiskFull(error)) {
    return new UserError(
      {
        code: "disk-full",
        where: file,
        message: "no space left on the disk (or in its quota) to write this file",
        hint: "Free some space, then resume the run: it goes on from its last checkpoint.",
      },
      { cause: error },
    );
  }
  if (isErrno(error, "EROFS", "EACCES")) {
    return new UserError(
      {
        code: "unsupported",
        where: file,
        message: `this place cannot be written (${isErrno(error, "EROFS") ? "read-only disk" : "permission denied"})`,
        hint: 'Choose another folder with "runs" in the specification or --out.',
      },
      { cause: error },
    );
  }
  return error;
}

import { randomBytes } from "node:crypto";
import { UserError } from "../../protocol/errors.ts";
import { nodeFileIo, type FileIo } from "./fileIo.ts";
import { acquireLock } from "./lock.ts";

export interface OwnedFolder {
  release(): Promise<void>;
}

/**
 * Makes a folder that only this process writes to, until it ends or releases it. The lock is that of run folders; nobody
 * can connect to it.
 * @param what the folder holds, for people
 * @throws UserError run-locked when another process owns the folder.
 */
export async function ownFolder(dir: string, what: string, io: FileIo = nodeFileIo): Promise<OwnedFolder> {
  await io.makeDir(dir);
  try {
    const lock = await acquireLock(io, dir, { socket: "none", token: randomBytes(16).toString("hex") });
    return { release: () => lock.release() };
  } catch (error) {
    if (!UserError.is(error, "run-locked")) throw error;
    const hint = `Wait for it, or give another folder with --out. ${error.hint ?? ""}`.trim();
    const message = `another process writes this ${what}: ${error.message}`;
    throw new UserError({ code: "run-locked", where: dir, message, hint }, { cause: error });
  }
}

import fs from "node:fs/promises";
import { explainWriteError, nodeFileIo } from "../../../src/engine/store/fileIo.ts";
import type { FileIo } from "../../../src/engine/store/fileIo.ts";

/** What happens at a write: it is made, it is not made, or half of its bytes are. */
export type WriteFate = "done" | "nothing" | "half";

export interface Write {
  readonly number: number; // from 1
  readonly operation: keyof FileIo;
  readonly file: string;
}

/**
 * Real files, but each write asks first what becomes of it. After a "nothing" or "half", `onFault` takes over: it throws
 * (a disk that is full) or never returns (a process that is killed).
 */
export function createFaultyIo(fateOf: (write: Write) => WriteFate, onFault: () => Promise<never>): FileIo {
  let number = 0;
  const guard = async (
    operation: keyof FileIo,
    file: string,
    half: () => Promise<void>,
    whole: () => Promise<void>,
  ) => {
    number += 1;
    const fate = fateOf({ number, operation, file });
    if (fate === "done") return whole();
    if (fate === "half") await half();
    try {
      return await onFault();
    } catch (error) {
      throw explainWriteError(file, error);
    }
  };
  const none = async (): Promise<void> => undefined;
  const halfOf = (data: Uint8Array): Uint8Array => data.subarray(0, Math.floor(data.length / 2));
  const { makeDir, makeNewDir, append, truncate, rename, link, remove } = nodeFileIo;
  // Nobody pulls the plug here: nothing is flushed, which makes hundreds of runs quick.
  const writeNew: FileIo["writeNew"] = (file, data, mode) => fs.writeFile(file, data, { flag: "wx", mode });
  return {
    makeDir: (dir) => guard("makeDir", dir, none, () => makeDir(dir)),
    makeNewDir: (dir) => guard("makeNewDir", dir, none, () => makeNewDir(dir)),
    writeNew: (file, data, mode) =>
      guard(
        "writeNew",
        file,
        () => writeNew(file, halfOf(data), mode),
        () => writeNew(file, data, mode),
      ),
    append: (file, data) =>
      guard(
        "append",
        file,
        () => append(file, halfOf(data)),
        () => append(file, data),
      ),
    truncate: (file, bytes) => guard("truncate", file, none, () => truncate(file, bytes)),
    rename: (from, to) => guard("rename", to, none, () => rename(from, to)),
    link: (existing, name) => guard("link", name, none, () => link(existing, name)),
    remove: (fileOrDir) => guard("remove", fileOrDir, none, () => remove(fileOrDir)),
    flush: (fileOrDir) => guard("flush", fileOrDir, none, none),
  };
}

export function diskFull(): Error {
  return Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
}

import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import { isErrno } from "./fileIo.ts";
import type { FileIo } from "./fileIo.ts";
import { namesIn } from "./lineFile.ts";

/** Where a new run goes: a folder of its own under `runsDir`, or the folder that the user named (`--out`). */
export type RunDirRequest =
  | { readonly kind: "new"; readonly runsDir: string; readonly name: string; readonly date: Date }
  | { readonly kind: "named"; readonly runDir: string };

/** Makes the folder "<date>-<name>", "<date>-<name>-2", … that nobody else has made. @returns its absolute path. */
export async function makeRunDir(io: FileIo, request: RunDirRequest): Promise<string> {
  if (request.kind === "named") {
    const runDir = path.resolve(request.runDir);
    await io.makeDir(runDir);
    return runDir;
  }
  const runsDir = path.resolve(request.runsDir);
  await io.makeDir(runsDir);
  const first = `${localDay(request.date)}-${request.name}`;
  for (let number = 1; ; number++) {
    const runDir = path.join(runsDir, number === 1 ? first : `${first}-${number}`);
    try {
      await io.makeNewDir(runDir);
      return runDir;
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  }
}

/** @throws UserError run-exists when the folder holds a run or anything else that a start does not leave. */
export async function refuseUsedFolder(runDir: string): Promise<void> {
  const names = await namesIn(runDir);
  const found = names.includes("run.json") ? "a run" : names.find((name) => !leftovers.test(name));
  if (found === undefined) return;
  throw new UserError({
    code: "run-exists",
    where: runDir,
    message: `expected an empty folder for a new run, found ${found}`,
    hint: found === "a run" ? "Resume that run, or choose another folder." : "Choose another folder.",
  });
}

/** What a start that was killed at once may leave in a folder. */
const leftovers =
  /^(lock.*|state\.json(\.partial)?|run\.json\.partial|log\.txt|rollouts|tokens|evaluation|checkpoints)$/;

/** The user's day, "2025-01-31". */
function localDay(date: Date): string {
  const twoDigits = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())}`;
}

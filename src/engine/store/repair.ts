import path from "node:path";
import type { FileIo } from "./fileIo.ts";
import { namesIn, repairTornLine } from "./lineFile.ts";
import { listSteps } from "./rollouts.ts";
import { partialEnding, runFiles } from "./runPaths.ts";

/** Removes what a killed process was writing or deleting; records are never among it. */
export async function removePartials(io: FileIo, runDir: string): Promise<void> {
  const dirs = [runDir, runFiles.checkpointsDir(runDir), runFiles.tokensDir(runDir), runFiles.evaluationDir(runDir)];
  for (const dir of dirs) {
    for (const name of await namesIn(dir)) {
      // Another process may be asking for the lock right now.
      if (name.endsWith(partialEnding) && !name.startsWith("lock.")) await io.remove(path.join(dir, name));
    }
  }
}

/** Cuts torn last lines of the files that a killed process may have been appending to. @returns what was done, for the log. */
export async function repairLineFiles(io: FileIo, runDir: string): Promise<string[]> {
  const lastStep = (await listSteps(runFiles.rolloutsDir(runDir), ".jsonl")).at(-1);
  const files = [runFiles.metrics(runDir), runFiles.timings(runDir)];
  if (lastStep !== undefined) files.push(runFiles.rollouts(runDir, lastStep));
  const repairs: string[] = [];
  for (const file of files) {
    const bytes = await repairTornLine(io, file);
    if (bytes > 0) repairs.push(`${file}: cut ${bytes} bytes of a last line that was not written to its end`);
  }
  return repairs;
}

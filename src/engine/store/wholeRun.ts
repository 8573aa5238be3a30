import fs from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { MetricsRecord, RolloutLine, RunRecord } from "../../protocol/records.ts";
import { recordVersion } from "../../protocol/records.ts";
import { explainWriteError, isErrno, nodeFileIo } from "./fileIo.ts";
import { namesIn, readOrNothing } from "./lineFile.ts";
import { appendIndexBlock } from "./rolloutIndex.ts";
import { listSteps } from "./rollouts.ts";
import { partialEnding, runFiles } from "./runPaths.ts";
import { formatFile, formatLine } from "./versionedRecords.ts";

/**
 * Writes the folder of a run that is over before it is written, such as an imported one. It grows under another name, so
 * that nobody opens half a run, and a failure leaves nothing.
 */
export class WholeRunWriter {
  /** Where the records lie until `finish`. */
  readonly draftDir: string;

  private constructor(draftDir: string) {
    this.draftDir = draftDir;
  }

  /** The draft lies beside the folder that the run will most likely get, on the same disk. */
  static async create(runDir: string): Promise<WholeRunWriter> {
    const parent = path.dirname(runDir);
    await nodeFileIo.makeDir(parent);
    const draftDir = await fs.mkdtemp(path.join(parent, ".draft-")).catch((error: unknown) => {
      throw explainWriteError(parent, error);
    });
    await nodeFileIo.makeDir(runFiles.rolloutsDir(draftDir));
    return new WholeRunWriter(draftDir);
  }

  async appendGroups(step: number, lines: readonly RolloutLine[]): Promise<void> {
    if (lines.length === 0) return;
    await nodeFileIo.append(runFiles.rollouts(this.draftDir, step), Buffer.from(lines.map(formatLine).join("")));
  }

  /** Writes everything else and gives the folder its name. `metrics` are in the order of their steps. */
  async finish(place: RunPlace, run: WholeRun): Promise<void> {
    const { draftDir } = this;
    const steps = await listSteps(runFiles.rolloutsDir(draftDir), ".jsonl");
    for (const step of steps) await appendIndexBlock(nodeFileIo, draftDir, step);
    const last = run.metrics.at(-1);
    const step = steps.at(-1) ?? 0;
    const state = {
      version: recordVersion,
      status: "finished",
      phase: "idle",
      step,
      steps: step,
      updatedAt: new Date().toISOString(),
      reward: last?.metrics["reward"] ?? null,
      lastCheckpoint: null,
    } as const;
    await nodeFileIo.writeNew(runFiles.metrics(draftDir), Buffer.from(run.metrics.map(formatLine).join("")));
    await nodeFileIo.writeNew(runFiles.log(draftDir), Buffer.from(run.log));
    await nodeFileIo.writeNew(runFiles.state(draftDir), formatFile(state));
    const record: RunRecord = { version: recordVersion, id: path.basename(place.runDir), ...run.record };
    await nodeFileIo.writeNew(runFiles.run(draftDir), formatFile(record));
    if (place.kind === "instead") await this.#replace(place.runDir);
    else await this.#publish(place.runDir);
  }

  /** Leaves nothing behind. */
  async abandon(): Promise<void> {
    await nodeFileIo.remove(this.draftDir);
  }

  async #publish(runDir: string): Promise<void> {
    try {
      await fs.rmdir(runDir); // succeeds for an empty folder only
    } catch (error) {
      if (!isErrno(error, "ENOENT", "ENOTDIR", "ENOTEMPTY", "EEXIST")) throw explainWriteError(runDir, error);
    }
    await requireUnused(runDir);
    await nodeFileIo.rename(this.draftDir, runDir);
  }

  /** What others have put beside the rollouts, such as scores, stays. */
  async #replace(runDir: string): Promise<void> {
    const own = await namesIn(this.draftDir);
    for (const name of (await namesIn(runDir)).filter((known) => !own.includes(known))) {
      await nodeFileIo.rename(path.join(runDir, name), path.join(this.draftDir, name));
    }
    const old = `${this.draftDir}${partialEnding}`;
    await nodeFileIo.rename(runDir, old);
    await nodeFileIo.rename(this.draftDir, runDir);
    await nodeFileIo.remove(old);
  }
}

/** A folder that is not there or empty; or that of a run which this one continues. */
export interface RunPlace {
  readonly kind: "new" | "instead";
  readonly runDir: string;
}

export interface WholeRun {
  readonly record: Omit<RunRecord, "version" | "id">;
  readonly metrics: readonly MetricsRecord[];
  readonly log: string;
}

/** @throws UserError run-exists when there is anything in the folder */
export async function requireUnused(runDir: string): Promise<void> {
  const [found] = await namesIn(runDir);
  const isFile = await fs.stat(runDir).then(
    (stats) => !stats.isDirectory(),
    () => false,
  );
  if (found === undefined && !isFile) return;
  throw new UserError({
    code: "run-exists",
    where: runDir,
    message: `expected an empty folder or none, found ${isFile ? "a file" : found}`,
    hint: "Choose another folder.",
  });
}

/**
 * Whether the rollouts of a run go on where those of another end: all of its steps have the same bytes, but the last,
 * which may not have been complete.
 */
export async function continuesRollouts(runDir: string, earlierDir: string): Promise<boolean> {
  const earlier = await listSteps(runFiles.rolloutsDir(earlierDir), ".jsonl");
  const steps = new Set(await listSteps(runFiles.rolloutsDir(runDir), ".jsonl"));
  if (!earlier.every((step) => steps.has(step))) return false;
  for (const step of earlier.slice(0, -1)) {
    const [before, now] = await Promise.all(
      [earlierDir, runDir].map((dir) => readOrNothing(runFiles.rollouts(dir, step))),
    );
    if (before === undefined || now === undefined || !before.equals(now)) return false;
  }
  return true;
}

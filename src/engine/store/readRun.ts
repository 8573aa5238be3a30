import fs from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { ErrorData } from "../../protocol/errors.ts";
import type { RunDetails, RunSummary } from "../../protocol/messages.ts";
import type { EvaluationRecord, MetricsRecord, RunRecord, RunState, TimingsRecord } from "../../protocol/records.ts";
import { listCheckpoints } from "./checkpoints.ts";
import { isErrno } from "./fileIo.ts";
import { namesIn, readLines } from "./lineFile.ts";
import { checkLock } from "./lock.ts";
import { listSteps } from "./rollouts.ts";
import { runFiles } from "./runPaths.ts";
import { parseRecord } from "./versionedRecords.ts";

/** @throws UserError not-found when the folder is no run, bad-record. */
export async function readRunRecord(runDir: string): Promise<RunRecord> {
  const file = runFiles.run(runDir);
  try {
    return parseRecord("run", await fs.readFile(file, "utf8"), file);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "ENOTDIR")) throw error;
    throw new UserError({
      code: "not-found",
      where: runDir,
      message: "expected a run folder, found no run.json in it",
      hint: "Name the folder of one run, such as runs/2025-01-31-moving-shapes.",
    });
  }
}

export async function readRunState(runDir: string): Promise<RunState> {
  const file = runFiles.state(runDir);
  return parseRecord("state", await fs.readFile(file, "utf8"), file);
}

/** Reward files as the run goes on with them; null before it has loaded them, and for runs of older versions. */
export async function readRewardSources(runDir: string): Promise<Readonly<Record<string, string>> | null> {
  const newest = (await listSteps(runFiles.rewardsDir(runDir), ".json")).at(-1);
  if (newest === undefined) return null;
  const file = runFiles.rewards(runDir, newest);
  return parseRecord("rewards", await fs.readFile(file, "utf8"), file).sources;
}

/** Evaluations by step, ascending; of all steps when none are named. Missing ones are left out. */
export async function readEvaluations(runDir: string, steps?: readonly number[]): Promise<EvaluationRecord[]> {
  const present = await listSteps(runFiles.evaluationDir(runDir), ".json");
  const records: EvaluationRecord[] = [];
  for (const step of present.filter((s) => steps === undefined || steps.includes(s))) {
    const file = runFiles.evaluation(runDir, step);
    records.push(parseRecord("evaluation", await fs.readFile(file, "utf8"), file));
  }
  return records;
}

/** Metrics of the finished steps; a line that is just being written is left out. */
export async function readMetrics(runDir: string): Promise<readonly MetricsRecord[]> {
  return (await readLines("metrics", runFiles.metrics(runDir))).records;
}

/** Timings of the finished steps. */
export async function readTimings(runDir: string): Promise<readonly TimingsRecord[]> {
  return (await readLines("timings", runFiles.timings(runDir))).records;
}

/** What a list of runs shows. A run whose state is "running" with `alive: false` has crashed and can be resumed. */
export async function readRunSummary(runDir: string): Promise<RunSummary> {
  const record = await readRunRecord(runDir);
  const status = await checkLock(runDir); // before the state: an owner that ends writes its state, then frees the lock
  const state = await readRunState(runDir);
  const isRunning = state.status === "running" || state.status === "stopping";
  return {
    runDir,
    runId: record.id,
    name: record.name,
    specPath: record.specPath,
    createdAt: record.createdAt,
    state,
    alive: status.kind === "held" || (status.kind === "elsewhere" && isRunning),
    ...(status.kind === "held" ? { socket: status.lock.socket, token: status.lock.token } : {}),
  };
}

export async function readRunDetails(runDir: string): Promise<RunDetails> {
  const summary = await readRunSummary(runDir);
  const evaluations = await readEvaluations(runDir);
  return {
    ...summary,
    checkpoints: await listCheckpoints(runDir),
    evaluations: evaluations.map(({ examples: _, ...evaluation }) => evaluation),
    metrics: await readMetrics(runDir),
    rolloutSteps: await listSteps(runFiles.rolloutsDir(runDir), ".jsonl"),
  };
}

/**
 * Runs under the folders, newest first. A folder is a run itself, or holds runs. A run that cannot be read is left out
 * and named in `problems`.
 */
export async function listRuns(
  folders: readonly string[],
): Promise<{ runs: readonly RunSummary[]; problems: readonly ErrorData[] }> {
  const runs: RunSummary[] = [];
  const problems: ErrorData[] = [];
  for (const runDir of await findRunDirs(folders)) {
    try {
      runs.push(await readRunSummary(runDir));
    } catch (error) {
      if (UserError.is(error)) problems.push(error.toData());
      else if (isErrno(error, "ENOENT"))
        continue; // deleted while we looked
      else throw error;
    }
  }
  runs.sort((a, b) => b.createdAt.localeCompare(a.createdAt) || b.runId.localeCompare(a.runId));
  return { runs, problems };
}

async function findRunDirs(folders: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  for (const folder of folders.map((f) => path.resolve(f))) {
    const names = await namesIn(folder);
    if (names.includes("run.json")) found.add(folder);
    for (const name of names) {
      if ((await namesIn(path.join(folder, name))).includes("run.json")) found.add(path.join(folder, name));
    }
  }
  return found;
}

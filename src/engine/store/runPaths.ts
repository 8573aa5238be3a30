import path from "node:path";

/** Where things lie in a run folder. Every path of the store is made here. */
export const runFiles = {
  run: (runDir: string) => path.join(runDir, "run.json"),
  state: (runDir: string) => path.join(runDir, "state.json"),
  rewardsDir: (runDir: string) => path.join(runDir, "rewards"),
  rewards: (runDir: string, step: number) => path.join(runDir, "rewards", `${stepName(step)}.json`),
  lock: (runDir: string) => path.join(runDir, "lock"),
  log: (runDir: string) => path.join(runDir, "log.txt"),
  metrics: (runDir: string) => path.join(runDir, "metrics.jsonl"),
  timings: (runDir: string) => path.join(runDir, "timings.jsonl"),
  rolloutsDir: (runDir: string) => path.join(runDir, "rollouts"),
  rollouts: (runDir: string, step: number) => path.join(runDir, "rollouts", `${stepName(step)}.jsonl`),
  rolloutIndex: (runDir: string) => path.join(runDir, "rollouts.index"),
  tokensDir: (runDir: string) => path.join(runDir, "tokens"),
  tokens: (runDir: string, step: number) => path.join(runDir, "tokens", `${stepName(step)}.bin`),
  evaluationDir: (runDir: string) => path.join(runDir, "evaluation"),
  evaluation: (runDir: string, step: number) => path.join(runDir, "evaluation", `${stepName(step)}.json`),
  scoresDir: (runDir: string) => path.join(runDir, "scores"),
  scores: (runDir: string, version: string) => path.join(runDir, "scores", `${version}.jsonl`),
  checkpointsDir: (runDir: string) => path.join(runDir, "checkpoints"),
  checkpoint: (runDir: string, step: number) => path.join(runDir, "checkpoints", stepName(step)),
  discardedDir: (runDir: string) => path.join(runDir, "discarded"),
} as const;

/** A checkpoint's own record; a checkpoint without it is not complete. */
export const progressFileName = "progress.json";

/** What is being written or deleted has this ending, and is removed when the run is resumed. */
export const partialEnding = ".partial";

/** "step-000100" */
export function stepName(step: number): string {
  return `step-${String(step).padStart(6, "0")}`;
}

/** Step of "step-000100", "step-000100.jsonl", …; null when the name is something else. */
export function stepOfName(name: string, ending: "" | ".jsonl" | ".bin" | ".json"): number | null {
  if (!name.endsWith(ending)) return null;
  const match = /^step-(\d{6,})$/.exec(name.slice(0, name.length - ending.length));
  return match === null ? null : Number(match[1]);
}

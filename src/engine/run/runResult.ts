import type { BaselineScores, EvaluationRecord, Scores } from "../../protocol/records.ts";
import { readEvaluations, readMetrics } from "../store/readRun.ts";

/** What a run comes to: `run --json`, and the table at its end. */
export interface RunResult {
  readonly runDir: string;
  /** Finished steps. */
  readonly steps: number;
  /** Mean reward of the first and the last step; null for SFT, or before a step has ended. */
  readonly reward: { readonly first: number | null; readonly last: number | null };
  readonly evaluation: {
    /** Of the policy before the first step. */
    readonly before: Scores | null;
    /** Of the newest policy that was evaluated, when it has had a step. */
    readonly after: Scores | null;
    readonly baselines: BaselineScores | null;
  };
}

/** Reads the result of a run from its folder; of a run that has not ended, as far as it has come. */
export async function readRunResult(runDir: string): Promise<RunResult> {
  const records = await readMetrics(runDir);
  const rewards = records.map((record) => record.metrics["reward"]).filter((reward) => reward !== undefined);
  const evaluations = await readEvaluations(runDir);
  const before = evaluations.find((evaluation) => evaluation.step === 0);
  const after: EvaluationRecord | undefined = evaluations.filter((evaluation) => evaluation.step > 0).at(-1);
  return {
    runDir,
    steps: records.at(-1)?.step ?? 0,
    reward: { first: rewards[0] ?? null, last: rewards.at(-1) ?? null },
    evaluation: {
      before: before?.scores ?? null,
      after: after?.scores ?? null,
      baselines: (after ?? before)?.baselines ?? null,
    },
  };
}

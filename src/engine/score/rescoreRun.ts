import { recordVersion } from "../../protocol/records.ts";
import { UserError } from "../../protocol/errors.ts";
import type { RescoreReward, RescoreSummary, ScoresHeader } from "../../protocol/rescore.ts";
import { isWorkspaceReward, rewardKey, type RewardSpec } from "../../protocol/rewardSpec.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { HostPrograms } from "../hosts/hostProgram.ts";
import { readRunRecord } from "../store/readRun.ts";
import { openRollouts } from "../store/rollouts.ts";
import { writeScores } from "../store/scores.ts";
import { rescore, type RescoreResult } from "./rescore.ts";
import { Scorer } from "./scorer.ts";

export interface RescoreRunParams extends HostPrograms {
  readonly runDir: string;
  readonly reward: RescoreReward;
  readonly cacheDir: string;
  /** Steps to score first: those on the screen. */
  readonly firstSteps?: readonly number[] | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((summary: RescoreSummary) => void) | undefined;
  readonly onLog: (line: string) => void;
}

export interface RescoredRun extends RescoreResult {
  /** What `acceptScores` writes with the lines. */
  readonly header: ScoresHeader;
}

/**
 * Scores all rollouts of a run again with one reward, as its files are now.
 * @throws UserError not-found, bad-reward, bad-record; the signal's reason
 */
export async function rescoreRun(params: RescoreRunParams): Promise<RescoredRun> {
  const { runDir, engineDir, pythonPath, cacheDir, onLog, signal, onProgress } = params;
  const { spec, baseDir } = await readRunRecord(runDir);
  const reward = resolveReward(params.reward, spec, runDir);
  const programs = { engineDir, pythonPath, cacheDir };
  const scorer = new Scorer({ rewards: [reward], baseDir, ...programs, sources: null, signal, onLog });
  try {
    const sources = await scorer.open();
    const rollouts = openRollouts(runDir);
    const steps = inOrder(await rollouts.steps(), params.firstSteps ?? []);
    const result = await rescore({
      reward,
      sources,
      steps,
      readStep: (step) => rollouts.readStep(step),
      scaleRewards: spec.grpo.scaleRewards,
      score: (groups) => scorer.score(groups),
      signal,
      onProgress,
    });
    const header: ScoresHeader = {
      version: recordVersion,
      kind: "scores",
      scoreVersion: result.summary.version,
      createdAt: new Date().toISOString(),
      reward,
      sources,
      runtime: isWorkspaceReward(reward) ? (await scorer.loaded(reward)).runtime : null,
    };
    return { ...result, header };
  } finally {
    await scorer.close();
  }
}

/** Writes the scores beside the rollouts. @returns the file */
export function acceptScores(runDir: string, { header, lines }: RescoredRun): Promise<string> {
  return writeScores(runDir, header, lines);
}

/** @throws UserError not-found for a name that the run does not have */
export function resolveReward(asked: RescoreReward, { rewards }: RunSpec, runDir: string): RewardSpec {
  if (asked.kind === "spec") return asked.spec;
  const found = rewards.find((reward) => rewardKey(reward) === asked.name);
  if (found !== undefined) return found;
  const known = rewards.map(rewardKey).join(", ");
  throw new UserError({
    code: "not-found",
    where: runDir,
    message: `expected a reward of this run, found "${asked.name}"`,
    hint: `Its rewards are: ${known === "" ? "none" : known}. Another function is named FILE:FUNCTION.`,
  });
}

function inOrder(steps: readonly number[], first: readonly number[]): number[] {
  const known = first.filter((step) => steps.includes(step));
  return [...known, ...steps.filter((step) => !known.includes(step))];
}

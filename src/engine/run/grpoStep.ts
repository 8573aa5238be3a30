import { UserError } from "../../protocol/errors.ts";
import type { ErrorData } from "../../protocol/errors.ts";
import type { Example } from "../data/example.ts";
import { computeAdvantages } from "../rewards/advantages.ts";
import type { UpdateResult } from "./backend.ts";
import { learningRateAt } from "./learningRate.ts";
import { failedGroupRecord, groupRecord, groupTokens } from "./rolloutRecords.ts";
import { isWorkspaceReward, rewardKey } from "../../protocol/rewardSpec.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import { shownVideo } from "../../protocol/video.ts";
import { scoreGroups } from "./scoreGroups.ts";
import type { RolledOut, ScoredGroup, StepPrompt } from "./scoreGroups.ts";
import { samplerSeed, toStepPrompts } from "./step.ts";
import type { StepContext, StepOutcome } from "./step.ts";
import { countTokens, rolloutMetrics, updateMetrics } from "./stepMetrics.ts";

type Failed = { readonly prompt: StepPrompt; readonly failure: ErrorData };

/**
 * One GRPO step: sample → reward → advantage → update. A prompt whose video fails leaves the step with a record; a step
 * with none left has no update. Rollout lines carry the KL of the first update, so they are made after it; a step that
 * diverges still has its lines.
 */
export async function grpoStep(step: number, examples: readonly Example[], context: StepContext): Promise<StepOutcome> {
  const { spec } = context.record;
  const { enter, nowSec } = context;
  const prompts = toStepPrompts(step, examples, context);

  enter("sampling", 0, prompts.length);
  const startSec = nowSec();
  const { rolledOut, failed } = await samplePrompts(step, prompts, context);
  const sampledSec = nowSec();

  enter("scoring", 0, rolledOut.length);
  const groups = await scoreGroups(rolledOut, step, spec, context.scorer);
  const advantages_P_G = computeAdvantages(
    groups.map((group) => group.completions_G.map((completion) => completion.reward)),
    spec.grpo.scaleRewards,
  );
  const scoredSec = nowSec();

  const firstFailure = failed[0]?.failure;
  const badVideo = firstFailure !== undefined && spec.video.onBadVideo === "fail" ? new UserError(firstFailure) : null;
  const stopping = badVideo ?? findRewardFailure(step, groups, spec);
  const learningRate = learningRateAt(step, spec.grpo);
  const updates = stopping === null ? await updatePolicy(groups, advantages_P_G, learningRate, context) : [];
  const updatedSec = nowSec();

  const firstUpdate = new Map(updates[0]?.groups.map((group) => [group.key, group]));
  const lines = [
    ...groups.map((g, p) =>
      groupRecord(step, g, advantages_P_G[p] ?? [], firstUpdate.get(g.prompt.key)?.meanKl_G ?? null),
    ),
    ...failed.map(({ prompt, failure }) => failedGroupRecord(step, prompt, failure)),
  ].sort((a, b) => a.group - b.group);
  return {
    lines,
    tokens: groups.flatMap((group) =>
      groupTokens(step, group, firstUpdate.get(group.prompt.key)?.refLogprobs_G_T ?? null),
    ),
    metrics: {
      ...rolloutMetrics(groups, failed.length, spec.grpo.scaleRewards),
      ...updateMetrics(updates),
      learning_rate: learningRate,
    },
    tokensSeen: countTokens(groups),
    times: {
      decodeSec: Math.max(0, ...rolledOut.map(({ sampled }) => sampled.decodeSec ?? 0)),
      sampleSec: sampledSec - startSec,
      rewardSec: scoredSec - sampledSec,
      updateSec: updatedSec - scoredSec,
      sampledTokens: groups.flatMap((g) => g.sampled.completions).reduce((sum, c) => sum + c.tokens_T.length, 0),
    },
    problem: stopping ?? findDivergence(step, updates.at(-1)),
  };
}

/** @throws UserError diverged when loss or gradient norm is not a finite number. */
export function findDivergence(step: number, update: { loss: number; gradNorm: number } | undefined): UserError | null {
  if (update === undefined || (Number.isFinite(update.loss) && Number.isFinite(update.gradNorm))) return null;
  return new UserError({
    code: "diverged",
    where: `step ${step}`,
    message: `the update is not finite: loss ${update.loss}, gradient norm ${update.gradNorm}`,
    hint: "Lower learningRate or raise warmupSteps in the specification and start again from a checkpoint.",
  });
}

/** The first call that failed of a reward whose failure ends the run. */
function findRewardFailure(step: number, groups: readonly ScoredGroup[], spec: RunSpec): UserError | null {
  const stopping = new Set(
    spec.rewards.filter((r) => isWorkspaceReward(r) && r.onError === "stop").map((reward) => rewardKey(reward)),
  );
  for (const { prompt, completions_G } of groups) {
    for (const [k, { parts }] of completions_G.entries()) {
      const failed = parts.find((part) => part.error !== undefined && stopping.has(part.name));
      if (failed?.error === undefined) continue;
      return new UserError({
        code: "reward-failed",
        where: `rollout ${step}/${prompt.group}/${k}`,
        message: `the reward ${failed.name} failed: ${failed.error.message}`,
        hint: 'Mend the reward and resume the run, or set its "onError" to "zero" or "drop".',
      });
    }
  }
  return null;
}

async function samplePrompts(
  step: number,
  prompts: readonly StepPrompt[],
  { backend, record, next }: StepContext,
): Promise<{ rolledOut: RolledOut[]; failed: Failed[] }> {
  const { groupSize, temperature, topP, topK, maxCompletionLength, keepTopTokens } = record.spec.grpo;
  const sampled = await backend.sample({
    prompts: prompts.map((prompt) => ({
      key: prompt.key,
      text: prompt.text,
      ...shownVideo(prompt.example),
      seed: samplerSeed(record, step, prompt),
    })),
    groupSize,
    sampling: { temperature, topP, topK, maxCompletionLength, keepTopTokens },
    forTraining: true,
    next: next.map(shownVideo),
  });
  const byKey = new Map(sampled.map((group) => [group.key, group]));
  const rolledOut: RolledOut[] = [];
  const failed: Failed[] = [];
  for (const prompt of prompts) {
    const group = byKey.get(prompt.key);
    if (group === undefined) throw new Error(`internal: the backend did not answer for prompt ${prompt.key}`);
    if (group.ok) rolledOut.push({ prompt, sampled: group });
    else failed.push({ prompt, failure: group.failure });
  }
  return { rolledOut, failed };
}

/** TRL's num_iterations: several updates on the same rollouts; ends early when one is not finite. */
async function updatePolicy(
  groups: readonly ScoredGroup[],
  advantages_P_G: readonly (readonly (number | null)[])[],
  learningRate: number,
  { backend, record, enter }: StepContext,
): Promise<UpdateResult[]> {
  if (groups.length === 0) return [];
  const { numIterations, maskTruncatedCompletions } = record.spec.grpo;
  const weighted = groups.map(({ prompt, completions_G }, p) => ({
    key: prompt.key,
    advantages_G: completions_G.map((_, k) => advantages_P_G[p]?.[k] ?? null),
    isMasked_G: completions_G.map(({ sampled }) => maskTruncatedCompletions && sampled.finishReason === "length"),
  }));
  const hasTokens = weighted.some(({ advantages_G, isMasked_G }) =>
    advantages_G.some((advantage, k) => advantage !== null && isMasked_G[k] === false),
  );
  if (!hasTokens) return [];
  const updates: UpdateResult[] = [];
  for (let iteration = 0; iteration < numIterations; iteration++) {
    enter("updating", iteration, numIterations);
    const update = await backend.update({ iteration, learningRate, groups: weighted });
    updates.push(update);
    if (!Number.isFinite(update.loss) || !Number.isFinite(update.gradNorm)) break;
  }
  return updates;
}

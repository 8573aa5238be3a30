import type { GrpoSpec } from "../../protocol/spec.ts";
import { microBatches } from "../policy/activations.ts";
import { completionBatch, layOut, spreadOverTokens, unpad, type CompletionBatch } from "../policy/completionBatch.ts";
import { accumulateCompletions, completionLogprobs } from "../policy/completionPass.ts";
import type { Policy } from "../policy/policy.ts";
import type { PreparedPrompt } from "../policy/preparedPrompt.ts";
import { accumulateAroundPrompt } from "../policy/promptGradient.ts";
import { computePromptKv, withResidentKv, type PromptKv } from "../policy/promptKv.ts";
import type { OptimizerState } from "../policy/trainer.ts";
import { grpoLoss } from "./lossGraph.ts";
import { tokenWeight, type StepTotals } from "./lossWeights.ts";

/** A group ready for the loss. */
export interface ScoredGroup {
  readonly prompt: PreparedPrompt;
  readonly tokens_G_T: readonly Int32Array[];
  readonly oldLogprobs_G_T: readonly Float32Array[];
  /** null: dropped, as if the rollout had not been. */
  readonly advantages_G: readonly (number | null)[];
  /** Cut by length and masked: without weight in the loss, but one of the completions that it is the mean of. */
  readonly isMasked_G: readonly boolean[];
}

/** Whether a completion's tokens have weight in the loss. */
export function hasWeight(group: ScoredGroup, k: number): boolean {
  const advantage = group.advantages_G[k];
  return advantage !== null && advantage !== undefined && group.isMasked_G[k] !== true;
}

export interface GroupOutcome {
  readonly loss: number;
  readonly logprobs_G_T: readonly Float32Array[];
  readonly entropies_G_T: readonly Float32Array[];
  /** null without a reference policy. */
  readonly refLogprobs_G_T: readonly Float32Array[] | null;
}

export function stepTotals(groups: readonly ScoredGroup[]): StepTotals {
  const sizes = groups.map((group) => group.advantages_G.filter((advantage) => advantage !== null).length);
  const weighted = groups.flatMap((group) => group.tokens_G_T.filter((_, k) => hasWeight(group, k)));
  return {
    sequences: sizes.reduce((sum, size) => sum + size, 0),
    tokens: weighted.reduce((sum, tokens) => sum + tokens.length, 0),
    groups: sizes.filter((size) => size > 0).length,
  };
}

/** Log-probabilities of the group's tokens under the reference policy. */
export async function referenceLogprobs(
  policy: Policy,
  group: ScoredGroup,
  temperature: number,
): Promise<Float32Array[]> {
  const { prompt } = group;
  const computed = await computePromptKv(policy, prompt, { which: "reference" });
  return withResidentKv(policy, computed, async (kv) => {
    const found: Float32Array[] = [];
    for (const part of partsOf(policy, group)) {
      const batch = batchOf(policy, part.group);
      const { logprobs_N } = await completionLogprobs(policy, { prompt, kv, batch, temperature }, "reference");
      found.push(...unpad(batch, logprobs_N));
    }
    return found;
  });
}

/**
 * Adds the gradients of one group to the optimizer's buffers: its completions in micro-batches, then the prompt once.
 * @param refLogprobs_G_T null leaves the KL term out
 * @param kv the prompt's keys and values under the present weights, where they are known
 */
export async function accumulateGroup(
  policy: Policy,
  optimizer: OptimizerState,
  group: ScoredGroup,
  refLogprobs_G_T: readonly Float32Array[] | null,
  totals: StepTotals,
  spec: GrpoSpec,
  kv?: PromptKv,
): Promise<GroupOutcome> {
  const { prompt } = group;
  const { temperature, importanceSamplingLevel } = spec;
  const logprobs_G_T: Float32Array[] = [];
  const entropies_G_T: Float32Array[] = [];
  let loss = 0;
  const tokens = weightedTokens(group);
  await accumulateAroundPrompt(policy, optimizer, prompt, kv, async (promptKv, promptGradient) => {
    for (const { group: part, indices } of partsOf(policy, group)) {
      const batch = batchOf(policy, part);
      const ref_G_T = refLogprobs_G_T === null ? null : picked(refLogprobs_G_T, indices);
      const work = { prompt, kv: promptKv, batch, temperature };
      const feeds = lossFeeds(part, batch, ref_G_T, totals, spec, tokens);
      const partLoss = grpoLoss({ importanceSamplingLevel, hasReference: ref_G_T !== null });
      const computed = await accumulateCompletions(policy, optimizer, work, partLoss, feeds, promptGradient);
      loss += computed.loss;
      logprobs_G_T.push(...unpad(batch, computed.logprobs_N));
      entropies_G_T.push(...unpad(batch, computed.entropies_N));
    }
  });
  return { loss, logprobs_G_T, entropies_G_T, refLogprobs_G_T };
}

/** The completions of a group that are computed together. */
interface GroupPart {
  readonly group: ScoredGroup;
  /** Of its completions in the whole group. */
  readonly indices: readonly number[];
}

function partsOf(policy: Policy, group: ScoredGroup): readonly GroupPart[] {
  const lengths_G = group.tokens_G_T.map((tokens) => tokens.length);
  return microBatches(policy.config, group.prompt.paddedLength, lengths_G, policy.limits).map((indices) => ({
    indices,
    group: {
      prompt: group.prompt,
      tokens_G_T: picked(group.tokens_G_T, indices),
      oldLogprobs_G_T: picked(group.oldLogprobs_G_T, indices),
      advantages_G: picked(group.advantages_G, indices),
      isMasked_G: picked(group.isMasked_G, indices),
    },
  }));
}

function picked<T>(items: readonly T[], indices: readonly number[]): T[] {
  // SAFETY: indices are places of the list; `undefined` is no element of it.
  return indices.map((i) => items[i] as T);
}

function weightedTokens(group: ScoredGroup): number {
  return group.tokens_G_T.reduce((sum, tokens, k) => sum + (hasWeight(group, k) ? tokens.length : 0), 0);
}

/**
 * Numbers of the loss beside the policy's: all zero where a completion takes no part.
 * @param groupTokens tokens with weight of the whole group, of which these completions may be a part
 */
export function lossFeeds(
  group: ScoredGroup,
  batch: CompletionBatch,
  refLogprobs_G_T: readonly Float32Array[] | null,
  totals: StepTotals,
  spec: GrpoSpec,
  groupTokens = weightedTokens(group),
): Record<string, Float32Array> {
  const weight = (k: number): number =>
    hasWeight(group, k)
      ? tokenWeight(spec.lossType, batch.lengths_G[k] ?? 1, groupTokens, totals, spec.maxCompletionLength)
      : 0;
  return {
    old_logprobs: layOut(batch, group.oldLogprobs_G_T),
    advantages: spreadOverTokens(batch, (k) => group.advantages_G[k] ?? 0),
    loss_weights: spreadOverTokens(batch, weight),
    clip_low: Float32Array.of(1 - spec.epsilon),
    clip_high: Float32Array.of(1 + (spec.epsilonHigh ?? spec.epsilon)),
    ...(spec.importanceSamplingLevel === "sequence"
      ? { sequence_weights: spreadOverTokens(batch, (k) => 1 / Math.max(1, batch.lengths_G[k] ?? 1)) }
      : {}),
    ...(refLogprobs_G_T === null
      ? {}
      : { ref_logprobs: layOut(batch, refLogprobs_G_T), beta: Float32Array.of(spec.beta) }),
  };
}

function batchOf(policy: Policy, group: ScoredGroup): CompletionBatch {
  return completionBatch(group.tokens_G_T, group.prompt.lastToken, policy.config.padTokenId);
}

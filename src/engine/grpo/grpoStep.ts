import type { GrpoSpec } from "../../protocol/spec.ts";
import { completionBatch, layOut, spreadOverTokens, unpad, type CompletionBatch } from "../policy/completionBatch.ts";
import type { Policy } from "../policy/policy.ts";
import { weightFeeds } from "../policy/policy.ts";
import type { PreparedPrompt } from "../policy/preparedPrompt.ts";
import { gradientBuffers, groupFeeds, groupShapeOf, shapeKey, type OptimizerState } from "../policy/trainer.ts";
import { buildGrpoAccumulate, buildLogprobs } from "./lossGraph.ts";
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
  const batch = batchOf(policy, group);
  const shape = groupShapeOf(policy, group.prompt, batch, false);
  const graph = await policy.graphs.get(`logprobs/${shapeKey(shape)}`, () =>
    buildLogprobs(policy.config, policy.lora, shape),
  );
  const feeds = await groupFeeds(policy, group.prompt, batch, shape, temperature, "reference");
  const { logprobs } = await graph.run({ ...weightFeeds(policy, graph, "reference"), ...feeds });
  return unpad(batch, floats(logprobs));
}

/**
 * Adds the gradients of one group to the optimizer's buffers.
 * @param refLogprobs_G_T null leaves the KL term out
 */
export async function accumulateGroup(
  policy: Policy,
  optimizer: OptimizerState,
  group: ScoredGroup,
  refLogprobs_G_T: readonly Float32Array[] | null,
  totals: StepTotals,
  spec: GrpoSpec,
): Promise<GroupOutcome> {
  const batch = batchOf(policy, group);
  const shape = groupShapeOf(policy, group.prompt, batch, true);
  const options = { importanceSamplingLevel: spec.importanceSamplingLevel, hasReference: refLogprobs_G_T !== null };
  const key = `grpo/${options.importanceSamplingLevel}/${options.hasReference}/${shapeKey(shape)}`;
  const graph = await policy.graphs.get(key, () =>
    buildGrpoAccumulate(policy.config, policy.lora, shape, optimizer.trainable, options),
  );
  const buffers = gradientBuffers(optimizer);
  const feeds = {
    ...weightFeeds(policy, graph),
    ...(await groupFeeds(policy, group.prompt, batch, shape, spec.temperature)),
    ...lossFeeds(group, batch, refLogprobs_G_T, totals, spec),
    ...buffers.feeds,
  };
  const outputs = await graph.run(feeds, buffers.into);
  return {
    loss: Number(outputs["loss"]?.[0]),
    logprobs_G_T: unpad(batch, floats(outputs["logprobs"])),
    entropies_G_T: unpad(batch, floats(outputs["entropies"])),
    refLogprobs_G_T,
  };
}

/** Numbers of the loss beside the policy's: all zero where a completion takes no part. */
export function lossFeeds(
  group: ScoredGroup,
  batch: CompletionBatch,
  refLogprobs_G_T: readonly Float32Array[] | null,
  totals: StepTotals,
  spec: GrpoSpec,
): Record<string, Float32Array> {
  const groupTokens = batch.lengths_G.reduce((sum, length, k) => sum + (hasWeight(group, k) ? length : 0), 0);
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

function floats(data: unknown): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new Error("internal: graph output is not float32");
}

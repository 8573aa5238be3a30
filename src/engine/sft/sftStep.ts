import { PolicyGraph } from "../policy/policyGraph.ts";
import type { Graph } from "../graph/types.ts";
import { finishAccumulate } from "../policy/accumulate.ts";
import { completionBatch, spreadOverTokens, type CompletionBatch } from "../policy/completionBatch.ts";
import type { PolicyConfig } from "../policy/config.ts";
import { addGroupLogprobs, type GroupShape } from "../policy/groupLogprobs.ts";
import type { LoraConfig } from "../policy/lora.ts";
import type { TrainableSpec } from "../policy/optimizerGraph.ts";
import { weightFeeds, type Policy } from "../policy/policy.ts";
import type { PreparedPrompt } from "../policy/preparedPrompt.ts";
import { gradientBuffers, groupFeeds, groupShapeOf, shapeKey, type OptimizerState } from "../policy/trainer.ts";

export interface SftTarget {
  readonly prompt: PreparedPrompt;
  /** Target tokens, the end-of-sequence token included. Several targets may share a prompt. */
  readonly tokens_G_T: readonly Int32Array[];
  /** Which tokens carry loss, where not all do (conversations of several turns). */
  readonly isTarget_G_T?: readonly (readonly boolean[])[];
}

/**
 * Adds the gradients of the mean negative log-likelihood of a step's target tokens; prompts carry no loss.
 * @param totalTokens target tokens of the whole step
 * @returns the target's share of the step's loss
 */
export async function accumulateTarget(
  policy: Policy,
  optimizer: OptimizerState,
  target: SftTarget,
  totalTokens: number,
): Promise<number> {
  const batch = completionBatch(target.tokens_G_T, target.prompt.lastToken, policy.config.padTokenId);
  const shape = groupShapeOf(policy, target.prompt, batch, true);
  const graph = await policy.graphs.get(`sft/${shapeKey(shape)}`, () =>
    buildSftAccumulate(policy.config, policy.lora, shape, optimizer.trainable),
  );
  const buffers = gradientBuffers(optimizer);
  const feeds = {
    ...weightFeeds(policy, graph),
    ...(await groupFeeds(policy, target.prompt, batch, shape, 1)),
    loss_weights: lossWeights(batch, target.isTarget_G_T, totalTokens),
    ...buffers.feeds,
  };
  const { loss } = await graph.run(feeds, buffers.into);
  return Number(loss?.[0]);
}

function lossWeights(
  batch: CompletionBatch,
  isTarget_G_T: SftTarget["isTarget_G_T"],
  totalTokens: number,
): Float32Array {
  const weights_N = spreadOverTokens(batch, () => 1 / totalTokens);
  isTarget_G_T?.forEach((row, k) =>
    row.forEach((isTarget, t) => (weights_N[k * batch.length + t] = isTarget ? 1 / totalTokens : 0)),
  );
  return weights_N;
}

/** loss = -sum_t w_t logprob_t, inputs as in buildGrpoAccumulate with `loss_weights` [G * C] only. */
export function buildSftAccumulate(
  config: PolicyConfig,
  lora: LoraConfig | null,
  shape: GroupShape,
  trainable: readonly TrainableSpec[],
): Graph {
  const p = new PolicyGraph("sft_accumulate", config, lora);
  const { g } = p;
  const { logprobs_N, entropies_N } = addGroupLogprobs(p, shape);
  const loss = g.neg(g.sumAll(g.mul(g.input("loss_weights", logprobs_N.shape), logprobs_N)));
  return finishAccumulate(p, loss, logprobs_N, entropies_N, trainable);
}

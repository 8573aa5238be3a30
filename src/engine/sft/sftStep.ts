import { microBatches } from "../policy/activations.ts";
import { completionBatch, spreadOverTokens, type CompletionBatch } from "../policy/completionBatch.ts";
import type { CompletionLoss } from "../policy/completionGraphs.ts";
import { accumulateCompletions } from "../policy/completionPass.ts";
import type { Policy } from "../policy/policy.ts";
import type { PreparedPrompt } from "../policy/preparedPrompt.ts";
import { accumulateAroundPrompt } from "../policy/promptGradient.ts";
import type { OptimizerState } from "../policy/trainer.ts";

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
  const { prompt } = target;
  const lengths_G = target.tokens_G_T.map((tokens) => tokens.length);
  let loss = 0;
  await accumulateAroundPrompt(policy, optimizer, prompt, undefined, async (kv, promptGradient) => {
    for (const indices of microBatches(policy.config, prompt.paddedLength, lengths_G, policy.limits)) {
      const part = indices.map((k) => target.tokens_G_T[k] ?? new Int32Array(0));
      const isTarget_G_T =
        target.isTarget_G_T === undefined ? undefined : indices.map((k) => target.isTarget_G_T?.[k] ?? []);
      const batch = completionBatch(part, prompt.lastToken, policy.config.padTokenId);
      const weights = { loss_weights: lossWeights(batch, isTarget_G_T, totalTokens) };
      const work = { prompt, kv, batch, temperature: 1 };
      loss += (await accumulateCompletions(policy, optimizer, work, crossEntropy, weights, promptGradient)).loss;
    }
  });
  return loss;
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

/** loss = -sum_t w_t logprob_t, with the input `loss_weights` [G * C]. */
const crossEntropy: CompletionLoss = {
  key: "sft",
  add: (g, logprobs_N) => g.neg(g.sumAll(g.mul(g.input("loss_weights", logprobs_N.shape), logprobs_N))),
};

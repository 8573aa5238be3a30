import type { GrpoSpec } from "../../protocol/spec.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/types.ts";
import type { CompletionLoss, CompletionsShape } from "../policy/completionGraphs.ts";

export interface GrpoLossOptions {
  readonly importanceSamplingLevel: GrpoSpec["importanceSamplingLevel"];
  /** Whether the KL divergence to a reference policy is part of the loss (beta > 0). */
  readonly hasReference: boolean;
}

/** The GRPO loss as a part of the graphs of a step. */
export function grpoLoss(options: GrpoLossOptions): CompletionLoss {
  return {
    key: `grpo/${options.importanceSamplingLevel}/${options.hasReference}`,
    add: (g, logprobs_N, shape) => addGrpoLoss(g, logprobs_N, shape, options),
  };
}

/**
 * loss = sum_t w_t (-min(r_t A_t, clip(r_t, 1 - epsilon, 1 + epsilonHigh) A_t) + beta kl_t)
 * with r_t = exp(logprob - old logprob), a sequence's mean of the exponent when the ratio is one a sequence (GSPO), and
 * kl_t = exp(ref - logprob) - (ref - logprob) - 1 (K3; TRL GRPOTrainer._compute_loss).
 * Adds inputs [G * C]: `old_logprobs`, `ref_logprobs`, `advantages`, `loss_weights` (see lossWeights.ts; 0 on padding),
 * `sequence_weights` (1 / length on a completion's tokens, for sequence-level ratios); scalars `clip_low`, `clip_high`, `beta`.
 */
export function addGrpoLoss(
  g: GraphBuilder,
  logprobs_N: Value,
  shape: CompletionsShape,
  options: GrpoLossOptions,
): Value {
  const input = (name: string): Value => g.input(name, logprobs_N.shape);
  const [old, advantages, weights] = [input("old_logprobs"), input("advantages"), input("loss_weights")];
  const one = g.constant(1);
  // Padding has any log-probability at all: its exponential may be infinite, which no weight of 0 takes back.
  const isCounted = g.less(g.constant(0), weights);
  const counted = (x: Value): Value => g.where(isCounted, x, g.constant(0));
  const logRatio = counted(g.sub(logprobs_N, old));
  const exponent =
    options.importanceSamplingLevel === "token"
      ? logRatio
      : meanOfSequence(g, logRatio, input("sequence_weights"), shape);
  const ratio = g.exp(exponent);
  const low = g.input("clip_low", []);
  const high = g.input("clip_high", []);
  // max(x, low) = -min(-x, -low)
  const clipped = g.min(g.neg(g.min(g.neg(ratio), g.neg(low))), high);
  const surrogate = g.min(g.mul(ratio, advantages), g.mul(clipped, advantages));
  if (!options.hasReference) return g.sumAll(g.mul(weights, g.neg(surrogate)));
  const difference = counted(g.sub(input("ref_logprobs"), logprobs_N));
  const kl = g.sub(g.sub(g.exp(difference), difference), one);
  return g.sumAll(g.mul(weights, g.sub(g.mul(kl, g.input("beta", [])), surrogate)));
}

function meanOfSequence(
  g: GraphBuilder,
  x_N: Value,
  weights_N: Value,
  { count, completionLength }: CompletionsShape,
): Value {
  const grouped = g.reshape(g.mul(x_N, weights_N), [count, completionLength]);
  const mean = g.expand(g.reduceSum(grouped, [1]), [count, completionLength]);
  return g.reshape(mean, x_N.shape);
}

import type { GrpoSpec } from "../../protocol/spec.ts";
import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/types.ts";
import { finishAccumulate } from "../policy/accumulate.ts";
import type { PolicyConfig } from "../policy/config.ts";
import { addCompletionLogprobs, type CompletionsShape } from "../policy/completionLogprobs.ts";
import type { LoraConfig } from "../policy/lora.ts";
import type { TrainableSpec } from "../policy/optimizerGraph.ts";
import { PolicyGraph } from "../policy/policyGraph.ts";

export interface GrpoLossOptions {
  readonly importanceSamplingLevel: GrpoSpec["importanceSamplingLevel"];
  /** Whether the KL divergence to a reference policy is part of the loss (beta > 0). */
  readonly hasReference: boolean;
}

/**
 * *Accumulate*: the GRPO loss of completions of one prompt and its gradients, added to what earlier ones of the step left.
 *
 * Inputs beside those of `addCompletionLogprobs`, each [G * C]: `old_logprobs`, `ref_logprobs`, `advantages`, `loss_weights`
 * (see lossWeights.ts; 0 on padding), `sequence_weights` (1 / length on a completion's tokens, for sequence-level ratios);
 * scalars `clip_low`, `clip_high`, `beta`; `grad.<name>` a trainable tensor, `d_k.<layer>`, `d_v.<layer>`.
 * Outputs: `loss`, `logprobs`, `entropies`, `new_grad.<name>`, `new_d_k.<layer>`, `new_d_v.<layer>` (see finishAccumulate);
 * gradients may be written over their inputs.
 */
export function buildGrpoAccumulate(
  config: PolicyConfig,
  lora: LoraConfig | null,
  shape: CompletionsShape,
  trainable: readonly TrainableSpec[],
  options: GrpoLossOptions,
): Graph {
  const p = new PolicyGraph("grpo_accumulate", config, lora);
  const computed = addCompletionLogprobs(p, shape);
  const loss = addGrpoLoss(p.g, computed.logprobs_N, shape, options);
  return finishAccumulate(p, loss, computed, trainable);
}

/** The same without a loss: `logprobs` and `entropies`, for the reference policy. */
export function buildLogprobs(config: PolicyConfig, lora: LoraConfig | null, shape: CompletionsShape): Graph {
  const p = new PolicyGraph("logprobs", config, lora);
  const { logprobs_N, entropies_N } = addCompletionLogprobs(p, shape);
  p.g.output("logprobs", logprobs_N);
  p.g.output("entropies", entropies_N);
  return p.g;
}

/**
 * loss = sum_t w_t (-min(r_t A_t, clip(r_t, 1 - epsilon, 1 + epsilonHigh) A_t) + beta kl_t)
 * with r_t = exp(logprob - old logprob), a sequence's mean of the exponent when the ratio is one a sequence (GSPO), and
 * kl_t = exp(ref - logprob) - (ref - logprob) - 1 (K3; TRL GRPOTrainer._compute_loss).
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

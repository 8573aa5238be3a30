import type { Feeds } from "../runtime/session.ts";
import type { CompletionBatch } from "./completionBatch.ts";
import { completionPlan } from "./activations.ts";
import {
  buildCompletions,
  buildLoss,
  shapeKey,
  type CompletionLoss,
  type CompletionsShape,
} from "./completionGraphs.ts";
import {
  backwardHead,
  backwardSegments,
  forwardHead,
  forwardSegments,
  type SegmentedPass,
} from "./completionSegments.ts";
import { floatsOf, type Outputs } from "./outputs.ts";
import { weightFeeds, type Policy } from "./policy.ts";
import { completionMask, completionRotaryOf, type PreparedPrompt } from "./preparedPrompt.ts";
import { promptKvFeeds, type KvFeeds } from "./promptKv.ts";
import { gradientBuffers, type OptimizerState } from "./trainer.ts";

/** Completions that go through the policy together, after a prompt that has been computed. */
export interface CompletionWork {
  readonly prompt: PreparedPrompt;
  readonly kv: KvFeeds;
  readonly batch: CompletionBatch;
  readonly temperature: number;
}

/** Numbers by row of the batch, [G * C]. */
export interface CompletionLogprobs {
  /** Of each target under log-softmax(logits / temperature). */
  readonly logprobs_N: Float32Array;
  /** Of the same distribution. */
  readonly entropies_N: Float32Array;
}

/** Feeds of the graphs of completions but weights and loss. */
export function completionFeeds(policy: Policy, { prompt, kv, batch, temperature }: CompletionWork): Feeds {
  const rotary = completionRotaryOf(prompt, batch.length, policy.config);
  return {
    ...promptKvFeeds("prompt_", kv),
    completion_cos: rotary.cos,
    completion_sin: rotary.sin,
    completion_mask: completionMask(prompt, batch.length),
    completion_ids: batch.completion_ids,
    targets: batch.targets,
    inverse_temperature: Float32Array.of(temperature === 0 ? 1 : 1 / temperature),
  };
}

/** Log-probabilities of completions, without a gradient. */
export async function completionLogprobs(
  policy: Policy,
  work: CompletionWork,
  which: "policy" | "reference" = "policy",
): Promise<CompletionLogprobs> {
  const shape = shapeOf(work);
  const feeds = completionFeeds(policy, work);
  const plan = completionPlan(policy.config, shape, policy.limits);
  if (plan.kind === "segments") {
    const pass = { ...plan, policy, which, shape, feeds, kv: work.kv };
    return forwardHead(pass, (await forwardSegments(pass)).last);
  }
  const graph = await policy.graphs.get(`completions/${shapeKey(shape)}`, () =>
    buildCompletions(policy.config, policy.lora, shape, null),
  );
  return logprobsOf(await graph.run({ ...weightFeeds(policy, graph, which), ...feeds }));
}

/**
 * *Accumulate*: the loss of completions of one prompt, and its gradients, added to what earlier ones of the step left: those
 * of weights in the optimizer's buffers, those with respect to the prompt's keys and values in `promptGradient`.
 * @param lossFeeds inputs of the loss
 */
export async function accumulateCompletions(
  policy: Policy,
  optimizer: OptimizerState,
  work: CompletionWork,
  loss: CompletionLoss,
  lossFeeds: Feeds,
  promptGradient: KvFeeds,
): Promise<CompletionLogprobs & { readonly loss: number }> {
  const shape = shapeOf(work);
  const feeds = { ...completionFeeds(policy, work), ...lossFeeds };
  const plan = completionPlan(policy.config, shape, policy.limits);
  if (plan.kind === "segments") {
    const pass: SegmentedPass = { ...plan, policy, which: "policy", shape, feeds, kv: work.kv };
    return accumulateSegments(pass, optimizer, loss, promptGradient);
  }
  const graph = await policy.graphs.get(`accumulate/${loss.key}/${shapeKey(shape)}`, () =>
    buildCompletions(policy.config, policy.lora, shape, { loss, trainable: optimizer.trainable }),
  );
  const buffers = gradientBuffers(optimizer, graph);
  const outputs = await graph.run(
    { ...weightFeeds(policy, graph), ...feeds, ...buffers.feeds, ...promptKvFeeds("d_", promptGradient) },
    { ...buffers.into, ...promptKvFeeds("new_d_", promptGradient) },
  );
  return { ...logprobsOf(outputs), loss: lossOf(outputs) };
}

/** The same where one graph would hold too much: forward and back again, segment by segment. */
async function accumulateSegments(
  pass: SegmentedPass,
  optimizer: OptimizerState,
  loss: CompletionLoss,
  promptGradient: KvFeeds,
): Promise<CompletionLogprobs & { readonly loss: number }> {
  const { policy, shape, feeds } = pass;
  const { before_S, last } = await forwardSegments(pass);
  const computed = await forwardHead(pass, last);
  const graph = await policy.graphs.get(`loss/${loss.key}/${shapeKey(shape)}`, () => buildLoss(loss, shape));
  const outputs = await graph.run({ ...feeds, logprobs: computed.logprobs_N });
  const dLast = await backwardHead(pass, optimizer, last, floatsOf(outputs, "d_logprobs"));
  await backwardSegments(pass, optimizer, before_S, dLast, promptGradient);
  return { ...computed, loss: lossOf(outputs) };
}

function shapeOf({ prompt, batch }: CompletionWork): CompletionsShape {
  return { promptLength: prompt.paddedLength, count: batch.groupSize, completionLength: batch.length };
}

function logprobsOf(outputs: Outputs): CompletionLogprobs {
  return { logprobs_N: floatsOf(outputs, "logprobs"), entropies_N: floatsOf(outputs, "entropies") };
}

function lossOf(outputs: Outputs): number {
  return Number(floatsOf(outputs, "loss")[0]);
}

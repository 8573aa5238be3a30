import type { CompiledGraph, Feeds } from "../runtime/session.ts";
import {
  buildCompletionBackward,
  buildCompletionForward,
  buildHeadBackward,
  buildHeadForward,
  completionPartKey,
  completionParts,
  rowsOf,
  type CompletionPart,
  type CompletionsShape,
} from "./completionGraphs.ts";
import { floatsOf } from "./outputs.ts";
import { weightFeeds, type Policy } from "./policy.ts";
import { promptKvFeeds, type KvFeeds } from "./promptKv.ts";
import type { Segment } from "./segments.ts";
import { gradientBuffers, type OptimizerState } from "./trainer.ts";

/** Completions on their way through the policy segment by segment, their head some rows at a time. */
export interface SegmentedPass {
  readonly policy: Policy;
  readonly which: "policy" | "reference";
  readonly shape: CompletionsShape;
  readonly segments: readonly Segment[];
  readonly headRows: number;
  /** Inputs but weights; those of the prompt are fed by segment. */
  readonly feeds: Feeds;
  readonly kv: KvFeeds;
}

/** Hidden states [G * C, hidden] before each segment, and after the last. */
export async function forwardSegments(
  pass: SegmentedPass,
): Promise<{ readonly before_S: readonly Float32Array[]; readonly last: Float32Array }> {
  const { policy, shape, segments } = pass;
  const hidden_S: Float32Array[] = [];
  for (const part of completionParts(shape, segments)) {
    const graph = await policy.graphs.get(`completions_forward/${completionPartKey(part)}`, () =>
      buildCompletionForward(policy.config, policy.lora, part),
    );
    const hidden = hidden_S.at(-1);
    const outputs = await graph.run({ ...partFeeds(pass, part, graph), ...(hidden === undefined ? {} : { hidden }) });
    hidden_S.push(floatsOf(outputs, "next_hidden"));
  }
  const last = hidden_S.pop();
  if (last === undefined) throw new Error("internal: a decoder without parts");
  return { before_S: hidden_S, last };
}

/**
 * Adds the gradients of the segments and of the embedding.
 * @param dLast with respect to the hidden states after the last segment
 */
export async function backwardSegments(
  pass: SegmentedPass,
  optimizer: OptimizerState,
  before_S: readonly Float32Array[],
  dLast: Float32Array,
  promptGradient: KvFeeds,
): Promise<void> {
  const { policy, shape, segments } = pass;
  let dHidden = dLast;
  for (const [i, part] of [...completionParts(shape, segments).entries()].reverse()) {
    // Adapters sit in layers: the embedding has nothing to learn.
    if (part.embeds && policy.lora !== null) break;
    const graph = await policy.graphs.get(`completions_backward/${completionPartKey(part)}`, () =>
      buildCompletionBackward(policy.config, policy.lora, part, optimizer.trainable),
    );
    const hidden = before_S[i - 1];
    const buffers = gradientBuffers(optimizer, graph, part.first);
    const outputs = await graph.run(
      {
        ...partFeeds(pass, part, graph),
        ...(hidden === undefined ? {} : { hidden }),
        d_next_hidden: dHidden,
        ...buffers.feeds,
        ...promptKvFeeds("d_", promptGradient, part.first, part.layers),
      },
      { ...buffers.into, ...promptKvFeeds("new_d_", promptGradient, part.first, part.layers) },
    );
    if (!part.embeds) dHidden = floatsOf(outputs, "d_hidden");
  }
}

/** @param hidden after the last segment */
export async function forwardHead(
  pass: SegmentedPass,
  hidden: Float32Array,
): Promise<{ readonly logprobs_N: Float32Array; readonly entropies_N: Float32Array }> {
  const { policy, which } = pass;
  const logprobs_N = new Float32Array(rowsOf(pass.shape));
  const entropies_N = new Float32Array(logprobs_N.length);
  for (const { start, end } of headChunks(pass)) {
    const rows = end - start;
    const graph = await policy.graphs.get(`head_forward/${rows}`, () => buildHeadForward(policy.config, rows));
    const outputs = await graph.run({ ...weightFeeds(policy, graph, which), ...headFeeds(pass, hidden, start, end) });
    logprobs_N.set(floatsOf(outputs, "logprobs"), start);
    entropies_N.set(floatsOf(outputs, "entropies"), start);
  }
  return { logprobs_N, entropies_N };
}

/**
 * Adds the gradients of the head, whose logits are computed again.
 * @returns gradient with respect to `hidden`
 */
export async function backwardHead(
  pass: SegmentedPass,
  optimizer: OptimizerState,
  hidden: Float32Array,
  dLogprobs_N: Float32Array,
): Promise<Float32Array> {
  const { policy } = pass;
  const dHidden = new Float32Array(hidden.length);
  for (const { start, end } of headChunks(pass)) {
    const rows = end - start;
    const graph = await policy.graphs.get(`head_backward/${rows}`, () =>
      buildHeadBackward(policy.config, rows, optimizer.trainable),
    );
    const buffers = gradientBuffers(optimizer, graph);
    const feeds = { ...headFeeds(pass, hidden, start, end), d_logprobs: dLogprobs_N.subarray(start, end) };
    const outputs = await graph.run({ ...weightFeeds(policy, graph), ...feeds, ...buffers.feeds }, buffers.into);
    dHidden.set(floatsOf(outputs, "d_hidden"), start * policy.config.text.hiddenSize);
  }
  return dHidden;
}

function partFeeds({ policy, which, feeds, kv }: SegmentedPass, part: CompletionPart, graph: CompiledGraph): Feeds {
  const prompt = promptKvFeeds("prompt_", kv, part.first, part.layers);
  return { ...weightFeeds(policy, graph, which, part.first), ...feeds, ...prompt };
}

function headChunks({ shape, headRows }: SegmentedPass): { readonly start: number; readonly end: number }[] {
  const rows = rowsOf(shape);
  return Array.from({ length: Math.ceil(rows / headRows) }, (_, i) => ({
    start: i * headRows,
    end: Math.min(rows, (i + 1) * headRows),
  }));
}

function headFeeds({ policy, feeds }: SegmentedPass, hidden: Float32Array, start: number, end: number): Feeds {
  const { hiddenSize } = policy.config.text;
  const { targets } = feeds;
  if (!(targets instanceof BigInt64Array)) throw new Error("internal: completions without targets");
  const rows = hidden.subarray(start * hiddenSize, end * hiddenSize);
  return { ...feeds, hidden: rows, targets: targets.subarray(start, end) };
}

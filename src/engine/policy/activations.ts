import { paddedCompletionLength } from "./completionBatch.ts";
import { rowsOf, type CompletionsShape } from "./completionGraphs.ts";
import type { PolicyConfig } from "./config.ts";
import { cutLayers, type Segment } from "./segments.ts";

/** What one training graph may hold between its forward and its backward pass. */
export interface ActivationLimits {
  readonly bytes: number;
  /** Most layers of the decoder, however little they hold. */
  readonly layers: number;
}

/** What limits small policies. */
export const usualLimits: ActivationLimits = { bytes: 1e9, layers: Infinity };

/**
 * Limits of a policy by its size, so that the same run splits alike everywhere: activations may take a quarter of what it
 * holds anyway; less only where that is more than the machine has left.
 * @param heldBytes weights and what training keeps beside them
 */
export function limitsFor(heldBytes: number, machineBytes: number): ActivationLimits {
  const left = 0.8 * (machineBytes - heldBytes);
  return { ...usualLimits, bytes: Math.max(usualLimits.bytes, Math.min(heldBytes / 4, left)) };
}

/** Floats that a layer holds for each row: norms, queries and outputs; gate and up with what comes of them; attention weights. */
function layerFloats({ text }: PolicyConfig, keys: number): number {
  return 14 * text.hiddenSize + 6 * text.intermediateSize + 2 * text.heads * keys;
}

/** Bytes that a layer holds over a prompt. Attention goes by chunks that see half of the keys on average. */
export function promptLayerBytes(config: PolicyConfig, promptLength: number): number {
  return 4 * promptLength * layerFloats(config, promptLength / 2);
}

/** Bytes that a layer holds over completions: their rows, and the prompt's keys and values spread over the group. */
export function completionLayerBytes(config: PolicyConfig, shape: CompletionsShape): number {
  const { promptLength, count, completionLength } = shape;
  const { kvHeads, headDim } = config.text;
  const keys = promptLength + completionLength;
  return 4 * (rowsOf(shape) * layerFloats(config, keys) + count * 4 * kvHeads * headDim * keys);
}

/** Bytes of a row of logits with its softmax and gradient. */
export function headRowBytes({ text }: PolicyConfig): number {
  return 4 * 5 * text.vocabSize;
}

/** Bytes that completions hold in one graph. */
export function completionBytes(config: PolicyConfig, shape: CompletionsShape): number {
  return rowsOf(shape) * headRowBytes(config) + config.text.layers * completionLayerBytes(config, shape);
}

/** How the decoder is cut over a prompt. */
export function promptSegments(
  config: PolicyConfig,
  promptLength: number,
  { bytes, layers }: ActivationLimits,
): readonly Segment[] {
  return cutLayers(config.text.layers, Math.min(layers, Math.floor(bytes / promptLayerBytes(config, promptLength))));
}

/** How completions go through the policy: in one graph, or in segments of layers and a head that takes so many rows at a time. */
export type CompletionPlan =
  | { readonly kind: "whole" }
  | { readonly kind: "segments"; readonly segments: readonly Segment[]; readonly headRows: number };

export function completionPlan(
  config: PolicyConfig,
  shape: CompletionsShape,
  { bytes, layers }: ActivationLimits,
): CompletionPlan {
  const all = config.text.layers;
  if (layers >= all && completionBytes(config, shape) <= bytes) return { kind: "whole" };
  const most = Math.min(layers, Math.floor(bytes / completionLayerBytes(config, shape)));
  const headRows = Math.min(rowsOf(shape), Math.max(leastHeadRows, Math.floor(bytes / headRowBytes(config))));
  return { kind: "segments", segments: cutLayers(all, most), headRows };
}

/** Fewer rows would read the weights of the head too often. */
const leastHeadRows = 16;

/**
 * Splits the completions of a group into micro-batches of like size, so that memory does not grow with the group: as many as
 * go through in one graph, at least one completion, which may then go through in segments.
 * @returns indices of completions, in order
 */
export function microBatches(
  config: PolicyConfig,
  promptLength: number,
  lengths_G: readonly number[],
  { bytes }: ActivationLimits = usualLimits,
): readonly (readonly number[])[] {
  const completionLength = paddedCompletionLength(lengths_G);
  const each = completionBytes(config, { promptLength, count: 1, completionLength });
  const most = Math.max(1, Math.floor(bytes / each));
  const batches = Math.ceil(lengths_G.length / most);
  const size = Math.ceil(lengths_G.length / Math.max(1, batches));
  return Array.from({ length: batches }, (_, i) =>
    Array.from({ length: Math.min(size, lengths_G.length - i * size) }, (_, k) => i * size + k),
  ).filter((batch) => batch.length > 0);
}

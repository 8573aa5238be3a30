import type { PolicyConfig } from "./config.ts";

/** Memory that the activations of one micro-batch may take where nothing else is said. */
export const defaultMicroBatchBytes = 1e9;

/**
 * Bytes that a completion holds between its forward and its backward pass, roughly: logits with their softmax and
 * gradient, the rows of every layer, and attention weights over prompt and completion.
 */
export function completionBytes({ text }: PolicyConfig, promptLength: number, completionLength: number): number {
  const { layers, heads, hiddenSize, intermediateSize, vocabSize } = text;
  const head = 4 * vocabSize;
  const layer = 14 * hiddenSize + 6 * intermediateSize + 2 * heads * (promptLength + completionLength);
  return 4 * completionLength * (head + layers * layer);
}

/** The same for a prompt in its own forward and backward pass; attention is chunked, so half of its weights are kept. */
export function promptBytes({ text }: PolicyConfig, promptLength: number): number {
  const { layers, heads, hiddenSize, intermediateSize } = text;
  const layer = 14 * hiddenSize + 6 * intermediateSize + (heads * promptLength * 2) / 2;
  return 4 * promptLength * layers * layer;
}

/**
 * Splits the completions of a group into micro-batches of like size, so that memory does not grow with the group: as large
 * as `bytes` allow, at least one completion. It goes by sizes alone, so the same run splits alike everywhere.
 * @returns indices of completions, in order
 */
export function microBatches(
  config: PolicyConfig,
  promptLength: number,
  lengths_G: readonly number[],
  bytes = defaultMicroBatchBytes,
): readonly (readonly number[])[] {
  const each = completionBytes(config, promptLength, Math.max(1, ...lengths_G));
  const most = Math.max(1, Math.floor(bytes / each));
  const batches = Math.ceil(lengths_G.length / most);
  const size = Math.ceil(lengths_G.length / Math.max(1, batches));
  return Array.from({ length: batches }, (_, i) =>
    Array.from({ length: Math.min(size, lengths_G.length - i * size) }, (_, k) => i * size + k),
  ).filter((batch) => batch.length > 0);
}

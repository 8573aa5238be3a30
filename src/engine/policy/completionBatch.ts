/** Completions of one prompt, padded to one length, as the training graphs take them. */
export interface CompletionBatch {
  readonly groupSize: number;
  /** Padded length C. */
  readonly length: number;
  readonly lengths_G: readonly number[];
  /** Token that precedes each prediction: the prompt's last token, then the completion's own. [G * C] */
  readonly completion_ids: BigInt64Array;
  /** Token to predict. [G * C] */
  readonly targets: BigInt64Array;
}

const completionBucket = 16;

/** C of completions of these lengths. */
export function paddedCompletionLength(lengths_G: readonly number[]): number {
  return Math.ceil(Math.max(1, ...lengths_G) / completionBucket) * completionBucket;
}

export function completionBatch(
  completions: readonly Int32Array[],
  lastPromptToken: number,
  padToken: number,
): CompletionBatch {
  const lengths_G = completions.map((c) => c.length);
  const length = paddedCompletionLength(lengths_G);
  const count = completions.length * length;
  const completionIds_N = new BigInt64Array(count).fill(BigInt(padToken));
  const targets_N = new BigInt64Array(count).fill(BigInt(padToken));
  completions.forEach((tokens, k) => {
    const start = k * length;
    if (tokens.length > 0) completionIds_N[start] = BigInt(lastPromptToken);
    tokens.forEach((token, t) => {
      targets_N[start + t] = BigInt(token);
      if (t + 1 < tokens.length) completionIds_N[start + t + 1] = BigInt(token);
    });
  });
  return {
    groupSize: completions.length,
    length,
    lengths_G,
    completion_ids: completionIds_N,
    targets: targets_N,
  };
}

/** One number a completion spread over its tokens, 0 on padding. [G * C] */
export function spreadOverTokens(batch: CompletionBatch, value: (k: number) => number): Float32Array {
  const out = new Float32Array(batch.groupSize * batch.length);
  batch.lengths_G.forEach((length, k) => out.fill(value(k), k * batch.length, k * batch.length + length));
  return out;
}

/** Per-token numbers of each completion laid out with padding of 0. [G * C] */
export function layOut(batch: CompletionBatch, values_G_T: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(batch.groupSize * batch.length);
  values_G_T.forEach((values, k) => out.set(values, k * batch.length));
  return out;
}

/** The inverse of `layOut`. */
export function unpad(batch: CompletionBatch, values_N: Float32Array): Float32Array[] {
  return batch.lengths_G.map((length, k) => values_N.slice(k * batch.length, k * batch.length + length));
}

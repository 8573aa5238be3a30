import type { ScoreValue } from "../../protocol/records.ts";
import { createUniform } from "./random.ts";
import { quantileOfSorted } from "./statistics.ts";

export interface BootstrapOptions {
  readonly resamples?: number;
  readonly seed?: number;
}

/** One example: its value and its weight in the mean (frames of a sequence for a pooled metric, else 1). */
export interface WeightedValue {
  readonly value: number;
  readonly weight: number;
}

/**
 * Weighted mean with its 95 % percentile bootstrap interval. Whole examples are drawn with replacement, so the frames of
 * one sequence stay together. The same values and seed give the same interval on every machine. `n` counts examples.
 */
export function bootstrapMean(values: readonly WeightedValue[], options: BootstrapOptions = {}): ScoreValue {
  const n = values.length;
  if (n === 0) throw new Error("internal: bootstrap of no examples");
  const { resamples = 1000, seed = 0 } = options;
  const weighted = Float64Array.from(values, (v) => v.value * v.weight);
  const weights = Float64Array.from(values, (v) => v.weight);
  const value = ratio(sum(weighted), sum(weights));
  const uniform = createUniform(seed);
  const means = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    let total = 0;
    let weight = 0;
    for (let k = 0; k < n; k++) {
      const i = Math.floor(uniform() * n);
      total += weighted[i] ?? 0;
      weight += weights[i] ?? 0;
    }
    means[r] = ratio(total, weight);
  }
  means.sort();
  // A resample of constant values can differ from their mean in the last digit.
  const low = Math.min(value, quantileOfSorted(means, 0.025));
  const high = Math.max(value, quantileOfSorted(means, 0.975));
  return { value, low, high, n };
}

function sum(values: Float64Array): number {
  return values.reduce((total, v) => total + v, 0);
}

function ratio(total: number, weight: number): number {
  return weight > 0 ? total / weight : 0;
}

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
  return { value, ...intervalAround(value, means), n };
}

/**
 * Mean of the means of several groups, each counting the same whatever its size (MVBench's average over its tasks), with a
 * 95 % interval: examples are drawn within their group. `n` counts examples.
 */
export function bootstrapMeanOfGroups(
  groups: readonly (readonly WeightedValue[])[],
  options: BootstrapOptions = {},
): ScoreValue {
  const filled = groups.filter((group) => group.length > 0);
  if (filled.length === 0) throw new Error("internal: bootstrap of no groups");
  const { resamples = 1000, seed = 0 } = options;
  const value = filled.reduce((total, group) => total + weightedMean(group), 0) / filled.length;
  const uniform = createUniform(seed);
  const means = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    for (const group of filled) {
      const drawn = group.map(() => group[Math.floor(uniform() * group.length)] ?? { value: 0, weight: 0 });
      means[r] = (means[r] ?? 0) + weightedMean(drawn) / filled.length;
    }
  }
  return { value, ...intervalAround(value, means), n: filled.reduce((total, group) => total + group.length, 0) };
}

/** 95 % percentile interval of resampled means that holds the value itself. */
function intervalAround(value: number, means: Float64Array): { readonly low: number; readonly high: number } {
  means.sort();
  // A resample of constant values can differ from their mean in the last digit.
  return {
    low: Math.min(value, quantileOfSorted(means, 0.025)),
    high: Math.max(value, quantileOfSorted(means, 0.975)),
  };
}

/** 0 when nothing has weight. */
export function weightedMean(values: readonly WeightedValue[]): number {
  let total = 0;
  let weight = 0;
  for (const each of values) {
    total += each.value * each.weight;
    weight += each.weight;
  }
  return ratio(total, weight);
}

function sum(values: Float64Array): number {
  return values.reduce((total, v) => total + v, 0);
}

function ratio(total: number, weight: number): number {
  return weight > 0 ? total / weight : 0;
}

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
  return bootstrapOfMeans(
    groups.map((group) => [group]),
    ([mean = 0]) => mean,
    options,
  );
}

/**
 * A function of several means (an F1 of precision and recall) with its 95 % interval: examples are drawn with all their
 * values. Each mean is that of the groups' means; with one group, the mean.
 * @param groups by group and column, the values of its examples in one order
 * @param combine of the columns' means
 */
export function bootstrapOfMeans(
  groups: readonly (readonly (readonly WeightedValue[])[])[],
  combine: (means: readonly number[]) => number,
  options: BootstrapOptions = {},
): ScoreValue {
  const filled = groups.filter(([column = []]) => column.length > 0);
  const [first] = filled;
  if (first === undefined) throw new Error("internal: bootstrap of no examples");
  const { resamples = 1000, seed = 0 } = options;
  const combined = (drawn: (size: number) => readonly number[] | null): number => {
    const means = first.map(() => 0);
    for (const columns of filled) {
      const indices = drawn(columns[0]?.length ?? 0);
      columns.forEach((column, i) => {
        const values = indices === null ? column : indices.map((k) => column[k] ?? { value: 0, weight: 0 });
        means[i] = (means[i] ?? 0) + weightedMean(values) / filled.length;
      });
    }
    return combine(means);
  };
  const uniform = createUniform(seed);
  const draw = (size: number): readonly number[] => Array.from({ length: size }, () => Math.floor(uniform() * size));
  const value = combined(() => null);
  const n = filled.reduce((total, [column = []]) => total + column.length, 0);
  return {
    value,
    ...intervalAround(
      value,
      Float64Array.from({ length: resamples }, () => combined(draw)),
    ),
    n,
  };
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

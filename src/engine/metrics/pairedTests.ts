import { createUniform } from "./random.ts";
import { quantileOfSorted } from "./statistics.ts";

/** One example answered twice: its value before and after, and its weight in the means. */
export interface PairedValue {
  readonly before: number;
  readonly after: number;
  readonly weight: number;
}

/** After minus before. */
export interface PairedDifference {
  readonly difference: number;
  readonly low: number; // 95 % percentile interval
  readonly high: number;
  /** Two-sided, of the paired randomization test. */
  readonly pValue: number;
  readonly n: number; // pairs
}

export interface PairedTestOptions {
  readonly resamples?: number;
  readonly seed?: number;
}

/**
 * A difference of weighted means on the same examples. Its interval is a paired bootstrap: whole pairs are drawn with
 * replacement (Efron and Tibshirani 1993; Koehn 2004 for scores of texts). Its p-value is a paired randomization test: if
 * nothing had changed, each pair's change could as well have the other sign. (A bootstrap p-value would call four equal
 * changes certain.) The same pairs and seed give the same numbers on every machine.
 */
export function pairedDifference(
  pairs: readonly PairedValue[],
  { resamples = 2000, seed = 0 }: PairedTestOptions = {},
): PairedDifference {
  const n = pairs.length;
  if (n === 0) throw new Error("internal: a paired test of no pairs");
  const changes = Float64Array.from(pairs, ({ before, after, weight }) => (after - before) * weight);
  const weights = Float64Array.from(pairs, ({ weight }) => weight);
  const difference = ratio(sumOf(changes), sumOf(weights));
  const drawn = drawnDifferences(changes, weights, resamples, createUniform(seed));
  return {
    difference,
    low: Math.min(difference, quantileOfSorted(drawn, 0.025)),
    high: Math.max(difference, quantileOfSorted(drawn, 0.975)),
    pValue: randomizationP(changes, resamples, createUniform(seed + 1)),
    n,
  };
}

/** Differences of resamples of the pairs, in ascending order. */
function drawnDifferences(
  changes: Float64Array,
  weights: Float64Array,
  resamples: number,
  uniform: () => number,
): Float64Array {
  const n = changes.length;
  const drawn = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    let total = 0;
    let weight = 0;
    for (let k = 0; k < n; k++) {
      const i = Math.floor(uniform() * n);
      total += changes[i] ?? 0;
      weight += weights[i] ?? 0;
    }
    drawn[r] = ratio(total, weight);
  }
  return drawn.sort();
}

/** Share of random signs that give a sum as far from 0; the one that is added stands for the signs as they are. */
function randomizationP(changes: Float64Array, resamples: number, uniform: () => number): number {
  const changed = changes.filter((change) => change !== 0);
  const observed = Math.abs(sumOf(changed));
  const rounding = 1e-12 * (1 + observed); // must not turn a tie into something rarer
  let asFar = 0;
  for (let r = 0; r < resamples; r++) {
    let total = 0;
    for (const change of changed) total += uniform() < 0.5 ? change : -change;
    if (Math.abs(total) >= observed - rounding) asFar++;
  }
  return (asFar + 1) / (resamples + 1);
}

export interface McNemar {
  /** Right before, wrong after. */
  readonly lost: number;
  /** Wrong before, right after. */
  readonly gained: number;
  /** Two-sided, exact. */
  readonly pValue: number;
}

/**
 * McNemar's exact test of two accuracies on the same questions: under no difference, each question that changed was as
 * likely gained as lost, so the smaller count follows a binomial distribution with p = 1/2.
 */
export function mcNemar(pairs: readonly Pick<PairedValue, "before" | "after">[]): McNemar {
  const lost = pairs.filter(({ before, after }) => before === 1 && after === 0).length;
  const gained = pairs.filter(({ before, after }) => before === 0 && after === 1).length;
  return { lost, gained, pValue: Math.min(1, 2 * binomialTail(Math.min(lost, gained), lost + gained)) };
}

/** P(X <= k) for n fair coins; in logarithms, since 2^-n is 0 for many questions. */
function binomialTail(k: number, n: number): number {
  let logChoose = -n * Math.LN2;
  let tail = Math.exp(logChoose);
  for (let i = 1; i <= k; i++) {
    logChoose += Math.log((n - i + 1) / i);
    tail += Math.exp(logChoose);
  }
  return tail;
}

function sumOf(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

function ratio(total: number, weight: number): number {
  return weight > 0 ? total / weight : 0;
}

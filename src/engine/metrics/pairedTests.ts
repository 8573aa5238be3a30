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
  /** Two-sided: how often a difference this far from 0 would come up if there were none. */
  readonly pValue: number;
  readonly n: number; // pairs
}

export interface PairedBootstrapOptions {
  readonly resamples?: number;
  readonly seed?: number;
}

/**
 * Paired bootstrap of a difference of weighted means (Efron and Tibshirani 1993, ch. 16; Koehn 2004 for scores of texts):
 * whole pairs are drawn with replacement. The p-value is from the resamples moved to a mean of 0, with the one added that
 * keeps it above 0. The same pairs and seed give the same numbers on every machine.
 */
export function pairedBootstrap(pairs: readonly PairedValue[], options: PairedBootstrapOptions = {}): PairedDifference {
  const n = pairs.length;
  if (n === 0) throw new Error("internal: paired bootstrap of no pairs");
  const { resamples = 2000, seed = 0 } = options;
  const changes = Float64Array.from(pairs, ({ before, after, weight }) => (after - before) * weight);
  const weights = Float64Array.from(pairs, ({ weight }) => weight);
  const difference = ratio(sumOf(changes), sumOf(weights));
  const uniform = createUniform(seed);
  const drawn = new Float64Array(resamples);
  let asFar = 0;
  for (let r = 0; r < resamples; r++) {
    let total = 0;
    let weight = 0;
    for (let k = 0; k < n; k++) {
      const i = Math.floor(uniform() * n);
      total += changes[i] ?? 0;
      weight += weights[i] ?? 0;
    }
    const value = ratio(total, weight);
    drawn[r] = value;
    // Rounding must not turn a tie into something rarer.
    if (Math.abs(value - difference) >= Math.abs(difference) - 1e-12) asFar++;
  }
  drawn.sort();
  return {
    difference,
    low: Math.min(difference, quantileOfSorted(drawn, 0.025)),
    high: Math.max(difference, quantileOfSorted(drawn, 0.975)),
    pValue: (asFar + 1) / (resamples + 1),
    n,
  };
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

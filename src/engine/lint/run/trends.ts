import { mean } from "../../metrics/statistics.ts";

/** A mean with its standard error. */
export interface Estimate {
  readonly mean: number;
  readonly stdError: number;
  readonly n: number;
}

/** How a mean has changed from one sample to another. */
export interface Change {
  readonly early: Estimate;
  readonly late: Estimate;
  readonly difference: number;
  readonly stdError: number;
}

/**
 * The first and the last third of what lies between the first and the last step. Groups are the unit: completions of one prompt
 * resemble each other, so that counting them one by one would make chance look like a trend.
 */
export function thirds<T extends { readonly step: number }>(items: readonly T[]): { early: T[]; late: T[] } {
  const { first, last } = stepRange(items);
  const third = (last - first) / 3;
  return {
    early: items.filter(({ step }) => step <= first + third),
    late: items.filter(({ step }) => step >= last - third),
  };
}

/** Smallest and largest step; infinite without items. */
export function stepRange(items: readonly { readonly step: number }[]): { first: number; last: number } {
  let [first, last] = [Infinity, -Infinity];
  for (const { step } of items) [first, last] = [Math.min(first, step), Math.max(last, step)];
  return { first, last };
}

/** Difference of two means; the samples are taken to be independent. null when one has fewer than two values. */
export function changeOf(early: readonly number[], late: readonly number[]): Change | null {
  const [a, b] = [estimateOf(early), estimateOf(late)];
  if (a === null || b === null) return null;
  return { early: a, late: b, difference: b.mean - a.mean, stdError: Math.hypot(a.stdError, b.stdError) };
}

/** Whether a change is more than chance: so many standard errors. Without any spread, any difference is. */
export function isClear({ difference, stdError }: Change, standardErrors: number): boolean {
  return difference !== 0 && Math.abs(difference) >= standardErrors * stdError;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return mean([sorted[Math.floor(middle)] ?? NaN, sorted[Math.ceil(middle)] ?? NaN]);
}

function estimateOf(values: readonly number[]): Estimate | null {
  if (values.length < 2) return null;
  const center = mean(values);
  const variance = values.reduce((sum, value) => sum + (value - center) ** 2, 0) / (values.length - 1);
  return { mean: center, stdError: Math.sqrt(variance / values.length), n: values.length };
}

/** Arithmetic mean; throws on an empty list, since the mean of nothing is not 0. */
export function mean(values: readonly number[]): number {
  if (values.length === 0) throw new Error("internal: mean of an empty list");
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}

/** Standard deviation with n - 1 in its denominator; 0 for a single value. */
export function unbiasedStd(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const center = mean(values);
  return Math.sqrt(values.reduce((sum, v) => sum + (v - center) ** 2, 0) / (values.length - 1));
}

/** Quantile by linear interpolation between order statistics (NumPy's default); `sorted` ascending, `q` in [0, 1]. */
export function quantileOfSorted(sorted: ArrayLike<number>, q: number): number {
  const position = q * (sorted.length - 1);
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) throw new Error("internal: quantile of an empty list");
  return below + (above - below) * (position - Math.floor(position));
}

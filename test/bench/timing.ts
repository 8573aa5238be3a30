import { performance } from "node:perf_hooks";

/** Milliseconds that something takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** "120 ms (98 to 131)": median and range. */
export function summary(valuesMs: readonly number[]): string {
  const sorted = valuesMs.map(Math.round).sort((a, b) => a - b);
  return `${sorted[Math.floor(sorted.length / 2)]} ms (${sorted[0]} to ${sorted.at(-1)})`;
}

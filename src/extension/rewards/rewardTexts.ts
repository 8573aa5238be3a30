import type { RescoreSummary, Spread } from "../../protocol/rescore.ts";

/** What the editor says of a reward. Short, since a lens cannot wrap. */

export function spreadText(spread: Spread | null): string {
  return spread === null ? "no value" : `${number(spread.mean)} ± ${number(spread.std)}`;
}

/** "0.62 ± 0.21 · 3 errors" */
export function meanText({ after, errors }: RescoreSummary): string {
  return [spreadText(after), ...(errors > 0 ? [countText(errors, "error")] : [])].join(" · ");
}

/** "0.620 → 0.580 · 340 of 1,200 changed · 12 advantages flip · +3 −1 groups vary · 2 errors" */
export function changeText(summary: RescoreSummary): string {
  const { before, after, changed, rollouts, advantageSignFlips, gainingCount, losingCount, errors } = summary;
  const mean = `${before === null ? "–" : number(before.mean)} → ${after === null ? "–" : number(after.mean)}`;
  return [
    mean,
    `${count(changed)} of ${count(rollouts)} changed`,
    ...(advantageSignFlips > 0
      ? [`${countText(advantageSignFlips, "advantage")} ${advantageSignFlips === 1 ? "flips" : "flip"}`]
      : []),
    ...(gainingCount + losingCount > 0 ? [`+${count(gainingCount)} −${count(losingCount)} groups vary`] : []),
    ...(errors > 0 ? [countText(errors, "error")] : []),
  ].join(" · ");
}

/** "Scoring: 12,000 so far, 0.62 ± 0.21" */
export function progressText(summary: RescoreSummary | null): string {
  return summary === null ? "Scoring…" : `Scoring: ${count(summary.rollouts)} so far, ${meanText(summary)}`;
}

/** Whether there is anything to look at or to keep. */
export function isChange({ changed, errors, before }: RescoreSummary): boolean {
  return changed > 0 || errors > 0 || before === null;
}

export function countText(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** Three decimals, fewer for large numbers. */
export function number(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 3);
}

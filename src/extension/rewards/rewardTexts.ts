import { t } from "@vscode/l10n";
import { count, countOf } from "../counts.ts";
import type { RescoreSummary, Spread } from "../../protocol/rescore.ts";

/** What the editor says of a reward. Short, since a lens cannot wrap. */

export function spreadText(spread: Spread | null): string {
  return spread === null ? t("no value") : `${number(spread.mean)} ± ${number(spread.std)}`;
}

/** "0.62 ± 0.21 · 3 errors" */
export function meanText({ after, errors }: RescoreSummary): string {
  return [spreadText(after), ...(errors > 0 ? [countOf(errors, "error")] : [])].join(" · ");
}

/** "0.620 → 0.580 · 340 of 1,200 changed · 12 advantages flip · +3 −1 groups vary · 2 errors" */
export function changeText(summary: RescoreSummary): string {
  const { before, after, changed, rollouts, advantageSignFlips, gainingCount, losingCount, errors } = summary;
  const mean = `${before === null ? "–" : number(before.mean)} → ${after === null ? "–" : number(after.mean)}`;
  return [
    mean,
    t("{0} of {1} changed", count(changed), count(rollouts)),
    ...(advantageSignFlips > 0
      ? [advantageSignFlips === 1 ? t("1 advantage flips") : t("{0} advantages flip", count(advantageSignFlips))]
      : []),
    ...(gainingCount + losingCount > 0 ? [t("+{0} −{1} groups vary", count(gainingCount), count(losingCount))] : []),
    ...(errors > 0 ? [countOf(errors, "error")] : []),
  ].join(" · ");
}

/** "Scoring: 12,000 so far, 0.62 ± 0.21" */
export function progressText(summary: RescoreSummary | null): string {
  return summary === null ? t("Scoring…") : t("Scoring: {0} so far, {1}", count(summary.rollouts), meanText(summary));
}

/** Whether there is anything to look at or to keep. */
export function isChange({ changed, errors, before }: RescoreSummary): boolean {
  return changed > 0 || errors > 0 || before === null;
}

/** Three decimals, fewer for large numbers. */
export function number(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 3);
}

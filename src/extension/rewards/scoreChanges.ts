import { t } from "@vscode/l10n";
import type { RescoredRollout, RescoreSummary } from "../../protocol/rescore.ts";
import { countOf } from "../counts.ts";
import { number } from "./rewardTexts.ts";

/** A row of the list of changed rollouts; a section has no rollout. */
export interface ChangeItem {
  readonly section: boolean;
  readonly label: string;
  readonly description: string;
  readonly detail: string;
  readonly id: string | null;
}

/** What a version of a reward did, the most telling first: errors, large changes, groups, the lowest values. */
export function changeItems(summary: RescoreSummary): readonly ChangeItem[] {
  const { errors, errorExamples, changed, largest, worst, gainingCount, losingCount } = summary;
  const groups = (label: string, keys: readonly string[]) =>
    keys.map((key) => item(`${key}/0`, t("Group {0}", key), label, ""));
  return [
    ...section(
      countOf(errors, "error"),
      errorExamples.map(({ id, error }) => item(id, id, error.kind, error.message)),
    ),
    ...section(t("{0} changed, the largest first", countOf(changed, "rollout")), largest.map(changedItem)),
    ...section(
      t("{0} in which rewards differ now", countOf(gainingCount, "group")),
      groups(t("gains variance"), summary.groupsGainingVariance),
    ),
    ...section(
      t("{0} in which rewards are all equal now", countOf(losingCount, "group")),
      groups(t("loses variance"), summary.groupsLosingVariance),
    ),
    ...section(t("lowest values"), worst.map(changedItem)),
  ];
}

function changedItem({ id, before, after }: RescoredRollout): ChangeItem {
  const value = (of: number | null) => (of === null ? "–" : number(of));
  return item(id, id, before === after ? value(after) : `${value(before)} → ${value(after)}`, "");
}

function item(id: string, label: string, description: string, detail: string): ChangeItem {
  return { section: false, label, description, detail, id };
}

function section(label: string, items: readonly ChangeItem[]): readonly ChangeItem[] {
  return items.length === 0 ? [] : [{ section: true, label, description: "", detail: "", id: null }, ...items];
}

import { t } from "@vscode/l10n";
import type { RewardCoverage } from "../../protocol/rewardMessages.ts";
import { countOf } from "../counts.ts";
import { number } from "./rewardTexts.ts";

/** What stands at a line of a covered file. */
export interface CoveredLine {
  readonly line: number; // 0-based
  /** After the line: "12 of 200", and how its branches part. */
  readonly text: string;
  /** Share of the sample that takes the line, 0…1. */
  readonly share: number;
  /** Rollouts behind the count, and behind each branch. */
  readonly ids: readonly string[];
  readonly branches: readonly { readonly label: string; readonly ids: readonly string[] }[];
}

/**
 * Texts for the lines of a file. Told is where the rollouts part: a line that all of them take as the one above it does
 * says nothing, and stays silent.
 */
export function coveredLines(coverage: RewardCoverage, file: string): readonly CoveredLine[] {
  const lines = coverage.files.find((covered) => covered.file === file)?.lines ?? [];
  const total = coverage.ids.length;
  const idsOf = (taken: readonly number[]) => taken.map((i) => coverage.ids[i] ?? "");
  let above = -1;
  return lines.flatMap(({ line, taken, branches }) => {
    const parting = branches.filter((branch) => branch.taken.length < taken.length);
    const isSame = taken.length === above && parting.length === 0;
    above = taken.length;
    if (isSame || total === 0) return [];
    return [
      {
        line: line - 1,
        text: [
          t("{0} of {1}", taken.length, total),
          ...parting.map((branch) => t("{0} here", branch.taken.length)),
        ].join(" · "),
        share: taken.length / total,
        ids: idsOf(taken),
        branches: parting.map((branch) => ({
          label: t("characters {0} to {1}", branch.start + 1, branch.end),
          ids: idsOf(branch.taken),
        })),
      },
    ];
  });
}

/** "value 0…1, iou 0.12…0.97 in 200 rollouts": what the function returns over the sample. */
export function rangesText({ ranges, ids }: RewardCoverage): string {
  const parts = ranges.map(({ name, min, max }) =>
    min === max ? t("{0} always {1}", name, number(min)) : `${name} ${number(min)} … ${number(max)}`,
  );
  return parts.length === 0 ? "" : t("{0} in {1}", parts.join(", "), countOf(ids.length, "rollout"));
}

import { t } from "@vscode/l10n";
import path from "node:path";
import type { Spread } from "../../protocol/rescore.ts";
import type { RunReward } from "../../protocol/rewardMessages.ts";
import type { RewardState } from "./rescoring.ts";
import type { RewardTarget } from "./rewardTargets.ts";
import { changeText, isChange, meanText, number, progressText, spreadText } from "./rewardTexts.ts";

/** A row of the Rewards view, before it becomes a TreeItem. */
export type RewardRow =
  | {
      readonly kind: "reward";
      readonly runDir: string;
      readonly name: string;
      readonly description: string;
      readonly tooltip: string;
      readonly icon: string;
      /** null for a built-in. */
      readonly target: RewardTarget | null;
    }
  | {
      readonly kind: "rollout";
      readonly runDir: string;
      readonly reward: string;
      readonly id: string;
      readonly description: string;
      readonly tooltip: string;
      readonly icon: string;
      /** What debugs it; null for a built-in. */
      readonly target: RewardTarget | null;
    };

export function rewardRow(
  runDir: string,
  reward: RunReward,
  of: {
    readonly recorded: Spread | null;
    readonly target: RewardTarget | null;
    readonly state: RewardState | undefined;
  },
): RewardRow {
  const { name, weight, code } = reward;
  const weightText = weight === 1 ? [] : [`× ${number(weight).replace(/\.?0+$/, "")}`];
  const where = code === null ? "built-in" : path.basename(code.file);
  const value = valueText(of.recorded, of.state);
  return {
    kind: "reward",
    runDir,
    name,
    description: [...weightText, value].join(" · "),
    tooltip: [`${name} (${where})`, value, ...(of.state?.problem ? [of.state.problem] : [])].join("\n"),
    icon: iconOf(of.state, code !== null),
    target: of.target,
  };
}

/** Rollouts under a reward: those that raise an error first, then the lowest values. */
export function rolloutRows(
  runDir: string,
  reward: string,
  target: RewardTarget | null,
  state: RewardState | undefined,
  worst: readonly { readonly id: string; readonly value: number }[],
): readonly RewardRow[] {
  const row = (id: string, description: string, tooltip: string, icon: string): RewardRow => ({
    kind: "rollout",
    runDir,
    reward,
    id,
    description,
    tooltip,
    icon,
    target,
  });
  const summary = state?.status === "scored" ? state.summary : null;
  if (summary === null)
    return worst.map(({ id, value }) => row(id, number(value), `${id}: ${number(value)}`, "comment"));
  const errors = summary.errorExamples
    .slice(0, rowsShown)
    .map(({ id, error }) => row(id, error.message, `${error.kind}: ${error.message}`, "error"));
  const values = summary.worst
    .slice(0, rowsShown)
    .map(({ id, before, after }) =>
      row(
        id,
        [...(before === after ? [] : [before]), after].map((v) => (v === null ? "–" : number(v))).join(" → "),
        id,
        "comment",
      ),
    );
  return [...errors, ...values];
}

/** Rollouts of each kind that are listed under a reward. */
export const rowsShown = 10;

function valueText(recorded: Spread | null, state: RewardState | undefined): string {
  switch (state?.status) {
    case "scoring":
      return progressText(state.summary);
    case "failed":
      return t("cannot be scored");
    case "scored":
      if (state.summary !== null) return isChange(state.summary) ? changeText(state.summary) : meanText(state.summary);
      return spreadText(recorded);
    case undefined:
      return spreadText(recorded);
  }
}

function iconOf(state: RewardState | undefined, isCode: boolean): string {
  if (state?.status === "scoring") return "sync~spin";
  if (state?.status === "failed" || (state?.summary?.errors ?? 0) > 0) return "error";
  return isCode ? "symbol-function" : "symbol-constant";
}

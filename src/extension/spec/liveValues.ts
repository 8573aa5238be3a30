import { t } from "@vscode/l10n";
import { findNodeAtLocation, getNodeValue, parseTree } from "jsonc-parser";
import type { MetricsRecord } from "../../protocol/records.ts";
import { rewardKey, rewardSchema } from "../../protocol/rewardSpec.ts";

/** A value of a running run behind the key that it belongs to. */
export interface LiveValue {
  /** Behind the value in the text, in characters from its start. */
  readonly offset: number;
  readonly text: string;
  readonly tooltip: string;
}

export interface LiveRun {
  readonly step: number;
  readonly steps: number;
  readonly etaText: string | undefined;
  /** Of the newest step; undefined before the first one. */
  readonly metrics: MetricsRecord["metrics"] | undefined;
}

/** What a run has come to, for the text of its specification. */
export function liveValues(text: string, { step, steps, etaText, metrics }: LiveRun): readonly LiveValue[] {
  const root = parseTree(text, [], { allowTrailingComma: true });
  if (root === undefined) return [];
  const found: LiveValue[] = [];
  const add = (path: (string | number)[], shown: string | undefined, tooltip: string): void => {
    const node = shown === undefined ? undefined : findNodeAtLocation(root, path);
    if (node !== undefined && shown !== undefined)
      found.push({ offset: node.offset + node.length, text: shown, tooltip });
  };
  const done = [t("{0} of {1} done", step, steps), etaText].filter((part) => part !== undefined).join(", ");
  add(["grpo", "steps"], done, t("Steps of the run that goes on"));
  add(["sft", "steps"], done, t("Steps of the run that goes on"));
  if (metrics === undefined) return found;
  const at = t("at step {0}", step);
  const rate = metrics["learning_rate"];
  for (const method of ["grpo", "sft"]) {
    add(
      [method, "learningRate"],
      rate === undefined ? undefined : t("now {0}", scientific(rate)),
      t("Learning rate {0}", at),
    );
  }
  const kl = metrics["kl"];
  add(
    ["grpo", "beta"],
    kl === undefined ? undefined : `KL ${number(kl)}`,
    t("Mean KL to the reference policy {0}", at),
  );
  const rewards = findNodeAtLocation(root, ["rewards"]);
  rewards?.children?.forEach((node, i) => {
    const parsed = rewardSchema.safeParse(getNodeValue(node));
    if (!parsed.success) return;
    const name = rewardKey(parsed.data);
    const mean = metrics[`rewards/${name}/mean`];
    const std = metrics[`rewards/${name}/std`];
    if (mean === undefined) return;
    const spread = std === undefined ? number(mean) : `${number(mean)} ± ${number(std)}`;
    add(["rewards", i], spread, t("Mean and standard deviation of {0} {1}", name, at));
  });
  return found;
}

function number(value: number): string {
  return Math.abs(value) < 0.001 && value !== 0 ? scientific(value) : value.toFixed(3);
}

function scientific(value: number): string {
  return value.toExponential(1);
}

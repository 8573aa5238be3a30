import { t } from "@vscode/l10n";
import { countOf } from "../counts.ts";
import type { PlacedExample } from "../../protocol/dataMessages.ts";
import type { IndexBlock } from "../../protocol/rolloutIndex.ts";

/** What the rollouts of a run say of an example. */
export interface ExampleStats {
  readonly rollouts: number;
  readonly rewardMean: number | null; // null when every rollout was dropped
  /** Of the rollouts since the last evaluation against those before it; null without either. */
  readonly change: number | null;
  /** Its groups as their first rollouts, newest first. */
  readonly ids: readonly string[];
}

export function exampleKey(dataset: string, example: string): string {
  return JSON.stringify([dataset, example]);
}

/** Statistics of all examples that were rolled out, by `exampleKey`. `evaluatedAt`: step of the last evaluation. */
export function exampleStats(
  blocks: readonly IndexBlock[],
  evaluatedAt: number | null,
): ReadonlyMap<string, ExampleStats> {
  const sums = new Map<string, { before: Sum; since: Sum; rollouts: number; ids: string[] }>();
  for (const { header, columns } of blocks) {
    const rewards = columns.get("reward");
    let first = 0;
    for (const { group, size, dataset, example } of header.groups) {
      const key = exampleKey(dataset, example);
      const sum = sums.get(key) ?? { before: new Sum(), since: new Sum(), rollouts: 0, ids: [] };
      sums.set(key, sum);
      const part = evaluatedAt !== null && header.step > evaluatedAt ? sum.since : sum.before;
      for (let i = first; i < first + size; i += 1) part.add(rewards?.[i] ?? NaN);
      sum.rollouts += size;
      if (size > 0) sum.ids.push(`${header.step}/${group}/0`);
      first += size;
    }
  }
  return new Map(
    [...sums].map(([key, { before, since, rollouts, ids }]) => {
      const [meanBefore, meanSince] = [before.mean, since.mean];
      const change = meanBefore === null || meanSince === null ? null : meanSince - meanBefore;
      return [key, { rollouts, rewardMean: before.with(since).mean, change, ids: ids.reverse() }];
    }),
  );
}

/** "16 rollouts · reward 0.62 · +0.08 since step 100"; "iou 0.52 at step 200 · +0.10 since step 100" */
export function exampleText(
  { evaluated }: PlacedExample,
  stats: ExampleStats | undefined,
  evaluatedAt: number | null,
): string {
  const parts: string[] = [];
  if (stats !== undefined && stats.rollouts > 0) {
    parts.push(countOf(stats.rollouts, "rollout"));
    parts.push(stats.rewardMean === null ? t("no reward") : t("reward {0}", stats.rewardMean.toFixed(2)));
    if (stats.change !== null)
      parts.push(t("{0} since the evaluation at step {1}", signed(stats.change), evaluatedAt ?? 0));
  }
  const last = evaluated.at(-1);
  const [metric] = Object.keys(last?.metrics ?? {});
  if (last !== undefined && metric !== undefined) {
    const value = last.metrics[metric] ?? 0;
    parts.push(t("{0} {1} at step {2}", metric, value.toFixed(2), last.step));
    const before = evaluated.at(-2);
    const old = before?.metrics[metric];
    if (before !== undefined && old !== undefined)
      parts.push(t("{0} since step {1}", signed(value - old), before.step));
  }
  return parts.length === 0 ? t("not rolled out yet") : parts.join(" · ");
}

function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(2)}`;
}

class Sum {
  private total = 0;
  private count = 0;

  add(value: number): void {
    if (Number.isNaN(value)) return;
    this.total += value;
    this.count += 1;
  }

  with(other: Sum): Sum {
    const both = new Sum();
    both.total = this.total + other.total;
    both.count = this.count + other.count;
    return both;
  }

  get mean(): number | null {
    return this.count === 0 ? null : this.total / this.count;
  }
}

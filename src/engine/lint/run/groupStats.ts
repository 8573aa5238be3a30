import { rolloutFlags, type IndexBlock } from "../../../protocol/rolloutIndex.ts";
import { isWorkspaceReward, rewardKey } from "../../../protocol/rewardSpec.ts";
import type { RunSpec } from "../../../protocol/spec.ts";
import type { TaskId } from "../../../protocol/tasks.ts";
import { rightFrom } from "../strictParsers.ts";
import { thresholds } from "./thresholds.ts";

/** A group of rollouts in a few numbers, so that a run of 200,000 rollouts fits in memory and is read once. */
export interface GroupStats {
  readonly step: number;
  readonly group: number;
  readonly task: TaskId;
  readonly size: number;
  /** No advantage differs from 0: the group gives no gradient. */
  readonly isFlat: boolean;
  /** Of each reward that has a value, by name. */
  readonly parts: ReadonlyMap<string, PartStats>;
  /** Of the reward that says how right an answer is; null when the task has none in this run. */
  readonly outcome: { readonly mean: number; readonly right: number; readonly count: number } | null;
  /** null when the log does not say. */
  readonly meanTokens: number | null;
  /** Completions that end within 5 % of the limit or beyond. */
  readonly nearLimit: number;
  readonly errors: number;
}

export interface PartStats {
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly max: number;
}

/** Built-in rewards that say how right an answer is, the first that a run has. */
const outcomeNames: Readonly<Record<TaskId, readonly string[]>> = {
  "temporal-grounding": ["tiou", "tiou-boundary", "interval-set-iou"],
  tracking: ["box-iou"],
  "grounded-qa": ["accuracy", "tiou", "interval-set-iou"],
  "multiple-choice": ["accuracy"],
  classification: ["accuracy"],
  captioning: ["event-recall", "semantic-similarity"],
  open: ["accuracy", "semantic-similarity"],
};

/** The reward that measures the answers of a task in this run; undefined when none does. */
export function outcomeOf(spec: RunSpec, task: TaskId): string | undefined {
  const builtIn = spec.rewards.filter((reward) => !isWorkspaceReward(reward)).map(rewardKey);
  return outcomeNames[task].find((name) => builtIn.includes(name));
}

/** Groups of a step, from its columns. */
export function groupsOfBlock({ header, columns }: IndexBlock, spec: RunSpec): GroupStats[] {
  const limit = (1 - thresholds["truncated-completions"].near) * spec.grpo.maxCompletionLength;
  const columnOf = (name: string): Float32Array => columns.get(name) ?? new Float32Array(0);
  const [advantages, tokens, flags] = [columnOf("advantage"), columnOf("tokens"), columnOf("flags")];
  const rewards = [...columns].filter(([name]) => name.startsWith("reward/"));
  let at = 0;
  return header.groups.flatMap(({ group, size, task }): GroupStats[] => {
    const from = at;
    at += size;
    if (size === 0) return [];
    const parts = new Map<string, PartStats>();
    for (const [name, column] of rewards) {
      const part = partOf(column.subarray(from, at));
      if (part !== null) parts.set(name.slice("reward/".length), part);
    }
    const outcomeName = outcomeOf(spec, task);
    const lengths = tokens.subarray(from, at).filter((count) => !Number.isNaN(count));
    return [
      {
        step: header.step,
        group,
        task,
        size,
        isFlat: size > 1 && advantages.subarray(from, at).every((advantage) => advantage === 0),
        parts,
        outcome: outcomeName === undefined ? null : outcomeIn(columnOf(`reward/${outcomeName}`).subarray(from, at)),
        meanTokens: lengths.length === 0 ? null : lengths.reduce((sum, n) => sum + n, 0) / lengths.length,
        nearLimit: lengths.filter((count) => count >= limit).length,
        errors: flags.subarray(from, at).filter((bits) => (bits & rolloutFlags.rewardError) !== 0).length,
      },
    ];
  });
}

function partOf(values: Float32Array): PartStats | null {
  let [count, sum, min, max] = [0, 0, Infinity, -Infinity];
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    count++;
    sum += value;
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return count === 0 ? null : { count, mean: sum / count, min, max };
}

function outcomeIn(values: Float32Array): GroupStats["outcome"] {
  const part = partOf(values);
  if (part === null) return null;
  return { mean: part.mean, count: part.count, right: values.filter((value) => value >= rightFrom).length };
}

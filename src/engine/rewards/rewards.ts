import type { RewardPart } from "../../protocol/records.ts";
import type { RewardExample, RewardItem, RewardOutput } from "../../protocol/reward.ts";
import { isWorkspaceReward, rewardKey, type RewardSpec } from "../../protocol/rewardSpec.ts";
import { taskIds, type TaskId } from "../../protocol/tasks.ts";
import { accuracyReward } from "./accuracy.ts";
import { boxIouReward } from "./boxIou.ts";
import { formatReward } from "./format.ts";
import { intervalSetIouReward } from "./intervalSetIou.ts";
import { judgedTasks } from "./judged.ts";
import { lengthReward, overlongReward } from "./length.ts";
import { repetitionReward } from "./repetition.ts";
import { judgedRewardNames, type JudgedReward, type PureReward, type PureRewardName, type Reward } from "./reward.ts";
import { tiouReward } from "./tiou.ts";
import { tiouBoundaryReward } from "./tiouBoundary.ts";

/** Built-in rewards by name, but those that ask a server. */
const pureRewards: { readonly [Name in PureRewardName]: Reward<Extract<PureReward, { name: Name }>> } = {
  format: formatReward,
  tiou: tiouReward,
  "tiou-boundary": tiouBoundaryReward,
  "interval-set-iou": intervalSetIouReward,
  "box-iou": boxIouReward,
  accuracy: accuracyReward,
  length: lengthReward,
  overlong: overlongReward,
  repetition: repetitionReward,
};

export function isJudgedReward(spec: RewardSpec): spec is JudgedReward {
  return !isWorkspaceReward(spec) && judgedRewardNames.some((name) => name === spec.name);
}

export function isPureReward(spec: RewardSpec): spec is PureReward {
  return !isWorkspaceReward(spec) && !isJudgedReward(spec);
}

/** Tasks that a reward of the specification applies to: those that it knows, narrowed to its `tasks`. */
export function tasksOfReward(spec: RewardSpec): readonly TaskId[] {
  const known = isPureReward(spec)
    ? pureRewards[spec.name].tasks
    : isJudgedReward(spec)
      ? judgedTasks[spec.name]
      : taskIds;
  return known.filter((task) => spec.tasks === undefined || spec.tasks.includes(task));
}

export function appliesTo(spec: RewardSpec, { task, datasetId }: Pick<RewardExample, "task" | "datasetId">): boolean {
  return tasksOfReward(spec).includes(task) && (spec.data === undefined || spec.data.includes(datasetId));
}

/** Scores with a built-in reward that applies to the example. */
export function scoreItem(spec: PureReward, item: RewardItem): RewardOutput {
  // SAFETY: the row of the table is that of the specification's name, which TypeScript cannot follow through the union.
  const reward = pureRewards[spec.name] as Reward;
  return reward.score(item, spec);
}

/** A reward's part in the sum. */
export function partOf(spec: RewardSpec, { value, parts, reason }: RewardOutput): RewardPart {
  return {
    name: rewardKey(spec),
    weight: spec.weight,
    value,
    ...(parts === undefined ? {} : { parts }),
    ...(reason === undefined ? {} : { reason }),
  };
}

/**
 * The weighted sum of the parts that have a value. Without any it is 0 (lint says so beforehand); null when a part failed
 * and its rollout is dropped for it.
 */
export function sumOf(parts: readonly RewardPart[]): number | null {
  if (parts.some((part) => part.error !== undefined && part.value === null)) return null;
  return parts.reduce((sum, part) => sum + part.weight * (part.value ?? 0), 0);
}

import type { RewardPart } from "../../protocol/records.ts";
import type { RewardSpec } from "../../protocol/spec.ts";
import type { TaskId } from "../../protocol/tasks.ts";
import { accuracyReward } from "./accuracy.ts";
import { boxIouReward } from "./boxIou.ts";
import { formatReward } from "./format.ts";
import type { Reward, RewardInput } from "./reward.ts";
import { tiouReward } from "./tiou.ts";

/** Built-in rewards by name. */
export const rewards: Readonly<Record<RewardSpec["name"], Reward>> = {
  format: formatReward,
  tiou: tiouReward,
  "box-iou": boxIouReward,
  accuracy: accuracyReward,
};

/** Tasks that a reward of the specification applies to: those that it knows, narrowed to its `tasks`. */
export function tasksOfReward(spec: RewardSpec): readonly TaskId[] {
  return rewards[spec.name].tasks.filter((task) => spec.tasks === undefined || spec.tasks.includes(task));
}

/**
 * The parts of a completion's reward and their weighted sum. Rewards that do not apply to the task of the example are left
 * out; without any the reward is 0 (lint says so beforehand).
 */
export function scoreCompletion(
  specs: readonly RewardSpec[],
  input: RewardInput,
): { parts: RewardPart[]; reward: number } {
  const parts = specs
    .filter((spec) => tasksOfReward(spec).includes(input.example.task))
    .map((spec) => {
      const { value, reason } = rewards[spec.name].score(input);
      const part = { name: spec.name, weight: spec.weight, value };
      return reason === undefined ? part : { ...part, reason };
    });
  return { parts, reward: parts.reduce((sum, part) => sum + part.weight * part.value, 0) };
}

import type { RewardItem, RewardOutput } from "../../protocol/reward.ts";
import type { BuiltInReward, BuiltInRewardName } from "../../protocol/rewardSpec.ts";
import type { TaskId } from "../../protocol/tasks.ts";

/** Built-in rewards that ask a server; what they ask and how they read the answer is here, asking is not (hosts/judge). */
export const judgedRewardNames = ["event-recall", "semantic-similarity"] as const;
export type JudgedRewardName = (typeof judgedRewardNames)[number];
export type JudgedReward = Extract<BuiltInReward, { name: JudgedRewardName }>;

/** Built-in rewards that are functions of what they are given. */
export type PureRewardName = Exclude<BuiltInRewardName, JudgedRewardName>;
export type PureReward = Exclude<BuiltInReward, JudgedReward>;

/** A built-in reward: a pure function and the tasks it knows. `Spec` is its row of the specification, with its options. */
export interface Reward<Spec extends PureReward = PureReward> {
  readonly tasks: readonly TaskId[];
  score(item: RewardItem, spec: Spec): RewardOutput;
}

import { segmentSetIou } from "../metrics/segments.ts";
import type { RewardItem, RewardOutput } from "../../protocol/reward.ts";
import type { Segment } from "../../protocol/tasks.ts";
import type { PureReward, Reward } from "./reward.ts";

/**
 * IoU of the merged sets of intervals, 0 for an answer of more than `maxIntervals`: VideoChat-R1.5's guard against answers
 * that cover anything with many small pieces (its limit is 3). In [0, 1].
 */
export const intervalSetIouReward: Reward<Extract<PureReward, { name: "interval-set-iou" }>> = {
  tasks: ["temporal-grounding", "grounded-qa"],
  score({ completion: { parsed }, example: { truth } }: RewardItem, { maxIntervals }): RewardOutput {
    const said = parsed.segments ?? (parsed.segment === undefined ? undefined : [parsed.segment]);
    if (said === undefined) return { value: 0, reason: parsed.failures[0] ?? "no-interval" };
    if (said.length > maxIntervals)
      return { value: 0, parts: { intervals: said.length }, reason: "too-many-intervals" };
    return { value: segmentSetIou(said, segmentsOf(truth)), parts: { intervals: said.length } };
  },
};

function segmentsOf(truth: RewardItem["example"]["truth"]): readonly Segment[] {
  if (truth.task === "temporal-grounding") return [truth.segment];
  if (truth.task === "grounded-qa") return truth.segments;
  throw new Error(`internal: interval-set-iou does not know ${truth.task}`);
}

import type { ParseFailure } from "../../protocol/tasks.ts";
import { segmentSetIou, tIou } from "../metrics/segments.ts";
import type { RewardItem, RewardOutput } from "../../protocol/reward.ts";
import type { Reward } from "./reward.ts";

/**
 * Temporal IoU with the true segment, in [0, 1]; for grounded QA the IoU of the merged sets of segments. VideoChat-R1's
 * IoU reward. What differs: zero length on both sides gives 0 where it gives 1, any spelling of an interval counts, and
 * an answer that cannot be read gives 0 with its reason instead of the value of the example before it.
 */
export const tiouReward: Reward = {
  tasks: ["temporal-grounding", "grounded-qa"],
  score({ completion: { parsed }, example }: RewardItem): RewardOutput {
    const { truth } = example;
    if (truth.task === "temporal-grounding") {
      if (parsed.segment === undefined) return { value: 0, reason: parsed.failures[0] ?? "no-interval" };
      return { value: tIou(parsed.segment, truth.segment) };
    }
    if (truth.task === "grounded-qa") {
      if (parsed.segments === undefined)
        return { value: 0, reason: parsed.failures.find(isGlueFailure) ?? "no-glue-tag" };
      return { value: segmentSetIou(parsed.segments, truth.segments) };
    }
    throw new Error(`internal: tiou does not know ${truth.task}`);
  },
};

function isGlueFailure(failure: ParseFailure): boolean {
  return failure === "no-glue-tag" || failure === "bad-glue";
}

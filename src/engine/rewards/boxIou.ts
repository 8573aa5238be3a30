import { mean } from "../metrics/statistics.ts";
import { trackIous } from "../metrics/track.ts";
import type { RewardItem, RewardOutput } from "../../protocol/reward.ts";
import type { Reward } from "./reward.ts";

/**
 * Mean IoU over all boxes of the track, the given one included, in [0, 1]: VideoChat-R1's tracking reward. What differs:
 * the number of boxes is that of the truth (theirs is always 8), tuples and objects count as boxes, and an answer that
 * cannot be read gives 0 with its reason. GOT-10k's AO, without the given box, is a metric and another number.
 */
export const boxIouReward: Reward = {
  tasks: ["tracking"],
  score({ completion: { parsed }, example }: RewardItem): RewardOutput {
    const { truth } = example;
    if (truth.task !== "tracking") throw new Error(`internal: box-iou does not know ${truth.task}`);
    if (parsed.boxes === undefined) return { value: 0, reason: parsed.failures[0] ?? "no-boxes" };
    const boxes = truth.boxes.map((b) => b.box);
    return { value: mean(trackIous(parsed.boxes, boxes)) };
  },
};

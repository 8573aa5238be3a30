import { overlapSec, segmentLengthSec, tIou } from "../metrics/segments.ts";
import type { RewardItem, RewardOutput } from "../../protocol/reward.ts";
import type { Reward } from "./reward.ts";

/**
 * tIoU times (1 - |start - true start| / duration) times (1 - |end - true end| / duration): Time-R1's timestamp-aware IoU
 * (arXiv 2503.13377, `iou_v2` of its code). In [0, 1]. What differs: an answer that does not overlap the truth gives 0
 * rather than a small number of the wrong sign, ends outside the video count as at its edge, and where no duration is
 * known the reward does not apply.
 */
export const tiouBoundaryReward: Reward = {
  tasks: ["temporal-grounding"],
  score({ completion: { parsed }, example: { truth, durationSec } }: RewardItem): RewardOutput {
    if (truth.task !== "temporal-grounding") throw new Error(`internal: tiou-boundary does not know ${truth.task}`);
    if (parsed.segment === undefined) return { value: 0, reason: parsed.failures[0] ?? "no-interval" };
    if (durationSec === null || durationSec <= 0) return { value: null, reason: "no-duration" };
    const within = (sec: number): number => Math.min(durationSec, Math.max(0, sec));
    const said = { startSec: within(parsed.segment.startSec), endSec: within(parsed.segment.endSec) };
    const tiou = segmentLengthSec(said) > 0 && overlapSec(said, truth.segment) > 0 ? tIou(said, truth.segment) : 0;
    const closeness = (said: number, right: number): number => Math.max(0, 1 - Math.abs(said - right) / durationSec);
    const start = closeness(said.startSec, truth.segment.startSec);
    const end = closeness(said.endSec, truth.segment.endSec);
    return { value: tiou * start * end, parts: { tiou, start, end } };
  },
};

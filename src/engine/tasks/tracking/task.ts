import type { ParsedAnswer } from "../../../protocol/tasks.ts";
import type { Example } from "../../data/example.ts";
import { reaches } from "../../metrics/recall.ts";
import { mean } from "../../metrics/statistics.ts";
import { averageOverlap, got10kFrames, got10kIous, successRate, trackIous } from "../../metrics/track.ts";
import type { Baseline, MetricValues, Task } from "../task.ts";
import { truthOf } from "../truth.ts";
import { parseTracking } from "./parse.ts";
import { buildTrackingPrompt, buildTrackingTarget } from "./prompt.ts";

const fullFrame = { x0: 0, y0: 0, x1: 1, y1: 1 };
const pooledMetrics: readonly string[] = ["ao", "sr_0.5", "sr_0.75"];

const trackingBaselines: Readonly<Record<string, Baseline>> = {
  "copy-first-box": (example) => {
    const boxes = truthOf(example, "tracking").boxes;
    const first = boxes[0];
    return first === undefined ? null : { task: "tracking", boxes: boxes.map(() => first.box), failures: [] };
  },
  "full-frame": (example) => ({
    task: "tracking",
    boxes: truthOf(example, "tracking").boxes.map(() => fullFrame),
    failures: [],
  }),
};

export const tracking: Task = {
  id: "tracking",
  buildPrompt: buildTrackingPrompt,
  buildTarget: buildTrackingTarget,
  parse: parseTracking,
  score: scoreTracking,
  // GOT-10k pools the frames of all sequences, so a sequence weighs as many scored frames as it has.
  metricWeight: (metric, example) =>
    pooledMetrics.includes(metric) ? got10kFrames(truthOf(example, "tracking").boxes).length : 1,
  baselines: trackingBaselines,
};

/**
 * VideoChat-R1's figures (`mean_iou` over all boxes, the given one included, and the share of sequences whose mean is at
 * or over a threshold) beside those of the GOT-10k toolkit (`ao`, `sr_…`, without the given box and without frames in
 * which the object cannot be seen).
 */
function scoreTracking(answer: ParsedAnswer, example: Example): MetricValues {
  const { boxes: truth } = truthOf(example, "tracking");
  const predicted = answer.boxes ?? [];
  const ious_F = trackIous(
    predicted,
    truth.map((b) => b.box),
  );
  const scored_F = got10kIous(predicted, truth);
  const meanIou = mean(ious_F);
  return {
    mean_iou: meanIou,
    "R@0.5": Number(reaches(meanIou, 0.5)),
    "R@0.7": Number(reaches(meanIou, 0.7)),
    ao: averageOverlap([scored_F]),
    "sr_0.5": successRate([scored_F], 0.5),
    "sr_0.75": successRate([scored_F], 0.75),
  };
}

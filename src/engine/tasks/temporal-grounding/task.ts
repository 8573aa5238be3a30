import type { ParsedAnswer } from "../../../protocol/tasks.ts";
import type { Example } from "../../data/example.ts";
import { reaches } from "../../metrics/recall.ts";
import { tIou } from "../../metrics/segments.ts";
import type { MetricValues, Task } from "../task.ts";
import { truthOf } from "../truth.ts";
import { fitTemporalGroundingBaselines, temporalGroundingBaselines } from "./baselines.ts";
import { parseTemporalGrounding } from "./parse.ts";
import { buildTemporalGroundingPrompt, buildTemporalGroundingTarget } from "./prompt.ts";

export const temporalGrounding: Task = {
  id: "temporal-grounding",
  buildPrompt: buildTemporalGroundingPrompt,
  buildTarget: buildTemporalGroundingTarget,
  parse: parseTemporalGrounding,
  score: scoreTemporalGrounding,
  baselines: temporalGroundingBaselines,
  fitBaselines: fitTemporalGroundingBaselines,
};

/** mIoU and R@1 at tIoU 0.3, 0.5 and 0.7 (at or over), as Charades-STA is scored. */
function scoreTemporalGrounding(answer: ParsedAnswer, example: Example): MetricValues {
  const { segment } = truthOf(example, "temporal-grounding");
  const iou = answer.segment === undefined ? 0 : tIou(answer.segment, segment);
  return {
    mIoU: iou,
    "R@0.3": Number(reaches(iou, 0.3)),
    "R@0.5": Number(reaches(iou, 0.5)),
    "R@0.7": Number(reaches(iou, 0.7)),
  };
}

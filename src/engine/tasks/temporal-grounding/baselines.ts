import type { Segment } from "../../../protocol/tasks.ts";
import { tIou } from "../../metrics/segments.ts";
import type { Example } from "../../data/example.ts";
import type { Baseline } from "../task.ts";
import { truthOf } from "../truth.ts";

/** The same share of every video, whatever is asked. */
export const temporalGroundingBaselines: Readonly<Record<string, Baseline>> = {
  "full-video": constantInterval(0, 1),
  "constant-0-to-0.45": constantInterval(0, 0.45),
  "middle-half": constantInterval(0.25, 0.75),
};

/**
 * The constant share of the video with the highest mean tIoU on training examples (steps of 0.05 of the duration). Ties
 * go to the first. Nothing when no training example has a duration.
 */
export function fitTemporalGroundingBaselines(training: readonly Example[]): Readonly<Record<string, Baseline>> {
  const shares = training.flatMap((example) => {
    const { segment } = truthOf(example, "temporal-grounding");
    const duration = example.durationSec;
    if (duration === null || duration <= 0) return [];
    return [{ startSec: segment.startSec / duration, endSec: segment.endSec / duration }];
  });
  if (shares.length === 0) return {};
  const { startSec, endSec } = bestInterval(shares);
  return { "best-constant": constantInterval(startSec, endSec) };
}

function constantInterval(from: number, to: number): Baseline {
  return ({ durationSec }) =>
    durationSec === null || durationSec <= 0
      ? null
      : {
          task: "temporal-grounding",
          segment: { startSec: from * durationSec, endSec: to * durationSec },
          failures: [],
        };
}

function bestInterval(shares: readonly Segment[]): Segment {
  const steps = 20;
  let best: Segment = { startSec: 0, endSec: 1 };
  let bestSum = -1;
  for (let i = 0; i < steps; i++) {
    for (let j = i + 1; j <= steps; j++) {
      const candidate = { startSec: i / steps, endSec: j / steps };
      const sum = shares.reduce((total, share) => total + tIou(candidate, share), 0);
      if (sum > bestSum) [best, bestSum] = [candidate, sum];
    }
  }
  return best;
}

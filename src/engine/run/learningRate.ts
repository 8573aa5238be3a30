import type { GrpoSpec } from "../../protocol/spec.ts";

/**
 * Learning rate of a step (1-based): linear warm-up from 0, then constant, or decay to 0 at the end of the run. The
 * factors are those of transformers' get_scheduler ("constant_with_warmup", "linear", "cosine") at step - 1 finished
 * steps; all iterations over the rollouts of a step share one rate.
 */
export function learningRateAt(
  step: number,
  options: Pick<GrpoSpec, "learningRate" | "lrSchedule" | "warmupSteps" | "steps">,
): number {
  const finished = step - 1;
  const { learningRate, lrSchedule, warmupSteps, steps } = options;
  if (finished < warmupSteps) return (learningRate * finished) / Math.max(1, warmupSteps);
  const decayed = (finished - warmupSteps) / Math.max(1, steps - warmupSteps);
  switch (lrSchedule) {
    case "constant":
      return learningRate;
    case "linear":
      return learningRate * Math.max(0, 1 - decayed);
    case "cosine":
      return learningRate * Math.max(0, 0.5 * (1 + Math.cos(Math.PI * decayed)));
    default:
      return lrSchedule satisfies never;
  }
}

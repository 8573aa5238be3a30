import type { RunSpec } from "../../protocol/spec.ts";

/** Optimizer steps of a run. */
export function stepsOf(spec: RunSpec): number {
  return spec.method === "sft" ? spec.sft.steps : spec.grpo.steps;
}

/** Whether the policy after so many finished steps is to be evaluated. */
export function isEvaluationDue(spec: RunSpec, step: number): boolean {
  const { atStart, everySteps, atEnd } = spec.evaluate;
  if (step === 0) return atStart;
  return (atEnd && step === stepsOf(spec)) || (everySteps > 0 && step % everySteps === 0);
}

/** Evaluations after more steps than these. */
export function countEvaluationsAfter(spec: RunSpec, step: number): number {
  let count = 0;
  for (let later = step + 1; later <= stepsOf(spec); later++) count += isEvaluationDue(spec, later) ? 1 : 0;
  return count;
}

/** The last step always has a checkpoint. */
export function isCheckpointDue(spec: RunSpec, step: number): boolean {
  const { everySteps } = spec.checkpoints;
  return step === stepsOf(spec) || (everySteps > 0 && step % everySteps === 0);
}

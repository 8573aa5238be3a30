/** Estimates the time that is left from the last steps. Pure: durations come in. */
export interface Eta {
  addStep(stepSec: number): void;
  addEvaluation(evaluationSec: number): void;
  /** Seconds for the steps and evaluations to come; null before anything of the kind was seen. */
  estimateSec(left: { readonly steps: number; readonly evaluations: number }): number | null;
}

/** Steps that the moving average looks back on. */
const windowSteps = 20;

export function createEta(): Eta {
  const stepSecs: number[] = [];
  let lastEvaluationSec: number | null = null;
  return {
    addStep(stepSec) {
      stepSecs.push(stepSec);
      if (stepSecs.length > windowSteps) stepSecs.shift();
    },
    addEvaluation(evaluationSec) {
      lastEvaluationSec = evaluationSec;
    },
    estimateSec(left) {
      if (left.steps > 0 && stepSecs.length === 0) return null;
      const stepSec = stepSecs.length === 0 ? 0 : stepSecs.reduce((sum, s) => sum + s, 0) / stepSecs.length;
      return left.steps * stepSec + left.evaluations * (lastEvaluationSec ?? 0);
    },
  };
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { createEta } from "../../../src/engine/run/eta.ts";
import { learningRateAt } from "../../../src/engine/run/learningRate.ts";

/** Factors of transformers 4.5x get_scheduler(name, num_warmup_steps=2, num_training_steps=6), printed for steps 0 to 5. */
const factors = {
  constant: [0, 0.5, 1, 1, 1, 1],
  linear: [0, 0.5, 1, 0.75, 0.5, 0.25],
  cosine: [0, 0.5, 1, 0.8535533905932737, 0.5, 0.14644660940672627],
} as const;

for (const [lrSchedule, expected] of Object.entries(factors)) {
  test(`${lrSchedule} with warm-up follows transformers`, () => {
    const found = expected.map((_, i) =>
      learningRateAt(i + 1, {
        learningRate: 2e-4,
        lrSchedule: lrSchedule as keyof typeof factors,
        warmupSteps: 2,
        steps: 6,
      }),
    );
    found.forEach((rate, i) =>
      assert.ok(Math.abs(rate - 2e-4 * (expected[i] ?? NaN)) < 1e-18, `step ${i + 1}: ${rate}`),
    );
  });
}

test("without warm-up the first step has the whole rate; a warm-up longer than the run never ends", () => {
  const options = { learningRate: 1, lrSchedule: "cosine", warmupSteps: 0, steps: 1 } as const;
  assert.equal(learningRateAt(1, options), 1);
  assert.equal(learningRateAt(3, { ...options, warmupSteps: 10, steps: 3 }), 0.2);
});

test("the time that is left is the mean of the last steps, with the evaluations to come", () => {
  const eta = createEta();
  assert.equal(eta.estimateSec({ steps: 3, evaluations: 1 }), null);
  eta.addEvaluation(10);
  for (const stepSec of [100, ...Array<number>(19).fill(2), 4]) eta.addStep(stepSec); // the first has left the window
  assert.equal(eta.estimateSec({ steps: 10, evaluations: 1 }), 10 * 2.1 + 10);
  assert.equal(eta.estimateSec({ steps: 0, evaluations: 0 }), 0);
});

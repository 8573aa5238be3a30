import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { bootstrapMean } from "../../../src/engine/metrics/bootstrap.ts";
import { createUniform } from "../../../src/engine/metrics/random.ts";
import { recallAt } from "../../../src/engine/metrics/recall.ts";
import { mean, quantileOfSorted } from "../../../src/engine/metrics/statistics.ts";

const equal = (values: readonly number[]): { value: number; weight: number }[] =>
  values.map((value) => ({ value, weight: 1 }));

test("the interval is the same each time and another with another seed", () => {
  const values = equal([0, 0.1, 0.4, 0.9, 1, 0.3, 0.2]);
  assert.deepEqual(bootstrapMean(values), bootstrapMean(values));
  assert.notDeepEqual(bootstrapMean(values), bootstrapMean(values, { seed: 1 }));
});

test("the interval of a share is about 1.96 standard errors wide on each side", () => {
  const { value, low, high, n } = bootstrapMean(equal(Array.from({ length: 400 }, (_, i) => Number(i % 4 === 0))));
  const half = 1.96 * Math.sqrt((0.25 * 0.75) / 400);
  assert.equal(value, 0.25);
  assert.equal(n, 400);
  assert.ok(Math.abs(value - low - half) < 0.1 * half * 2, `${low}`);
  assert.ok(Math.abs(high - value - half) < 0.1 * half * 2, `${high}`);
});

test("the value lies in its interval, and the interval within the values", () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 }), (values) => {
      const { value, low, high } = bootstrapMean(equal(values), { resamples: 50 });
      assert.ok(low <= value && value <= high);
      assert.ok(low >= Math.min(...values) - 1e-12 && high <= Math.max(...values) + 1e-12);
    }),
  );
});

test("weights pool: one long sequence counts as many short ones", () => {
  const weighted = bootstrapMean([
    { value: 1, weight: 1 },
    { value: 0, weight: 3 },
  ]);
  assert.equal(weighted.value, 0.25);
  assert.equal(weighted.n, 2);
});

test("one example has no spread", () => {
  assert.deepEqual(bootstrapMean(equal([0.4])), { value: 0.4, low: 0.4, high: 0.4, n: 1 });
});

test("uniform numbers are in [0, 1) and follow their seed", () => {
  const draw = (seed: number): number[] => {
    const uniform = createUniform(seed);
    return Array.from({ length: 10_000 }, () => uniform());
  };
  assert.deepEqual(draw(7), draw(7));
  assert.ok(draw(7).every((u) => u >= 0 && u < 1));
  assert.ok(Math.abs(mean(draw(7)) - 0.5) < 0.02);
});

test("recall counts answers at the threshold, also after rounding", () => {
  assert.equal(recallAt([0.5, 0.49, 0.7, 0], 0.5), 0.5);
  assert.equal(recallAt([0.1 + 0.2 - 4e-17, 0.3 - 1e-12], 0.3), 1);
  assert.equal(recallAt([], 0.5), 0);
});

test("quantiles interpolate", () => {
  assert.equal(quantileOfSorted([0, 1, 2, 3], 0.5), 1.5);
  assert.equal(quantileOfSorted([5], 0.975), 5);
});

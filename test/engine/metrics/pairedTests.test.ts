import assert from "node:assert/strict";
import test from "node:test";
import { bootstrapMeanOfGroups } from "../../../src/engine/metrics/bootstrap.ts";
import { mcNemar, pairedDifference } from "../../../src/engine/metrics/pairedTests.ts";

const pairs = (rows: readonly (readonly [number, number])[]) =>
  rows.map(([before, after]) => ({ before, after, weight: 1 }));
const near = (a: number, b: number, within = 1e-9): void => assert.ok(Math.abs(a - b) <= within, `${a} is not ${b}`);

test("McNemar's exact p-values are those of a two-sided binomial test", () => {
  const changed = (lost: number, gained: number) =>
    mcNemar(
      pairs([
        ...Array.from({ length: lost }, () => [1, 0] as const),
        ...Array.from({ length: gained }, () => [0, 1] as const),
        [1, 1],
        [0, 0],
      ]),
    );
  // scipy.stats.binomtest(min, n).pvalue
  near(changed(1, 9).pValue, 0.021484375);
  near(changed(2, 10).pValue, 0.03857421875);
  near(changed(0, 5).pValue, 0.0625);
  assert.deepEqual(changed(4, 4), { lost: 4, gained: 4, pValue: 1 });
  assert.deepEqual(changed(0, 0), { lost: 0, gained: 0, pValue: 1 });
  const many = changed(900, 1100).pValue; // 2^-2000 is 0 in floating point
  near(many, 8.5e-6, 1e-6);
});

test("the paired test sees a small steady gain that two separate intervals would hide", () => {
  const spread = Array.from({ length: 40 }, (_, i) => [i / 40, i / 40 + 0.02 + 0.01 * (i % 2)] as const);
  const { difference, low, high, pValue, n } = pairedDifference(pairs(spread));
  near(difference, 0.025);
  assert.equal(n, 40);
  assert.ok(low > 0.02 && high < 0.03 && pValue < 0.001, `${low} ${high} ${pValue}`);
});

test("no change is no finding, and the interval of noise holds 0", () => {
  assert.deepEqual(pairedDifference(pairs([[0.2, 0.2], [0.9, 0.9]])), { difference: 0, low: 0, high: 0, pValue: 1, n: 2 }); // prettier-ignore
  const noise = pairs(Array.from({ length: 50 }, (_, i) => [i % 2, (i + 1) % 2] as const));
  const { difference, low, high, pValue } = pairedDifference(noise);
  assert.ok(difference === 0 && low < 0 && high > 0 && pValue === 1);
});

test("the p-value of a plain difference agrees with the normal one", () => {
  // 100 pairs, mean change 0.1, standard deviation 0.5: z = 2.
  const rows = pairs(Array.from({ length: 100 }, (_, i) => [0, 0.1 + (i % 2 === 0 ? 0.5 : -0.5)] as const));
  near(pairedDifference(rows, { resamples: 20000 }).pValue, 0.0455, 0.015);
});

test("four changes of one sign are not certain: two of sixteen signs are as far from 0", () => {
  near(
    pairedDifference(pairs(Array.from({ length: 4 }, () => [0, 1] as const)), { resamples: 20000 }).pValue,
    0.125,
    0.01,
  );
});

test("weights: a pair of three frames counts as three", () => {
  const { difference } = pairedDifference([
    { before: 0, after: 1, weight: 3 },
    { before: 1, after: 0, weight: 1 },
  ]);
  assert.equal(difference, 0.5);
});

test("the mean of groups does not look at their sizes", () => {
  const one = (value: number) => ({ value, weight: 1 });
  const { value, low, high, n } = bootstrapMeanOfGroups([[one(1)], [one(0), one(0), one(1), one(0)], []]);
  assert.equal(value, (1 + 0.25) / 2);
  assert.equal(n, 5);
  assert.ok(low >= 0.5 && low < value && high > value && high <= 1);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { computeAdvantages, unbiasedStd } from "../../../src/engine/rewards/advantages.ts";

test("group: the difference to the group's mean over its unbiased standard deviation + 1e-4", () => {
  const [first] = computeAdvantages([[0, 1, 1, 2]], "group");
  const std = Math.sqrt(2 / 3);
  assert.deepEqual(first, [-1 / (std + 1e-4), 0, 0, 1 / (std + 1e-4)]);
});

test("batch: each group's mean, the deviation of all rewards of the step", () => {
  const std = unbiasedStd([0, 1, 4, 6]);
  assert.deepEqual(
    computeAdvantages(
      [
        [0, 1],
        [4, 6],
      ],
      "batch",
    ),
    [
      [-0.5 / (std + 1e-4), 0.5 / (std + 1e-4)],
      [-1 / (std + 1e-4), 1 / (std + 1e-4)],
    ],
  );
});

test("none: the difference alone", () => {
  assert.deepEqual(computeAdvantages([[0, 1, 5]], "none"), [[-2, -1, 3]]);
});

test("dropped rollouts take no part", () => {
  assert.deepEqual(
    computeAdvantages(
      [
        [0, null, 1],
        [null, null],
        [3, null],
      ],
      "none",
    ),
    [
      [-0.5, null, 0.5],
      [null, null],
      [0, null],
    ],
  );
  assert.deepEqual(computeAdvantages([[0, null, 1]], "group")[0]?.[1], null);
});

test("equal rewards give exact zeros, whatever they are", () => {
  for (const scale of ["group", "batch", "none"] as const) {
    assert.deepEqual(
      computeAdvantages(
        [
          [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
          [1, 2],
        ],
        scale,
      )[0],
      Array(7).fill(0),
    );
  }
});

test("the advantages of a group sum to 0 and keep the order of the rewards", () => {
  const reward = fc.double({ min: -10, max: 10, noNaN: true });
  fc.assert(
    fc.property(fc.array(reward, { minLength: 2, maxLength: 16 }), (rewards_G) => {
      const advantages_G = (computeAdvantages([rewards_G], "group")[0] ?? []).map((a) => a ?? NaN);
      assert.ok(Math.abs(advantages_G.reduce((sum, a) => sum + a, 0)) < 1e-6);
      rewards_G.forEach((a, i) =>
        rewards_G.forEach((b, j) => assert.ok(a >= b || (advantages_G[i] ?? NaN) <= (advantages_G[j] ?? NaN))),
      );
    }),
  );
});

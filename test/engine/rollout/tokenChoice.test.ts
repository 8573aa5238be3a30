import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { chooseToken, seededRandom, topTokens, type ChoiceOptions } from "../../../src/engine/rollout/tokenChoice.ts";

const all = { temperature: 1, topP: 1, topK: 0 } as const;
const logits = Float32Array.of(1, -0.5, 2.5, 0, 2, -30);
const softmax = (temperature: number, values: ArrayLike<number> = logits): number[] => {
  const powers = Array.from(values, (x) => Math.exp(x / temperature));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((p) => p / total);
};

test("tokens are drawn with the probabilities of the softmax at the temperature", () => {
  for (const temperature of [0.7, 1, 2]) {
    assertDistribution({ ...all, temperature }, softmax(temperature));
  }
});

test("top-k keeps the k most likely tokens, and their proportions", () => {
  const p = softmax(1);
  const kept = (p[2] ?? 0) + (p[4] ?? 0);
  assertDistribution({ ...all, topK: 2 }, [0, 0, (p[2] ?? 0) / kept, 0, (p[4] ?? 0) / kept, 0]);
  assert.deepEqual(drawn({ ...all, topK: 1 }, logits, 50), [2]);
  assert.deepEqual(drawn({ ...all, topK: 99 }, logits, 5000), [0, 1, 2, 3, 4]);
});

test("top-p keeps the smallest set of tokens whose mass reaches it: the token that crosses the line stays", () => {
  const even = Float32Array.of(0, 0, 0, 0); // a quarter each
  assert.deepEqual(drawn({ ...all, topP: 0.25 }, even, 400), [0]);
  assert.deepEqual(drawn({ ...all, topP: 0.26 }, even, 400), [0, 1]);
  assert.deepEqual(drawn({ ...all, topP: 0.5 }, even, 400), [0, 1]);
  assert.deepEqual(drawn({ ...all, topP: 1e-9 }, logits, 400), [2]);
  const p = softmax(1);
  const kept = (p[2] ?? 0) + (p[4] ?? 0);
  // 0.54 and 0.33 are the first two; 0.8 lies between.
  assertDistribution({ ...all, topP: 0.8 }, [0, 0, (p[2] ?? 0) / kept, 0, (p[4] ?? 0) / kept, 0]);
});

test("top-p counts what top-k has left", () => {
  // Of three quarters, the first two are two thirds.
  const even = Float32Array.of(0, 0, 0, 0);
  assert.deepEqual(drawn({ ...all, topK: 3, topP: 0.66 }, even, 400), [0, 1]);
  assert.deepEqual(drawn({ ...all, topK: 3, topP: 0.67 }, even, 400), [0, 1, 2]);
});

test("log-probability and entropy are those of the whole distribution, whatever is cut", () => {
  const options = fc.record({
    temperature: fc.double({ min: 0.2, max: 3, noNaN: true }),
    topP: fc.double({ min: 0.05, max: 1, noNaN: true }),
    topK: fc.nat({ max: 6 }),
  });
  const values = fc.float32Array({ min: -20, max: 20, noNaN: true, minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(values, options, fc.nat(), (scores, choice, seed) => {
      const { token, logprob, entropy } = chooseToken(scores, choice, seededRandom(seed));
      const p = softmax(choice.temperature, scores);
      const known = p.reduce((sum, x) => sum - (x > 0 ? x * Math.log(x) : 0), 0);
      assert.ok(Math.abs(logprob - Math.log(p[token] ?? NaN)) < 1e-6, `logprob ${logprob}`);
      assert.ok(Math.abs(entropy - known) < 1e-6, `entropy ${entropy}, expected ${known}`);
      const before = p.filter((x) => x > (p[token] ?? 0)).length;
      if (choice.topK > 0) assert.ok(before < choice.topK, "a token outside the k most likely");
      // What is more likely than the token has not reached top-p yet.
      const mass = p.filter((x) => x > (p[token] ?? 0)).reduce((a, b) => a + b, 0);
      assert.ok(mass < choice.topP + 1e-9, `mass ${mass} above a token that top-p ${choice.topP} keeps`);
    }),
  );
});

test("temperature 0 takes the most likely token, the first of equals, and asks for no randomness", () => {
  const none = (): number => assert.fail("a greedy choice has nothing to draw");
  const choice = chooseToken(Float32Array.of(0, 3, 3, -1), { ...all, temperature: 0 }, none);
  const p = softmax(1, [0, 3, 3, -1]);
  assert.equal(choice.token, 1);
  assert.ok(Math.abs(choice.logprob - Math.log(p[1] ?? 0)) < 1e-6);
  assert.ok(Math.abs(choice.entropy - p.reduce((sum, x) => sum - x * Math.log(x), 0)) < 1e-6);
});

test("logits far apart neither overflow nor vanish, and the ends of the interval draw a token that has mass", () => {
  const far = Float32Array.of(-1e4, 1e4, -1e4);
  for (const uniform of [0, 0.5, 1 - 2 ** -32]) {
    const { token, logprob, entropy } = chooseToken(far, all, () => uniform);
    assert.deepEqual([token, logprob, entropy], [1, 0, 0]);
    assert.equal(chooseToken(far, { ...all, topK: 2, topP: 0.99 }, () => uniform).token, 1);
  }
  const before = logits.slice();
  chooseToken(logits, { ...all, topK: 2 }, () => 0.5);
  assert.deepEqual(logits, before, "logits are not changed");
});

test("the most likely tokens come in order, with the log-probabilities of the whole vocabulary", () => {
  const top = topTokens(Float32Array.of(0, 2, 1, 2), 0.5, 3);
  const total = Math.exp(0) + 2 * Math.exp(4) + Math.exp(2);
  assert.deepEqual(
    top.map(({ token }) => token),
    [1, 3, 2],
  );
  top.forEach(({ logprob }, i) => assert.ok(Math.abs(logprob - Math.log(Math.exp([4, 4, 2][i] ?? 0) / total)) < 1e-6));
  assert.deepEqual(topTokens(Float32Array.of(1, 2), 0, 0), []);
  assert.equal(topTokens(Float32Array.of(1, 2), 1, 5).length, 2, "no more than there are");
});

test("random numbers follow their seed, lie in [0, 1) and fill it evenly", () => {
  const take = (seed: number, count: number): number[] => {
    const random = seededRandom(seed);
    return Array.from({ length: count }, random);
  };
  assert.deepEqual(take(7, 5), take(7, 5));
  assert.notDeepEqual(take(7, 5), take(8, 5));
  const numbers = take(1, 10_000);
  assert.ok(numbers.every((x) => x >= 0 && x < 1));
  const bins = new Array<number>(20).fill(0);
  for (const x of numbers) bins[Math.floor(x * 20)] = (bins[Math.floor(x * 20)] ?? 0) + 1;
  assertChiSquare(bins, new Array<number>(20).fill(1 / 20));
});

function assertDistribution(options: ChoiceOptions, probabilities: readonly number[]): void {
  const random = seededRandom(5);
  const counts = new Array<number>(logits.length).fill(0);
  for (let i = 0; i < 20_000; i++) {
    const { token } = chooseToken(logits, options, random);
    counts[token] = (counts[token] ?? 0) + 1;
  }
  assertChiSquare(counts, probabilities);
}

/** Pearson's statistic against the 99.9 % quantile; the seed is fixed, so the outcome is too. */
function assertChiSquare(counts: readonly number[], probabilities: readonly number[]): void {
  const total = counts.reduce((a, b) => a + b, 0);
  const likely = probabilities.flatMap((p, i) => (p * total >= 5 ? [i] : []));
  probabilities.forEach((p, i) => p === 0 && assert.equal(counts[i], 0, `token ${i} must not be drawn`));
  const statistic = likely.reduce((sum, i) => {
    const expected = (probabilities[i] ?? 0) * total;
    return sum + ((counts[i] ?? 0) - expected) ** 2 / expected;
  }, 0);
  const freedom = likely.length - 1;
  // Wilson and Hilferty's approximation.
  const limit = freedom * (1 - 2 / (9 * freedom) + 3.09 * Math.sqrt(2 / (9 * freedom))) ** 3;
  assert.ok(statistic < limit, `chi-square ${statistic} of ${freedom} degrees, limit ${limit}: ${counts.join(", ")}`);
}

/** Tokens that come up, in order. */
function drawn(options: ChoiceOptions, values: Float32Array, count: number): number[] {
  const random = seededRandom(9);
  const tokens = Array.from({ length: count }, () => chooseToken(values, options, random).token);
  return [...new Set(tokens)].sort((a, b) => a - b);
}

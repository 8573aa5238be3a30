import assert from "node:assert/strict";
import { test } from "node:test";
import { completionBatch, layOut, spreadOverTokens, unpad } from "../../../src/engine/policy/completionBatch.ts";

const completions = [Int32Array.of(11, 12, 13), Int32Array.of(21), new Int32Array(0)];

test("row i of a completion holds the token before prediction i; the first is the prompt's last", () => {
  const batch = completionBatch(completions, 99, 7);
  assert.deepEqual([batch.groupSize, batch.length, batch.lengths_G], [3, 16, [3, 1, 0]]);
  const rows = (data: BigInt64Array): number[][] =>
    [0, 1, 2].map((k) => Array.from(data.subarray(k * 16, k * 16 + 5), Number));
  assert.deepEqual(rows(batch.completion_ids), [
    [99, 11, 12, 7, 7],
    [99, 7, 7, 7, 7],
    [7, 7, 7, 7, 7],
  ]);
  assert.deepEqual(rows(batch.targets), [
    [11, 12, 13, 7, 7],
    [21, 7, 7, 7, 7],
    [7, 7, 7, 7, 7],
  ]);
});

test("lengths are padded to a multiple of 16", () => {
  const lengthOf = (count: number): number => completionBatch([new Int32Array(count)], 0, 0).length;
  assert.deepEqual([1, 15, 16, 17, 33].map(lengthOf), [16, 16, 16, 32, 48]);
});

test("numbers a token are laid out with zeros on padding, and taken back", () => {
  const batch = completionBatch(completions, 99, 7);
  const values = [Float32Array.of(0.1, 0.2, 0.3), Float32Array.of(0.4), new Float32Array(0)];
  const laid = layOut(batch, values);
  assert.equal(laid.length, 48);
  assert.equal(laid.filter((x) => x !== 0).length, 4);
  assert.deepEqual(unpad(batch, laid), values);
  const spread = spreadOverTokens(batch, (k) => k + 1);
  assert.deepEqual(
    unpad(batch, spread).map((row) => [...row]),
    [[1, 1, 1], [2], []],
  );
  assert.equal(
    spread.reduce((a, b) => a + b, 0),
    5,
  );
});

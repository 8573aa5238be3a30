import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Example } from "../../../src/engine/data/example.ts";
import { createPromptOrder, firstCursor } from "../../../src/engine/run/promptOrder.ts";
import type { DataCursor } from "../../../src/engine/store/progressRecord.ts";
import type { WeightedExamples } from "../../../src/engine/run/promptOrder.ts";

const datasetsArbitrary = fc
  .array(fc.record({ weight: fc.double({ min: 0.1, max: 10, noNaN: true }), size: fc.integer({ min: 1, max: 9 }) }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((list) => list.map(({ weight, size }, i) => dataset(`d${i}`, weight, size)));

test("an order can be taken up at any cursor, also one that went through JSON", () => {
  fc.assert(
    fc.property(datasetsArbitrary, fc.nat(), fc.integer({ min: 1, max: 5 }), (datasets, seed, count) => {
      const whole = drawSteps(datasets, seed, count, 12, firstCursor);
      const first = drawSteps(datasets, seed, count, 5, firstCursor);
      const stored = JSON.parse(JSON.stringify(first.cursor)) as DataCursor;
      const second = drawSteps(datasets, seed, count, 7, stored);
      assert.deepEqual([...first.ids, ...second.ids], whole.ids);
      assert.deepEqual(second.cursor, whole.cursor);
    }),
  );
});

test("the prompts of a step are different as long as the dataset has enough", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.nat(), (size, count, seed) => {
      for (const ids of drawSteps([dataset("d", 1, size)], seed, count, 10, firstCursor).ids) {
        assert.equal(new Set(ids).size, Math.min(size, count));
      }
    }),
  );
});

test("every example comes once an epoch, in an order that changes with the epoch and the seed", () => {
  const data = [dataset("d", 1, 20)];
  const epochs = drawSteps(data, 3, 20, 3, firstCursor).ids;
  for (const ids of epochs) assert.equal(new Set(ids).size, 20);
  assert.notDeepEqual(epochs[0], epochs[1]);
  assert.notDeepEqual(drawSteps(data, 4, 20, 1, firstCursor).ids[0], epochs[0]);
});

test("datasets are drawn by weight, in every stretch of steps and not only in the long run", () => {
  const data = [dataset("a", 2, 50), dataset("b", 1, 50), dataset("c", 1, 50)];
  const drawn = drawSteps(data, 7, 4, 100, firstCursor).ids;
  for (let start = 0; start + 10 <= drawn.length; start += 10) {
    const stretch = drawn.slice(start, start + 10).flat();
    const share = (id: string) => stretch.filter((name) => name.startsWith(id)).length / stretch.length;
    for (const [id, expected] of [
      ["a", 0.5],
      ["b", 0.25],
      ["c", 0.25],
    ] as const) {
      assert.ok(Math.abs(share(id) - expected) <= 0.076, `${id}: ${share(id)} from step ${start}`);
    }
  }
});

test("an empty dataset is never drawn from", () => {
  const { ids } = drawSteps([dataset("empty", 5, 0), dataset("d", 1, 3)], 1, 2, 5, firstCursor);
  assert.ok(ids.flat().every((id) => id.startsWith("d/")));
});

function drawSteps(datasets: WeightedExamples[], seed: number, count: number, steps: number, from: DataCursor) {
  const order = createPromptOrder(datasets, seed);
  const ids: string[][] = [];
  let cursor = from;
  for (let step = 0; step < steps; step++) {
    const drawn = order.draw(cursor, count);
    ids.push(drawn.examples.map((example) => `${example.datasetId}/${example.id}`));
    cursor = drawn.cursor;
  }
  return { ids, cursor };
}

function dataset(id: string, weight: number, size: number): WeightedExamples {
  return { id, weight, examples: Array.from({ length: size }, (_, i) => example(id, String(i))) };
}

function example(datasetId: string, id: string): Example {
  return {
    datasetId,
    id,
    task: "multiple-choice",
    videoPath: "v.mp4",
    durationSec: null,
    question: "?",
    truth: { task: "multiple-choice", option: "A" },
    row: null,
  };
}

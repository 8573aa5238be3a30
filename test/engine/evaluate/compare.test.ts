import assert from "node:assert/strict";
import test from "node:test";
import { compareEvaluations } from "../../../src/engine/evaluate/compare.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { recordVersion, type EvaluatedExample, type EvaluationRecord } from "../../../src/protocol/records.ts";
import { choiceExample, trackingExample } from "../examples.ts";

function answer(exampleId: string, metrics: Record<string, number>, example = choiceExample): EvaluatedExample {
  const { datasetId, task, question, truth, durationSec, videoPath } = example;
  const asked = { task, question, truth, durationSec, videoPath };
  return { datasetId, exampleId, text: "", parsed: null, metrics, asked };
}

function evaluation(examples: readonly EvaluatedExample[], settings: Record<string, unknown> = {}): EvaluationRecord {
  return { version: recordVersion, step: 0, scores: {}, baselines: {}, settings, examples };
}

const choices = (rights: readonly number[]) => rights.map((accuracy, i) => answer(String(i), { accuracy }));

test("accuracies: gains and losses, McNemar, and the examples that changed", async () => {
  const before = evaluation(choices([1, 1, 0, 0, 0, 0, 0, 0]));
  const after = evaluation(choices([1, 0, 1, 1, 1, 1, 1, 0]));
  const { metrics, changed, settings } = await compareEvaluations(before, after);
  assert.equal(metrics.length, 1);
  const [accuracy] = metrics;
  assert.deepEqual([accuracy?.key, accuracy?.before, accuracy?.after], ["data/accuracy", 0.25, 0.75]);
  assert.equal(accuracy?.paired.difference, 0.5);
  assert.equal(accuracy.paired.n, 8);
  const { gained, lost, pValue } = accuracy.mcNemar ?? { gained: 0, lost: 0, pValue: 0 };
  assert.deepEqual([gained, lost, pValue.toFixed(6)], [5, 1, "0.218750"]); // binomtest(1, 6)
  assert.deepEqual(
    changed.map(({ before: one, change }) => [one.exampleId, change]),
    [["1", -1], ["2", 1], ["3", 1], ["4", 1], ["5", 1], ["6", 1]], // prettier-ignore
  );
  assert.deepEqual(settings, []);
});

test("the largest change of the first metric comes first; values between 0 and 1 have no McNemar", async () => {
  const before = evaluation([answer("a", { mIoU: 0.5, "R@0.5": 1 }), answer("b", { mIoU: 0.2, "R@0.5": 0 })]);
  const after = evaluation([answer("a", { mIoU: 0.6, "R@0.5": 1 }), answer("b", { mIoU: 0.9, "R@0.5": 1 })]);
  const { metrics, changed } = await compareEvaluations(before, after);
  assert.deepEqual(metrics.map(({ mcNemar }) => mcNemar !== null), [false, true]); // prettier-ignore
  assert.deepEqual(changed.map(({ before: one, metric }) => [one.exampleId, metric]), [["b", "mIoU"], ["a", "mIoU"]]); // prettier-ignore
});

test("pooled metrics weigh a pair by its frames", async () => {
  const short = { ...trackingExample, truth: { task: "tracking" as const, boxes: boxes(2) } };
  const long = { ...trackingExample, truth: { task: "tracking" as const, boxes: boxes(4) } };
  const before = evaluation([answer("short", { ao: 1 }, short), answer("long", { ao: 0 }, long)]);
  const after = evaluation([answer("short", { ao: 0 }, short), answer("long", { ao: 1 }, long)]);
  const { metrics } = await compareEvaluations(before, after);
  assert.deepEqual([metrics[0]?.before, metrics[0]?.after], [0.25, 0.75]);
  assert.equal(metrics[0]?.paired.difference, 0.5);
});

test("what only one has is counted; settings but the policy's are told; other truth is refused", async () => {
  const before = evaluation(choices([1, 0, 1]), { policy: { hash: "a" }, video: { fps: 2 }, seed: 1 });
  const after = evaluation(choices([1, 0]), { policy: { hash: "b" }, video: { fps: 1 }, seed: 1 });
  const { onlyBefore, onlyAfter, settings, metrics } = await compareEvaluations(before, after);
  assert.deepEqual([onlyBefore, onlyAfter, metrics[0]?.paired.n], [1, 0, 2]);
  assert.deepEqual(settings, [{ path: "video.fps", before: 2, after: 1 }]);

  const moved = evaluation([answer("0", { accuracy: 1 }, { ...choiceExample, truth: { task: "multiple-choice", option: "A" } })]); // prettier-ignore
  await assert.rejects(
    compareEvaluations(before, moved),
    (error) => UserError.is(error, "bad-data") && /what is right differs for 1 of 1 examples/.test(error.message),
  );
  await assert.rejects(compareEvaluations(before, evaluation([])), /no example in common/);
});

test("records of older versions, without what was asked, are compared too", async () => {
  const old = (accuracy: number) =>
    evaluation([{ datasetId: "data", exampleId: "0", text: "", parsed: null, metrics: { accuracy } }]);
  const { metrics } = await compareEvaluations(old(0), old(1));
  assert.equal(metrics[0]?.after, 1);
});

function boxes(length: number) {
  return Array.from({ length }, (_, timestampSec) => ({ timestampSec, box: { x0: 0, y0: 0, x1: 1, y1: 1 } }));
}

import assert from "node:assert/strict";
import test from "node:test";
import type { Example } from "../../../src/engine/data/example.ts";
import { bestBaseline, scoreAnswers, scoreBaselines } from "../../../src/engine/evaluate/scoring.ts";
import { averageOverlap, got10kIous, successRate, trackIous } from "../../../src/engine/metrics/track.ts";
import { tasks } from "../../../src/engine/tasks/tasks.ts";
import type { Scores } from "../../../src/protocol/records.ts";
import { exampleOf, groundedQaExample, groundingExample, trackingExample } from "../examples.ts";

const values = (scores: Scores | undefined): Record<string, number> =>
  Object.fromEntries(Object.entries(scores ?? {}).map(([key, s]) => [key, Number(s.value.toFixed(4))]));

const grounding = (startSec: number, endSec: number, changes: Partial<Example> = {}): Example =>
  exampleOf({ task: "temporal-grounding", segment: { startSec, endSec } }, changes);

function track(length: number, stepX: number, datasetId = "data"): Example {
  const boxes = Array.from({ length }, (_, i) => ({
    timestampSec: i,
    box: { x0: i * stepX, y0: 0, x1: 0.4 + i * stepX, y1: 0.5 },
  }));
  return exampleOf({ task: "tracking", boxes }, { datasetId });
}

test("grounding: mIoU and recall; an answer that cannot be read and a missing one score 0", async () => {
  const parse = (text: string): ReturnType<(typeof tasks)["temporal-grounding"]["parse"]> =>
    tasks["temporal-grounding"].parse(`<answer>${text}</answer>`, groundingExample);
  const scores = await scoreAnswers([
    { example: groundingExample, answer: parse("5.0 to 10.0") },
    { example: groundingExample, answer: parse("5.0 to 7.5") },
    { example: groundingExample, answer: parse("never") },
    { example: groundingExample, answer: null },
  ]);
  assert.deepEqual(values(scores), { "data/mIoU": 0.375, "data/R@0.3": 0.5, "data/R@0.5": 0.5, "data/R@0.7": 0.25 });
  const mIoU = scores["data/mIoU"];
  assert.ok(mIoU !== undefined && mIoU.n === 4 && mIoU.low >= 0 && mIoU.low < mIoU.value && mIoU.high > mIoU.value);
});

test("tracking: the mean over all boxes and the pooled overlap are different numbers", async () => {
  const examples = [track(3, 0.1), track(9, 0.02)];
  const copy = tasks.tracking.baselines["copy-first-box"];
  const answered = examples.map((example) => ({ example, answer: copy?.(example) ?? null }));
  const scores = values(await scoreAnswers(answered));
  const truthOf = (example: Example) => (example.truth.task === "tracking" ? example.truth.boxes : []);
  const answerOf = (s: number) => answered[s]?.answer?.boxes ?? [];
  const ious_S_F = examples.map((example, s) =>
    trackIous(
      answerOf(s),
      truthOf(example).map((b) => b.box),
    ),
  );
  const scored_S_F = examples.map((example, s) => got10kIous(answerOf(s), truthOf(example)));
  const means = ious_S_F.map((ious) => ious.reduce((a, b) => a + b, 0) / ious.length);
  assert.deepEqual(scores, {
    "data/mean_iou": Number(((means[0] ?? 0) / 2 + (means[1] ?? 0) / 2).toFixed(4)),
    "data/R@0.5": means.filter((m) => m >= 0.5).length / 2,
    "data/R@0.7": means.filter((m) => m >= 0.7).length / 2,
    "data/ao": Number(averageOverlap(scored_S_F).toFixed(4)),
    "data/sr_0.5": Number(successRate(scored_S_F, 0.5).toFixed(4)),
    "data/sr_0.75": Number(successRate(scored_S_F, 0.75).toFixed(4)),
  });
  assert.notEqual(scores["data/mean_iou"], scores["data/ao"]);
});

test("grounded QA: right, grounded, and both", async () => {
  const score = async (text: string): Promise<Record<string, number>> => {
    const answer = tasks["grounded-qa"].parse(text, groundedQaExample);
    return values(await scoreAnswers([{ example: groundedQaExample, answer }]));
  };
  const overlap = (iou: number, iop: number) => ({
    "data/mIoU@gqa": iou,
    "data/IoU@0.3": Number(iou >= 0.3),
    "data/IoU@0.5": Number(iou >= 0.5),
    "data/mIoP": iop,
    "data/IoP@0.3": Number(iop >= 0.3),
    "data/IoP@0.5": Number(iop >= 0.5),
  });
  assert.deepEqual(await score("<answer>C</answer><glue>[(5, 15)]</glue>"), {
    "data/mIoU": 0.5,
    "data/accuracy": 1,
    "data/acc@gqa": 1,
    ...overlap(0.5, 0.5),
  });
  assert.deepEqual(await score("<answer>C</answer><glue>[(0, 20)]</glue>"), {
    "data/mIoU": 0.25,
    "data/accuracy": 1,
    "data/acc@gqa": 0,
    ...overlap(0.25, 0.25),
  });
  assert.deepEqual(await score("<answer>B</answer><glue>[(5, 10)]</glue>"), {
    "data/mIoU": 1,
    "data/accuracy": 0,
    "data/acc@gqa": 0,
    ...overlap(1, 1),
  });
  // Two pieces are one window of 15 s for NExT-GQA, of which 5 lie in the truth.
  assert.deepEqual(await score("<answer>C</answer><glue>[(5, 9), (18, 20)]</glue>"), {
    "data/mIoU": Number((4 / 7).toFixed(4)),
    "data/accuracy": 1,
    "data/acc@gqa": 0,
    ...overlap(Number((5 / 15).toFixed(4)), Number((5 / 15).toFixed(4))),
  });
});

test("baselines of each dataset under their own ids", async () => {
  const baselines = await scoreBaselines([
    grounding(0, 10, { datasetId: "g" }),
    grounding(5, 15, { datasetId: "g", id: "2" }),
    trackingExample,
    exampleOf({ task: "multiple-choice", option: "B" }, { datasetId: "c", options: ["x", "y"] }),
    exampleOf({ task: "multiple-choice", option: "A" }, { datasetId: "c", options: ["x", "y", "z", "w"], id: "2" }),
  ]);
  assert.deepEqual(Object.keys(baselines).sort(), [
    "constant-0-to-0.45",
    "constant-A",
    "constant-B",
    "constant-C",
    "constant-D",
    "copy-first-box",
    "full-frame",
    "full-video",
    "middle-half",
    "random-expected",
  ]);
  assert.deepEqual(values(baselines["full-video"]), { "g/mIoU": 0.5, "g/R@0.3": 1, "g/R@0.5": 1, "g/R@0.7": 0 });
  assert.equal(values(baselines["middle-half"])["g/mIoU"], Number(((5 / 15 + 1) / 2).toFixed(4)));
  assert.deepEqual(values(baselines["constant-B"]), { "c/accuracy": 0.5 });
  assert.deepEqual(values(baselines["constant-D"]), { "c/accuracy": 0 });
  assert.deepEqual(values(baselines["random-expected"]), { "c/accuracy": 0.375 });
  assert.equal(bestBaseline(baselines, "g/mIoU")?.name, "middle-half");
  assert.equal(bestBaseline(baselines, "c/accuracy")?.name, "constant-A");
  assert.equal(bestBaseline(baselines, "none/mIoU"), null);
});

test("the best constant interval is fitted on training truth only", async () => {
  const scored = [grounding(0, 5, { datasetId: "test" })];
  const training = [grounding(12, 16), grounding(12, 16, { id: "2" }), trackingExample];
  const fitted = (await scoreBaselines(scored, training))["best-constant"];
  assert.equal(fitted?.["test/mIoU"]?.value, 0); // 0.6 to 0.8 of the video, where training says
  const other = (await scoreBaselines([grounding(6, 8, { durationSec: 10 })], training))["best-constant"];
  assert.ok(Math.abs((other?.["data/mIoU"]?.value ?? 0) - 1) < 1e-9);
  assert.equal((await scoreBaselines(scored))["best-constant"], undefined);
});

test("without a duration there is no full video", async () => {
  assert.deepEqual(await scoreBaselines([grounding(1, 2, { durationSec: null })]), {});
  const mixed = await scoreBaselines([
    grounding(0, 10, { durationSec: 10 }),
    grounding(0, 10, { durationSec: null, id: "2" }),
  ]);
  assert.equal(mixed["full-video"]?.["data/mIoU"]?.value, 0.5);
});

test("no examples, no scores", async () => {
  assert.deepEqual(await scoreAnswers([]), {});
  assert.deepEqual(await scoreBaselines([]), {});
});

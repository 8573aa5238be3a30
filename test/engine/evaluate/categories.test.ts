import assert from "node:assert/strict";
import test from "node:test";
import { scoreCategories } from "../../../src/engine/evaluate/categories.ts";
import { collectScores } from "../../../src/engine/evaluate/scoring.ts";
import { describeDifference, settingDifferences } from "../../../src/engine/evaluate/settings.ts";
import { parseAnswer } from "../../../src/engine/tasks/parseAnswer.ts";
import { choiceExample, exampleOf, groundedQaExample, groundingExample } from "../examples.ts";

const answered = (id: string, isRight: boolean, categories?: Record<string, string>) => ({
  example: exampleOf({ task: "multiple-choice", option: "A" }, { id, categories }),
  samples: [{ accuracy: Number(isRight) }],
});

test("MVBench: the mean of its tasks is not the mean of its questions when tasks differ in size", async () => {
  const scored = [
    answered("1", true, { task: "Action Count" }),
    answered("2", true, { task: "State Change" }),
    answered("3", false, { task: "State Change" }),
    answered("4", false, { task: "State Change" }),
    answered("5", false, { task: "State Change" }),
  ];
  const [byTask, ...others] = await scoreCategories(scored);
  assert.deepEqual(others, []);
  assert.deepEqual(
    byTask?.categories.map(({ name, scores }) => [name, scores["data/accuracy"]?.value, scores["data/accuracy"]?.n]),
    [
      ["Action Count", 1, 1],
      ["State Change", 0.25, 4],
    ],
  );
  assert.equal(byTask.mean["data/accuracy"]?.value, 0.625);
  assert.equal((await collectScores(scored))["data/accuracy"]?.value, 0.4);
});

test("F1 of events is that of the mean recall and precision, overall and over categories as AutoDQ has it", async () => {
  const caption = (id: string, recall: number, precision: number, source: string) => ({
    example: exampleOf({ task: "captioning", captions: ["x"], events: [] }, { id, categories: { source } }),
    samples: [{ "event-recall": recall, "event-precision": precision }],
  });
  const scored = [
    caption("1", 1, 0.5, "movie"),
    caption("2", 0, 0.5, "movie"),
    caption("3", 0, 0.5, "movie"),
    caption("4", 1, 1, "stock"),
  ];
  const f1 = (recall: number, precision: number): number => (2 * recall * precision) / (recall + precision);
  const overall = (await collectScores(scored))["data/event-f1"];
  assert.ok(overall !== undefined && Math.abs(overall.value - f1(0.5, 0.625)) < 1e-12);
  assert.ok(overall.low < overall.value && overall.value < overall.high);
  assert.equal(overall.n, 4);
  const [bySource] = await scoreCategories(scored);
  const mean = bySource?.mean["data/event-f1"];
  // (1/3 + 1) / 2 and (1/2 + 1) / 2.
  assert.ok(mean !== undefined && Math.abs(mean.value - f1(2 / 3, 0.75)) < 1e-12);
  assert.deepEqual(
    bySource?.categories.map(({ scores }) => scores["data/event-f1"]?.value),
    [f1(1 / 3, 0.5), 1],
  );
  const nothing = await collectScores([caption("1", 0, 0, "movie")]);
  assert.equal(nothing["data/event-f1"]?.value, 0);
  const unjudged = scored.map(({ example }) => ({ example, samples: [{ "rouge-l": 1 }] }));
  assert.ok(!("data/event-f1" in (await collectScores(unjudged))));
});

test("Video-MME by duration in its order, Perception Test by two groupings, each over its own examples", async () => {
  const durations = ["long", "short", "medium"].map((duration, i) => answered(String(i), i === 0, { duration }));
  const [byDuration] = await scoreCategories(durations);
  assert.deepEqual(
    byDuration?.categories.map(({ name }) => name),
    ["short", "medium", "long"],
  );
  const tagged = [
    answered("1", true, { area: "Physics", reasoning: "Predictive" }),
    answered("2", false, { area: "Memory", reasoning: "Predictive" }),
    answered("3", true, { area: "Physics", reasoning: "Descriptive" }),
    answered("4", true),
  ];
  const found = await scoreCategories(tagged);
  const values = found.map(({ dimension, categories }) => [
    dimension,
    Object.fromEntries(categories.map(({ name, scores }) => [name, scores["data/accuracy"]?.value])),
  ]);
  assert.deepEqual(values, [
    ["area", { Memory: 0, Physics: 1 }],
    ["reasoning", { Descriptive: 1, Predictive: 0.5 }],
  ]);
});

test("one category says nothing", async () => {
  assert.deepEqual(await scoreCategories([answered("1", true, { duration: "short" }), answered("2", true)]), []);
});

test("samples: an example counts once, and the spread is over the samples", async () => {
  const scored = [
    { ...answered("1", true), samples: [{ accuracy: 1 }, { accuracy: 0 }] },
    { ...answered("2", true), samples: [{ accuracy: 1 }, { accuracy: 1 }] },
  ];
  const { "data/accuracy": score } = await collectScores(scored);
  assert.equal(score?.value, 0.75);
  assert.equal(score.n, 2);
  assert.ok(Math.abs((score.sampleStd ?? 0) - Math.SQRT1_2 / 2) < 1e-12); // scores 1 and 0.5
  assert.equal((await collectScores([answered("1", true)]))["data/accuracy"]?.sampleStd, undefined);
});

test("settings differ by path; a key that one side lacks differs too", () => {
  const before = { sampling: { temperature: 0, topP: 1 }, video: { fps: 2 }, hash: "a".repeat(64) };
  const after = { sampling: { temperature: 0.7, topP: 1 }, video: { fps: 2 }, seed: 3, hash: "b".repeat(64) };
  assert.deepEqual(settingDifferences(before, after).map((one) => describeDifference(one)), [
    "hash: aaaaaaaaaa… before, bbbbbbbbbb… now",
    "sampling.temperature: 0 before, 0.7 now",
    "seed: nothing before, 3 now",
  ]); // prettier-ignore
  assert.deepEqual(settingDifferences(before, { ...before }), []);
});

test("the plain parser reads answers without tags, and tagged ones as before", () => {
  const option = (text: string) => parseAnswer(text, choiceExample, "plain").option;
  assert.equal(parseAnswer("(C) blue", choiceExample).option, undefined);
  assert.equal(option("(C) blue"), "C");
  assert.equal(option("<think>A or B?</think>The answer is C."), "C");
  assert.equal(option("<answer>B</answer> (C)"), "B");
  assert.equal(option("<answer>B"), "B");
  assert.equal(option("<think>B"), undefined); // reasoning that never ends is no answer
  assert.deepEqual(parseAnswer("From 5.0 to 10.0 seconds.", groundingExample, "plain").segment, { startSec: 5, endSec: 10 }); // prettier-ignore
  const grounded = parseAnswer("C, 5.0 to 10.0 s", groundedQaExample, "plain");
  assert.deepEqual([grounded.option, grounded.segments], ["C", [{ startSec: 5, endSec: 10 }]]);
  const halfTagged = parseAnswer("C <glue>[(5, 10)]</glue>", groundedQaExample, "plain");
  assert.deepEqual([halfTagged.option, halfTagged.failures], ["C", []]);
});

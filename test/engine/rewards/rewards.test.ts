import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import type { Example } from "../../../src/engine/data/example.ts";
import { appliesTo, isPureReward, partOf, scoreItem, sumOf } from "../../../src/engine/rewards/rewards.ts";
import { tasks } from "../../../src/engine/tasks/tasks.ts";
import type { RewardSpec } from "../../../src/protocol/rewardSpec.ts";
import {
  captionExample,
  choiceExample,
  classificationExample,
  groundedQaExample,
  groundingExample,
  openExample,
  rewardItem,
  trackingExample,
} from "../examples.ts";

const all: RewardSpec[] = [
  { name: "format", weight: 1 },
  { name: "tiou", weight: 1 },
  { name: "box-iou", weight: 1 },
  { name: "accuracy", weight: 1 },
];

function score(text: string, example: Example, think = true, specs = all) {
  const item = rewardItem(text, example, { think });
  const parts = specs
    .filter(isPureReward)
    .filter((spec) => appliesTo(spec, item.example))
    .map((spec) => partOf(spec, scoreItem(spec, item)));
  return { parts, reward: sumOf(parts) };
}

/** "format 1, tiou 0 (no-interval)" */
function parts(text: string, example: Example, think = true): string {
  return score(text, example, think)
    .parts.map((p) => `${p.name} ${p.value}${p.reason === undefined ? "" : ` (${p.reason})`}`)
    .join(", ");
}

test("the edge cases that published rewards get wrong", () => {
  const cases: [string, string][] = [
    ["<think>x</think><answer>5.0 to 10.0</answer>", "format 1, tiou 1"],
    ["<think>x</think>\n<answer>5.0 - 10.0</answer>\n", "format 1, tiou 1"],
    ["<think>x</think><answer>10.0 to 5.0</answer>", "format 1, tiou 0 (inverted-interval)"],
    ["<think>5.0 to 10.0</think><answer>I do not know</answer>", "format 1, tiou 0 (no-interval)"],
    ["<think></think><answer></answer>", "format 0 (empty-think), tiou 0 (empty-answer)"],
    ["<think>x</think><answer></answer>", "format 0 (empty-answer), tiou 0 (empty-answer)"],
    ["<think> </think><answer>5 to 10</answer>", "format 0 (empty-think), tiou 1"],
    ["<think>x</think><answer>1 to 2</answer><answer>5 to 10</answer>", "format 0 (repeated-answer-tag), tiou 1"],
    ["<think>x</think><answer>5 to 10</answer> done", "format 0 (text-outside-tags), tiou 1"],
    ["Well. <think>x</think><answer>5 to 10</answer>", "format 0 (text-outside-tags), tiou 1"],
    ["<think>x</think> so <answer>5 to 10</answer>", "format 0 (text-outside-tags), tiou 1"],
    ["<answer>5 to 10</answer>", "format 0 (no-think-tag), tiou 1"],
    ["<answer>5 to 10</answer><think>x</think>", "format 0 (tags-out-of-order), tiou 1"],
    ["<think>x<answer>5 to 10</answer></think>", "format 0 (tags-out-of-order), tiou 0 (no-answer-tag)"],
    ["<think>x</think><answer>5 to 10</answer><glue>[(5, 10)]</glue>", "format 0 (unasked-glue-tag), tiou 1"],
    ["", "format 0 (no-think-tag), tiou 0 (no-answer-tag)"],
  ];
  for (const [text, expected] of cases) assert.equal(parts(text, groundingExample), expected, text);
  assert.equal(parts("<answer>5 to 10</answer>", groundingExample, false), "format 1, tiou 1");
  assert.equal(
    parts("<think>x</think><answer>5 to 10</answer>", groundingExample, false),
    "format 0 (unasked-think-tag), tiou 1",
  );
});

test("grounded QA: tags, glue and option each have their part", () => {
  const cases: [string, string][] = [
    ["<think>x</think><answer>C</answer><glue>[(5, 10)]</glue>", "format 1, tiou 1, accuracy 1"],
    ["<think>x</think><answer>B</answer>\n<glue>[(5, 7.5)]</glue>", "format 1, tiou 0.5, accuracy 0"],
    ["<think>x</think><answer>C</answer><glue>[]</glue>", "format 0 (bad-glue), tiou 0 (bad-glue), accuracy 1"],
    ["<think>x</think><answer>C</answer>", "format 0 (no-glue-tag), tiou 0 (no-glue-tag), accuracy 1"],
    ["<think>x</think><answer>?</answer><glue>[(5, 10)]</glue>", "format 1, tiou 1, accuracy 0 (no-option)"],
  ];
  for (const [text, expected] of cases) assert.equal(parts(text, groundedQaExample), expected, text);
  const spam = Array.from({ length: 100 }, (_, i) => `(${i}, ${i}.5)`).join(", ");
  const spread = score(`<think>x</think><answer>B</answer><glue>[${spam}]</glue>`, groundedQaExample);
  assert.ok((spread.parts[1]?.value ?? 1) < 0.06);
});

test("tracking: form and overlap", () => {
  const boxes = (list: unknown): string => `<think>x</think><answer>${JSON.stringify(list)}</answer>`;
  const eight = (box: unknown): unknown[] => Array.from({ length: 8 }, () => box);
  assert.equal(
    rounded(parts(tasks.tracking.buildTarget(trackingExample, { think: true }), trackingExample)),
    "format 1, box-iou 1",
  );
  const cases: [unknown, string][] = [
    [eight([0, 0, 1, 1]), "format 1, box-iou 0.04"],
    [eight(["a", "b", "c", "d"]), "format 0 (no-boxes), box-iou 0 (no-boxes)"],
    [eight([10, 20, 30, 40]), "format 0 (box-out-of-range), box-iou 0 (box-out-of-range)"],
    [eight([0.3, 0.4, 0.1, 0.2]), "format 0 (inverted-box), box-iou 0 (inverted-box)"],
    [eight([0.3, 0.4, 0.3, 0.4]), "format 0 (inverted-box), box-iou 0 (inverted-box)"],
    [eight([0, 0, 1, 1]).slice(1), "format 0 (wrong-box-count), box-iou 0 (wrong-box-count)"],
  ];
  for (const [list, expected] of cases) assert.equal(rounded(parts(boxes(list), trackingExample)), expected);
});

test("multiple choice", () => {
  assert.equal(parts("<think>x</think><answer>Answer: C</answer>", choiceExample), "format 1, accuracy 1");
  assert.equal(parts("<think>C</think><answer>B</answer>", choiceExample), "format 1, accuracy 0");
});

test("labels and open answers are compared without case and white space", () => {
  assert.equal(parts("<think>x</think><answer> high. </answer>", classificationExample), "format 1, accuracy 1");
  assert.equal(parts("<think>x</think><answer>Low</answer>", classificationExample), "format 1, accuracy 0");
  assert.equal(parts("<think>x</think><answer>Twice</answer>", openExample), "format 1, accuracy 1");
  const unknown = { ...openExample, truth: { task: "open", answer: null } as const };
  assert.equal(parts("<think>x</think><answer>Twice</answer>", unknown), "format 1, accuracy null");
});

test("tiou-boundary is the tIoU times how near both ends are (Time-R1)", () => {
  const scored = (text: string, example: Example = groundingExample) =>
    score(`<think>x</think><answer>${text}</answer>`, example, true, [{ name: "tiou-boundary", weight: 1 }]).parts[0];
  assert.equal(scored("5 to 10")?.value, 1);
  // tIoU 0.5, the start 0 and the end 5 s of 20 s away
  assert.deepEqual(scored("5 to 15"), {
    name: "tiou-boundary",
    weight: 1,
    value: 0.5 * 1 * 0.75,
    parts: { tiou: 0.5, start: 1, end: 0.75 },
  });
  assert.equal(scored("11 to 12")?.value, 0, "no overlap");
  assert.equal(scored("5 to 1000")?.parts?.["end"], 0.5, "an end beyond the video counts as at its end");
  assert.deepEqual(scored("I do not know")?.reason, "no-interval");
  assert.equal(scored("5 to 10", { ...groundingExample, durationSec: null })?.value, null);
});

test("interval-set-iou gives nothing to answers of too many pieces (VideoChat-R1.5)", () => {
  const scored = (glue: string) =>
    score(`<think>x</think><answer>C</answer><glue>[${glue}]</glue>`, groundedQaExample, true, [
      { name: "interval-set-iou", weight: 1, maxIntervals: 3 },
    ]).parts[0];
  assert.equal(scored("(5, 7), (7, 9), (9, 10)")?.value, 1);
  assert.deepEqual(scored("(5, 6), (6, 7), (7, 9), (9, 10)"), {
    name: "interval-set-iou",
    weight: 1,
    value: 0,
    parts: { intervals: 4 },
    reason: "too-many-intervals",
  });
});

test("length, overlong and repetition", () => {
  const scored = (spec: RewardSpec, text: string, tokenCount: number | null) => {
    const item = rewardItem(text, groundingExample, { completion: { tokenCount } });
    return isPureReward(spec) ? scoreItem(spec, item).value : NaN;
  };
  const length = { name: "length", weight: 1, minTokens: 320, maxTokens: 512 } as const;
  assert.deepEqual(
    [319, 320, 512, 513].map((n) => scored(length, "", n)),
    [0, 1, 1, 0],
  );
  // DAPO's own numbers: L_max 20480, L_cache 4096
  const overlong = { name: "overlong", weight: 1, maxTokens: 20480, bufferTokens: 4096 } as const;
  assert.deepEqual(
    [100, 16384, 18432, 20480, 30000].map((n) => scored(overlong, "", n)),
    [0, 0, -0.5, -1, -1],
  );
  // A log that does not say how long its completions are.
  assert.deepEqual([scored(length, "", null), scored(overlong, "", null)], [null, null]);
  const repetition = { name: "repetition", weight: 1, ngram: 2, maxPenalty: -1 } as const;
  assert.equal(scored(repetition, "the red circle spins fast", 1), 0);
  assert.equal(scored(repetition, "go go go go go", 1), -0.75, "4 pairs, 1 of them different");
  assert.equal(scored(repetition, "one", 1), 0);
});

test("the reward is the weighted sum over the parts that apply to the task", () => {
  const specs: RewardSpec[] = [
    { name: "format", weight: 0.5 },
    { name: "tiou", weight: 2, tasks: ["temporal-grounding"] },
    { name: "accuracy", weight: -1 },
  ];
  const text = "<think>x</think><answer>5 to 7.5</answer>";
  assert.deepEqual(score(text, groundingExample, true, specs), {
    parts: [
      { name: "format", weight: 0.5, value: 1 },
      { name: "tiou", weight: 2, value: 0.5 },
    ],
    reward: 1.5,
  });
  const glued = score("<think>x</think><answer>C</answer><glue>[(5, 10)]</glue>", groundedQaExample, true, specs);
  assert.deepEqual(
    glued.parts.map((p) => p.name),
    ["format", "accuracy"],
  );
  assert.equal(glued.reward, -0.5);
  assert.deepEqual(score(text, trackingExample, true, [{ name: "accuracy", weight: 1 }]), { parts: [], reward: 0 });
});

test("every part lies in [0, 1], and the target of a task earns all of it", () => {
  const examples = [
    groundingExample,
    trackingExample,
    groundedQaExample,
    choiceExample,
    classificationExample,
    captionExample,
    openExample,
  ];
  fc.assert(
    fc.property(fc.string(), fc.constantFrom(...examples), fc.boolean(), (text, example, think) => {
      for (const wrapped of [text, `<answer>${text}</answer>`, `<think>${text}</think><answer>5 to ${text}</answer>`]) {
        for (const { value } of score(wrapped, example, think).parts)
          assert.ok(value !== null && value >= 0 && value <= 1);
      }
      const best = score(tasks[example.task].buildTarget(example, { think }), example, think);
      for (const { value } of best.parts) assert.ok(value !== null && value > 1 - 1e-9);
    }),
  );
});

function rounded(text: string): string {
  return text.replace(/0\.\d+/, (n) => String(Number(Number(n).toFixed(6))));
}

import assert from "node:assert/strict";
import test from "node:test";
import { tasks } from "../../../src/engine/tasks/tasks.ts";
import type { Example } from "../../../src/engine/data/example.ts";
import type { ParsedAnswer } from "../../../src/protocol/tasks.ts";
import { parseFailures } from "../../../src/protocol/tasks.ts";
import { choiceExample, groundedQaExample, groundingExample, trackingExample } from "../examples.ts";

const grounding = (text: string): unknown => {
  const { segment, failures } = tasks["temporal-grounding"].parse(text, groundingExample);
  return segment === undefined ? failures : [segment.startSec, segment.endSec];
};
const choice = (text: string): unknown => {
  const { option, failures } = tasks["multiple-choice"].parse(text, choiceExample);
  return option ?? failures;
};
const answer = (text: string): string => `<think>first</think><answer>${text}</answer>`;

test("right intervals, also those that published parsers reject", () => {
  const right = [
    "5.0 to 10.0",
    "From 5.0 to 10.0 seconds.",
    "5.0 TO 10.0",
    "5 to 10",
    "5.0 and 10.0",
    "5.0 - 10.0",
    "5.0-10.0",
    "5.0s - 10.0s",
    "5.0s-10.0s",
    "5.0 – 10.0",
    "5.0—10.0",
    "5.0s to 10.0s",
    "5.0 s to 10.0 s",
    "5.0 sec to 10.0 secs",
    "5.0 sec. to 10.0 sec.",
    "**5.0** to **10.0**",
    "<5.0 seconds> - <10.0 seconds>",
    "00:00:05 --> 00:00:10",
    "00:00:05,000 --> 00:00:10,000",
    "5.0 s. to 10.0 s",
    "5.0 seconds to 10.0 seconds",
    "5.0 seconds\nto\n10.0 seconds",
    "5.0 to\n10.0",
    "5.0\n10.0",
    "5.0\r\nto\r\n10.0",
    "5.0  to  10.0",
    "00:05 to 00:10",
    "0:05–0:10",
    "00:00:05 - 00:00:10",
    "00:05.0 to 00:10.0",
    "[5.0, 10.0]",
    "(5.0, 10.0)",
    "[(5.0, 10.0)]",
    "\n5.0 to 10.0\n",
    "between 5.0 and 10.0 seconds",
    "The event happens from 5.0s until 10.0s",
    "It starts at 5.0 seconds and ends at 10.0 seconds.",
    '{"start": 5.0, "end": 10.0}',
    "start_time: 5.0, end_time: 10.0",
    "0 to 1 in my first thought, then 5.0 to 10.0",
    "0 min 5 s to 0 min 10 s",
    "0m5s to 0m10s",
  ];
  for (const text of right) assert.deepEqual(grounding(answer(text)), [5, 10], text);
  assert.deepEqual(grounding(answer("1:05 to 1:10.5")), [65, 70.5]);
  assert.deepEqual(grounding(answer("1 min 5 s to 2 min 10 s")), [65, 130]);
});

test("wrong intervals get a reason", () => {
  const wrong: [string, string][] = [
    ["10.0 to 5.0", "inverted-interval"],
    ["5.0 to 5.0", "inverted-interval"],
    ["I do not know", "no-interval"],
    ["5.0", "no-interval"],
    ["at 5.0 seconds", "no-interval"],
    ["-5.0 to 10.0", "no-interval"],
    ["5.0 to -10.0", "no-interval"],
    ["10% to 50%", "no-interval"],
    ["frames 5 to 10", "no-interval"],
    ["5 frames to 10 frames", "no-interval"],
    ["5 ms to 10 ms", "no-interval"],
    ["5 minutes to 10 minutes", "no-interval"],
    ["5.0 of the 10.0 second video", "no-interval"],
    ["", "empty-answer"],
    [" \n ", "empty-answer"],
  ];
  for (const [text, reason] of wrong) assert.deepEqual(grounding(answer(text)), [reason], text);
});

test("only the last answer block outside the reasoning counts", () => {
  const cases: [string, unknown][] = [
    ["<answer>1 to 2</answer><answer>5.0 to 10.0</answer>", [5, 10]],
    ["<answer>5.0 to 10.0</answer><answer>I do not know</answer>", ["no-interval"]],
    ["<think>5.0 to 10.0</think><answer>I do not know</answer>", ["no-interval"]],
    ["<think><answer>5.0 to 10.0</answer></think>", ["no-answer-tag"]],
    ["<think><answer>5.0 to 10.0</answer></think><answer></answer>", ["empty-answer"]],
    ["<think>long thought <answer>5.0 to 10.0</answer>", ["no-answer-tag"]],
    ["<answer>1 to 2</answer> so far</think><answer>5.0 to 10.0</answer>", [5, 10]],
    ["<answer>1 to 2</answer> so far</think>", ["no-answer-tag"]],
    ["<answer><think>5.0 to 10.0</think></answer>", ["empty-answer"]],
    ["<think>a</think><answer>5.0 to 10.0</answer></think>", [5, 10]],
    ["<answer>5.0 <think>or</think> to 10.0</answer>", [5, 10]],
    ["<ans<think></think>wer>5.0 to 10.0</answer>", ["no-answer-tag"]],
    ["<answer>5.0 to 10.0", ["no-answer-tag"]],
    ["5.0 to 10.0", ["no-answer-tag"]],
    ["<answer>5.0 to 10.0</answer> trailing", [5, 10]],
    ["<think></think><answer></answer>", ["empty-answer"]],
    ["", ["no-answer-tag"]],
  ];
  for (const [text, expected] of cases) assert.deepEqual(grounding(text), expected, text);
});

test("options", () => {
  const cases: [string, unknown][] = [
    ["C", "C"],
    ["c", "C"],
    ["(C)", "C"],
    ["(c)", "C"],
    ["[C]", "C"],
    ["C.", "C"],
    ["C)", "C"],
    ["**C**", "C"],
    ['"C"', "C"],
    ["C. blue", "C"],
    ["c) blue", "C"],
    ["(C) blue", "C"],
    ["C blue", "C"],
    ["C: blue", "C"],
    ["blue", "C"],
    ["Blue.", "C"],
    ["Answer: C", "C"],
    ["answer: c", "C"],
    ["Answer is C", "C"],
    ["The answer is C.", "C"],
    ["The correct answer is: (C)", "C"],
    ["The best option is C", "C"],
    ["Option C", "C"],
    ["option c.", "C"],
    ["Because it is C", "C"],
    ["I think C", "C"],
    ["A circle turns, so C", "C"],
    ["Best option: C, since A is red", "C"],
    ["C. blue, not (A)", "C"],
    ["C\n(A) is wrong", "C"],
    ["C.\n\nExplanation: it is (a) thing", "C"],
    ["(C) blue, since (A) is wrong", "C"],
    ["Because the object(s) fall, it is C", "C"],
    ["Answer: I think C", "C"],
    ["The answer I give is C", "C"],
    ["C. blue (s)", "C"],
    ["C. blue or (A) red", ["no-option"]],
    ["C is right", "C"],
    ["A", "A"],
    ["A is right", "A"],
    ["A red", "A"],
    ["A or C", ["no-option"]],
    ["(A) or (C)", ["no-option"]],
    ["Answer: A or C", ["no-option"]],
    ["A, B, C, D", ["no-option"]],
    ["A circle turns", ["no-option"]],
    ["E", ["no-option"]],
    ["Because", ["no-option"]],
    ["the answer is a mystery", ["no-option"]],
    ["I do not know", ["no-option"]],
    ["3", ["no-option"]],
    ["", ["empty-answer"]],
  ];
  for (const [text, expected] of cases) assert.deepEqual(choice(answer(text)), expected, text);
  assert.deepEqual(choice("<think>C</think>"), ["no-answer-tag"]);
});

test("an option's text that begins with an article or is a letter", () => {
  const parse = (text: string, options: readonly string[]): string | undefined =>
    tasks["multiple-choice"].parse(answer(text), { ...choiceExample, options }).option;
  assert.equal(parse("A dog", ["cat", "A dog"]), "B");
  assert.equal(parse("A dog", ["dog", "cat"]), "A");
  assert.equal(parse("B", ["B", "A"]), "B"); // the letter goes before the text
  assert.equal(parse("red", ["red", "red"]), undefined);
});

test("glue", () => {
  const parse = (glue: string): unknown => {
    const { option, segments, failures } = tasks["grounded-qa"].parse(
      `<think>x</think><answer>C</answer>${glue}`,
      groundedQaExample,
    );
    assert.equal(option, "C");
    return segments === undefined ? failures : segments.map((s) => [s.startSec, s.endSec]);
  };
  for (const glue of [
    "[(5.0, 10.0)]",
    "[(5,10)]",
    "[ (5, 10) ]",
    "\n[(5.0, 10.0)]\n",
    "[[5, 10]]",
    "[5.0, 10.0]",
    "(5.0, 10.0)",
    "[(5.0, 10.0),]",
    "[(5.0s, 10.0s)]",
    "5.0 to 10.0",
    "[(00:05, 00:10)]",
  ]) {
    assert.deepEqual(parse(`<glue>${glue}</glue>`), [[5, 10]], glue);
  }
  const two = [
    [5, 10],
    [12, 15.5],
  ];
  assert.deepEqual(parse("<glue>[(5.0, 10.0), (12.0, 15.5)]</glue>"), two);
  assert.deepEqual(parse("<glue>[[5.0, 10.0],\n [12.0, 15.5]]</glue>"), two);
  assert.deepEqual(parse("<glue>5.0 to 10.0\n12.0 to 15.5</glue>"), two);
  for (const glue of ["[]", "", "[(5.0)]", "[(10, 5)]", "[(5, 5)]", "[(-5, 10)]", "[(5, 10), 12]", "[(5), (10, 15)]"]) {
    assert.deepEqual(parse(`<glue>${glue}</glue>`), ["bad-glue"], glue);
  }
  assert.deepEqual(parse(""), ["no-glue-tag"]);
});

test("grounded QA keeps what it can read and names both failures", () => {
  const parse = (text: string, example: Example): ParsedAnswer => tasks["grounded-qa"].parse(text, example);
  const half = parse("<answer></answer><glue>[(5, 10)]</glue>", groundedQaExample);
  assert.deepEqual([half.option, half.segments?.length, half.failures], [undefined, 1, ["empty-answer"]]);
  assert.deepEqual(parse("<think>C [(5, 10)]</think>", groundedQaExample).failures, ["no-answer-tag", "no-glue-tag"]);
  assert.deepEqual(parse("<think><glue>[(5, 10)]</glue></think><answer>C</answer>", groundedQaExample).failures, [
    "no-glue-tag",
  ]);
});

test("boxes", () => {
  const rows = Array.from({ length: 8 }, (_, i) => [0.1, 0.2, 0.3 + i / 100, 0.4]);
  const list = JSON.stringify(rows);
  const named = (names: readonly string[]): string =>
    JSON.stringify(rows.map((r) => Object.fromEntries(names.map((name, i) => [name, r[i]]))));
  const parse = (text: string): readonly string[] | number[][] => {
    const { boxes, failures } = tasks.tracking.parse(answer(text), trackingExample);
    return boxes === undefined ? failures : boxes.map((b) => [b.x0, b.y0, b.x1, b.y1]);
  };
  const right = [
    list,
    `\n${list.replaceAll("],", "],\n")}\n`,
    list.replaceAll("[", "(").replaceAll("]", ")"),
    list.replaceAll("[0", "(0").replaceAll("],", "),").replace("]]", ")]"),
    list.replace("]]", "],]"),
    list.replaceAll("0.", "."),
    `[${list}]`,
    `The boxes are ${list}.`,
    "```json\n" + list + "\n```",
    rows.map((r) => JSON.stringify(r)).join("\n"),
    rows.map((r) => JSON.stringify(r)).join(", "),
    named(["x0", "y0", "x1", "y1"]),
    named(["x1", "y1", "x2", "y2"]),
    named(["xmin", "ymin", "xmax", "ymax"]),
    named(["x0", "y0", "x1", "y1"]).replaceAll('"', "'"),
    named(["x0", "y0", "x1", "y1"]).slice(1, -1),
    JSON.stringify(rows.map((bbox, frame) => ({ frame, bbox }))),
    JSON.stringify(rows.map((box) => ({ ["bbox_2d"]: box, label: "circle" }))),
    JSON.stringify({ boxes: rows }),
    `Boxes (left, top, right, bottom): ${list}`,
    `${list} (normalised)`,
  ];
  for (const text of right) assert.deepEqual(parse(text), rows, text);
  const wrong: [string, string][] = [
    ["somewhere", "no-boxes"],
    ["...", "no-boxes"],
    ["[]", "no-boxes"],
    ["[[0.1, 0.2, 0.3]]", "no-boxes"],
    [JSON.stringify(rows.map((r) => [...r, 1])), "no-boxes"],
    [JSON.stringify(rows.map((r) => r.map(String))), "no-boxes"],
    [list.replace("0.1", "NaN"), "no-boxes"],
    ["[[0.1]*4]*8", "no-boxes"],
    [named(["x", "y", "w", "h"]), "no-boxes"],
    [JSON.stringify(rows.map(() => ({ x0: 0, y0: 0, x1: 0.5, y1: 0.5, x2: 1, y2: 1 }))), "no-boxes"],
    [JSON.stringify(rows.slice(1)), "wrong-box-count"],
    [JSON.stringify([...rows, ...rows]), "wrong-box-count"],
    [JSON.stringify(rows.map((r) => r.map((v) => v * 100))), "box-out-of-range"],
    [list.replace("0.1", "-0.1"), "box-out-of-range"],
    [list.replace("0.1", "1e999"), "box-out-of-range"],
    [JSON.stringify(rows.map(() => [0.5, 0.5, 0.1, 0.1])), "inverted-box"],
    [JSON.stringify(rows.map(() => [0.5, 0.5, 0.5, 0.5])), "inverted-box"],
    ["", "empty-answer"],
  ];
  for (const [text, reason] of wrong) assert.deepEqual(parse(text), [reason], text);
});

test("each failure code is in use", () => {
  // The tables above and this list keep the codes of the protocol honest.
  const seen = new Set<string>();
  const texts = [
    "",
    "<answer></answer>",
    answer("none"),
    answer("2 to 1"),
    answer("[]"),
    answer("[[0, 0, 1, 1]]"),
    answer(JSON.stringify(Array.from({ length: 8 }, () => [1, 1, 0, 0]))),
    answer(JSON.stringify(Array.from({ length: 8 }, () => [5, 5, 9, 9]))),
    answer("C") + "<glue></glue>",
  ];
  for (const text of texts) {
    for (const example of [groundingExample, trackingExample, groundedQaExample, choiceExample]) {
      for (const failure of tasks[example.task].parse(text, example).failures) seen.add(failure);
    }
  }
  assert.deepEqual([...seen].sort(), [...parseFailures].sort());
});

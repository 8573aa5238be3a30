import assert from "node:assert/strict";
import test from "node:test";
import type { Example } from "../../../src/engine/data/example.ts";
import { lintTargets } from "../../../src/engine/lint/strictLint.ts";
import { countStrict, strictParsers } from "../../../src/engine/lint/strictParsers.ts";
import { tasks } from "../../../src/engine/tasks/tasks.ts";
import { runSpecSchema } from "../../../src/protocol/spec.ts";
import {
  choiceExample,
  classificationExample,
  exampleOf,
  groundedQaExample,
  groundingExample,
  trackingExample,
} from "../examples.ts";

const rewardOf = (name: string, example: Example) => {
  const parser = strictParsers.find((one) => one.name.includes(name)) ?? assert.fail(name);
  return (text: string): number => Number(parser.reward(text, example).toFixed(3));
};

test("temporal grounding as the published training code reads it (truth 5 to 10)", () => {
  const reward = rewardOf("grpo_tg", groundingExample);
  const answer = (text: string): number => reward(`<answer>${text}</answer>`);
  assert.deepEqual(
    ["5.0 to 10.0", "From 5.0 to 10.0 seconds.", "5.0 TO 10.0", "5.0 and 10.0"].map(answer),
    [1, 1, 1, 1],
  );
  const right = [
    "5.0 - 10.0",
    "5.0s to 10.0s",
    "5.0 seconds to 10.0 seconds",
    "00:05 to 00:10",
    "5.0\nto 10.0",
    "10 to 5",
  ];
  assert.deepEqual(right.map(answer), [0, 0, 0, 0, 0, 0]);
  assert.equal(reward("<answer>1 to 2</answer><answer>5 to 10</answer>"), 1, "the last block");
  assert.equal(answer("1 to 2, no, 5 to 10"), 1, "the last interval");
  assert.equal(reward("5 to 10"), 0);
});

test("grounded QA: white space breaks the glue, the first letter is the option", () => {
  const glue = rewardOf("(glue)", groundedQaExample);
  assert.deepEqual(
    ["[(5.0, 10.0)]", "[(5,10)]", "[ (5,10) ]", "[[5,10]]", "\n[(5,10)]", "5 to 10"].map((text) =>
      glue(`<glue>${text}</glue>`),
    ),
    [1, 1, 0, 0, 0, 0],
  );
  const option = rewardOf("grpo_qa.py", choiceExample);
  const answers = ["C", "(C)", "The answer is C", "Answer: C", "Because it is C", "c"];
  assert.deepEqual(
    answers.map((text) => option(`<answer>${text}</answer>`)),
    [1, 1, 1, 0, 0, 0],
  );
});

test("tracking: exactly eight lists of four", () => {
  const reward = rewardOf("tracking", trackingExample);
  const target = tasks.tracking.buildTarget(trackingExample, { think: true });
  assert.equal(reward(target), 1);
  const truth = trackingExample.truth.task === "tracking" ? trackingExample.truth.boxes : [];
  const written = (open: string, close: string, count: number): string =>
    `<answer>[${truth
      .slice(0, count)
      .map(({ box }) => `${open}${box.x0}, ${box.y0}, ${box.x1}, ${box.y1}${close}`)
      .join(", ")}]</answer>`;
  assert.deepEqual([written("[", "]", 8), written("(", ")", 8), written("[", "]", 7)].map(reward), [1, 0, 0]);
  assert.equal(reward("<answer>[]</answer>"), 0);
});

test("labels differ by a full stop", () => {
  const reward = rewardOf("grpo_cls", classificationExample);
  assert.deepEqual(
    ["high", " High ", "High."].map((text) => reward(`<answer>${text}</answer>`)),
    [1, 1, 0],
  );
});

test("right answers that a strict parser rejects are counted; wrong ones are not", () => {
  const completions = ["5 to 10", "5 - 10", "00:05 to 00:10", "15 - 18", "no idea"].map((answer) => {
    const text = `<answer>${answer}</answer>`;
    return { text, parsed: tasks["temporal-grounding"].parse(text, groundingExample) };
  });
  assert.deepEqual(
    [...countStrict(groundingExample, completions)],
    [["VideoChat-R1 grpo_tg.py", { right: 3, rejected: 2 }]],
  );
});

test("targets: what a task asks for is paid by the published parsers, but for other numbers of boxes and letters", () => {
  const spec = runSpecSchema.parse({
    name: "demo",
    policy: { model: "policy" },
    data: [{ id: "data", task: "tracking", format: "got10k-sampled", path: "a.json", videos: "v" }],
    rewards: [{ name: "box-iou" }],
  });
  const lint = (example: Example): string[] =>
    lintTargets(spec, { id: "data", examples: [example], problems: [], places: new Map(), hash: "" }, "training").map(
      ({ severity, message }) => `${severity}: ${message}`,
    );
  for (const example of [groundingExample, groundedQaExample, choiceExample, trackingExample, classificationExample]) {
    assert.deepEqual(lint(example), [], example.task);
  }
  const boxes = trackingExample.truth.task === "tracking" ? trackingExample.truth.boxes.slice(0, 4) : [];
  assert.match(
    lint(exampleOf({ task: "tracking", boxes }))[0] ?? "",
    /^info: VideoChat-R1 grpo_tasks.py \(tracking\) would give 0 to 1 of 1/,
  );
  const options = Array.from("ABCDEFGH", (letter) => `${letter} thing`);
  assert.equal(lint(exampleOf({ task: "multiple-choice", option: "H" }, { options })).length, 1);
});

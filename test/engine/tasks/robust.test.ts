import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import type { Example } from "../../../src/engine/data/example.ts";
import { tasks } from "../../../src/engine/tasks/tasks.ts";
import type { ParsedAnswer } from "../../../src/protocol/tasks.ts";
import { choiceExample, exampleOf, groundedQaExample, groundingExample, trackingExample } from "../examples.ts";

const examples = [groundingExample, trackingExample, groundedQaExample, choiceExample];

const pieces = fc.constantFrom(
  ..."<think> </think> <answer> </answer> <glue> </glue> [ ] ( ) { } , . - : ' \" to and s 5 10.0 0.5 00:05 A C c Answer \n".split(
    " ",
  ),
  " ",
  "\\",
  "\u0000",
  "\ud800",
);
const completion = fc.oneof(
  fc.string(),
  fc.array(pieces, { maxLength: 60 }).map((p) => p.join("")),
  fc.array(pieces, { maxLength: 40 }).map((p) => `<answer>${p.join("")}</answer><glue>${p.join(" ")}</glue>`),
);

test("parsers never throw, and give either an answer or a reason", () => {
  fc.assert(
    fc.property(completion, fc.constantFrom(...examples), (text, example) => {
      const parsed = tasks[example.task].parse(text, example);
      const values: Record<string, unknown> = {
        "temporal-grounding": parsed.segment,
        tracking: parsed.boxes,
        "multiple-choice": parsed.option,
        "grounded-qa": parsed.option === undefined ? undefined : parsed.segments,
      };
      assert.equal(values[example.task] === undefined, parsed.failures.length > 0, JSON.stringify(parsed));
      if (parsed.segment !== undefined) {
        assert.ok(Number.isFinite(parsed.segment.endSec) && parsed.segment.startSec < parsed.segment.endSec);
      }
      for (const value of Object.values(tasks[example.task].score(parsed, example))) {
        assert.ok(value >= 0 && value <= 1);
      }
    }),
    { numRuns: 2000 },
  );
});

test("what stands only in the reasoning gives nothing", () => {
  const reasoning = completion.map((text) => text.replaceAll("</think>", ""));
  fc.assert(
    fc.property(reasoning, fc.constantFrom(...examples), (text, example) => {
      const parsed = tasks[example.task].parse(`<think>${text}</think>`, example);
      assert.ok(parsed.failures.includes("no-answer-tag"));
    }),
  );
});

test("the target is read back as the truth, to the printed decimals", () => {
  const tenths = fc.integer({ min: 0, max: 5000 });
  const hundredths = fc.integer({ min: 0, max: 999 });
  fc.assert(
    fc.property(tenths, fc.integer({ min: 1, max: 900 }), fc.boolean(), (start, length, think) => {
      const segment = { startSec: start / 70, endSec: (start + length) / 70 };
      const example = exampleOf({ task: "temporal-grounding", segment });
      const found = readBack(example, think).segment;
      assert.ok(found !== undefined && Math.abs(found.startSec - segment.startSec) <= 0.0501);
      assert.ok(Math.abs(found.endSec - segment.endSec) <= 0.1501);
      const qa = exampleOf({ task: "grounded-qa", option: "B", segments: [segment, { startSec: 90, endSec: 91 }] });
      const answer = readBack(qa, think);
      assert.deepEqual([answer.option, answer.segments?.length, answer.failures], ["B", 2, []]);
    }),
  );
  const side = fc
    .tuple(hundredths, fc.integer({ min: 1, max: 1000 }))
    .map(([a, b]) => [a / 1000, Math.min(1, (a + b) / 1000)]);
  fc.assert(
    fc.property(fc.array(fc.tuple(side, side), { minLength: 2, maxLength: 8 }), (sides) => {
      const boxes = sides.map(([[x0 = 0, x1 = 1], [y0 = 0, y1 = 1]], i) => ({
        timestampSec: i,
        box: { x0, y0, x1, y1 },
      }));
      const example = exampleOf({ task: "tracking", boxes });
      const found = readBack(example, true);
      assert.deepEqual(found.failures, []);
      found.boxes?.forEach((b, i) => {
        const truth = boxes[i]?.box;
        assert.ok(truth !== undefined && Math.abs(b.x0 - truth.x0) < 0.0151 && Math.abs(b.y1 - truth.y1) < 0.0151);
      });
    }),
  );
});

test("the work grows with the length of the text, not with its square", () => {
  // 200 kB keep a parser that backtracks busy for minutes to hours: this test would not end.
  const fill = (unit: string): string => unit.repeat(Math.ceil(200_000 / unit.length)).slice(0, 200_000);
  const units = [
    "1",
    " ",
    "[",
    "]",
    "(",
    "{",
    "<",
    "<answer>",
    "</answer>",
    "<think>",
    "</think>",
    "5.0 to ",
    "5:",
    "A ",
  ];
  units.push(
    "1 min ",
    "answer is ",
    "\n",
    "] [",
    "],   [",
    "'",
    '"',
    "-",
    ".5",
    "0.",
    "a",
    "(A)",
    ",",
    "5 - ",
    "[[0,0,1,1],",
  );
  for (const unit of units) {
    for (const text of [fill(unit), `<answer>${fill(unit)}</answer><glue>${fill(unit)}</glue>`, `5${fill(unit)}x`]) {
      for (const example of examples) tasks[example.task].parse(text, example);
    }
  }
});

function readBack(example: Example, think: boolean): ParsedAnswer {
  const task = tasks[example.task];
  return task.parse(task.buildTarget(example, { think }), example);
}

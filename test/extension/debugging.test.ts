import assert from "node:assert/strict";
import { test } from "node:test";
import { replayConfiguration } from "../../src/extension/debugging/debugConfiguration.ts";
import { firstStatementLine } from "../../src/extension/debugging/firstStatement.ts";
import { expressionAt, jsonExpression, stoppedValue, unquote } from "../../src/extension/debugging/stoppedValue.ts";

test("without a breakpoint the debugger stops at a function's first statement", () => {
  const typescript = `export async function overlap(
  { parsed }: Completion,
  { truth }: Example = { rows: [] },
): Promise<number> {
  // what is common
  /* of both
     segments */

  const common = 1;
}`;
  assert.equal(firstStatementLine(typescript, 0, "typescript"), 8);
  assert.equal(firstStatementLine("export const one = (completion) => 1;", 0, "typescript"), 0);
  const python = `def reward(
    completions,  # texts
    **kwargs,
):
    """How short they are.

    Longer ones get less.
    """
    # a comment
    return [1.0 for _ in completions]`;
  assert.equal(firstStatementLine(python, 0, "python"), 9);
  assert.equal(firstStatementLine('def reward(completions):\n    """Short."""\n    return []', 0, "python"), 2);
});

test("the expression under the pointer ends where the pointer is", () => {
  const row = 'const tiou = overlap(truth.segments[0], answer?.segment) / row["gt box"];';
  const at = (text: string, offset = 0) => expressionAt(row, row.indexOf(text) + offset)?.text;
  assert.equal(at("truth"), "truth");
  assert.equal(at("segments", 2), "truth.segments");
  assert.equal(at("segments[0]", 9), "truth.segments[0]");
  assert.equal(at("?.segment", 4), "answer?.segment");
  assert.equal(at("tiou"), "tiou");
  assert.equal(at(" = "), "tiou"); // the pointer just behind a name
  assert.equal(at("/ row"), undefined);
});

test("values are read out of the debugger as JSON", () => {
  assert.equal(jsonExpression("a.b", false), "JSON.stringify(a.b)");
  assert.match(jsonExpression("a.b", true), /dumps\(a\.b,/);
  assert.equal(unquote(`'{"a": "it\\'s"}'`), `{"a": "it's"}`);
  assert.equal(unquote(`"[1, 2]"`), "[1, 2]");
  assert.equal(unquote("undefined"), "undefined");
});

test("segments, boxes and overlaps can be drawn, other values cannot", () => {
  const segment = { startSec: 1, endSec: 2.5 };
  assert.deepEqual(stoppedValue(segment, "s"), { kind: "segment", segments: [segment] });
  assert.deepEqual(stoppedValue([1, 2.5], "s"), { kind: "segment", segments: [segment] });
  assert.deepEqual(stoppedValue([[1, 2.5]], "s"), { kind: "segment", segments: [segment] });
  assert.deepEqual(stoppedValue({ task: "temporal-grounding", segment }, "truth"), {
    kind: "segment",
    segments: [segment],
  });
  const box = { x0: 0.1, y0: 0.2, x1: 0.5, y1: 0.6 };
  assert.deepEqual(stoppedValue([0.1, 0.2, 0.5, 0.6], "b"), { kind: "boxes", boxes: [box] });
  assert.deepEqual(stoppedValue([{ timestampSec: 1, box }], "b"), { kind: "boxes", boxes: [box] });
  assert.deepEqual(stoppedValue(0.4, "tIoU"), { kind: "overlap", value: 0.4 });
  const others = [0.4, 1.4, [2, 1], [10, 20, 30, 40], { a: 1 }, "1 to 2", null, []];
  assert.deepEqual(
    others.map((value) => stoppedValue(value, "x")),
    others.map(() => undefined),
  );
});

test("each language has its debugger; the engine's files are nobody's business", () => {
  const replay = { program: "/engine/replay.js", args: ["/tmp/in.json"], rewardFile: "/ws/r.ts", function: "overlap" };
  const places = { engineDir: "/engine", cwd: "/ws", node: "/bin/node", hasPythonDebugger: false };
  const javascript = replayConfiguration({ ...replay, language: "javascript", python: null }, "rollout 1/0/0", places);
  assert.equal(javascript.type, "node");
  assert.equal(javascript.name, "overlap on rollout 1/0/0");
  assert.equal(javascript["runtimeExecutable"], "/bin/node");
  assert.deepEqual(javascript["skipFiles"], ["<node_internals>/**", "/engine/**"]);
  const python = { ...replay, language: "python", python: "/usr/bin/python3" } as const;
  assert.equal(replayConfiguration(python, "one", places).type, "videoRftPython");
  assert.equal(replayConfiguration(python, "one", { ...places, hasPythonDebugger: true }).type, "debugpy");
  assert.equal(replayConfiguration(python, "one", places)["python"], "/usr/bin/python3");
});

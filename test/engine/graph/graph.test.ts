import assert from "node:assert/strict";
import { test } from "node:test";
import { addGradients } from "../../../src/engine/autodiff/gradient.ts";
import { GraphBuilder } from "../../../src/engine/graph/builder.ts";
import { encodeOnnx } from "../../../src/engine/graph/encodeOnnx.ts";
import { printGraph } from "../../../src/engine/graph/print.ts";
import { withoutDeadNodes } from "../../../src/engine/graph/prune.ts";
import { ProtobufWriter } from "../../../src/engine/graph/protobuf.ts";
import { broadcastShapes } from "../../../src/engine/graph/types.ts";
import { CompiledGraph } from "../../../src/engine/runtime/session.ts";
import { assertGolden } from "../golden.ts";

test("a graph and its gradient print as they did", () => {
  const g = new GraphBuilder("classifier");
  const x = g.input("x", [2, 3]);
  const [weight, bias, scale] = [g.input("weight", [4, 3]), g.input("bias", [4]), g.input("scale", [3])];
  const scores = g.logSoftmax(g.linear(g.rmsNorm(x, scale, 1e-6), weight, bias));
  const labels = g.tensor(BigInt64Array.of(1n, 3n), [2, 1]);
  const loss = g.neg(g.sumAll(g.gatherElements(scores, labels, 1)));
  g.output("loss", loss);
  addGradients(g, loss, [weight, bias, scale]).forEach((gradient, i) => g.output(`gradient${i}`, gradient));
  assertGolden("graph/golden/classifier.txt", printGraph(g));
});

test("nodes that no output depends on are left out, and their constants", () => {
  const g = new GraphBuilder("dead");
  const [x, unused] = [g.input("x", [2, 2]), g.input("unused", [2, 2])];
  const product = g.matmul(x, x);
  g.exp(g.add(product, g.tensor(Float32Array.of(1, 2), [2])));
  const [left] = g.split(g.scale(product, 3), 1, [1, 1]);
  assert.ok(left);
  g.output("y", left);
  const pruned = withoutDeadNodes(g);
  assert.deepEqual(
    pruned.nodes.map(({ op }) => op),
    ["Gemm", "Mul", "Split", "Identity"],
  );
  assert.deepEqual(pruned.constants, [g.constant(3)]);
  assert.deepEqual([pruned.inputs, pruned.outputs], [[x, unused], g.outputs]);
});

test("a long constant is cut in print", () => {
  const g = new GraphBuilder("long");
  g.output(
    "y",
    g.tensor(
      Float32Array.from({ length: 9 }, (_, i) => i / 3),
      [9],
    ),
  );
  assert.match(printGraph(g), /c0: float32\[9\] = \[0, 0\.333333, .*2\.33333, … 9 in all\]/);
});

test("shapes that do not fit are refused when the node is added, and named", () => {
  const g = new GraphBuilder("wrong");
  const [a, b] = [g.input("a", [2, 3]), g.input("b", [4, 5])];
  assert.throws(() => g.add(a, b), /shapes \[2,3\] and \[4,5\] do not broadcast/);
  assert.throws(() => g.matmul(a, b), /product of \[2,3\] and \[4,5\]: 3 is not 4/);
  assert.throws(() => g.reshape(a, [4]), /Reshape of \[2,3\] to \[4\]/);
  assert.throws(() => g.transpose(a, [0, 2]), /axis 2 of a value of shape \[2,3\]/);
  assert.throws(() => addGradients(g, a, [a]), /loss of shape \[2,3\] is not a scalar/);
  assert.deepEqual(broadcastShapes([3, 1], [2, 1, 4]), [2, 3, 4]);
});

test("nothing is added where there is nothing to do, and equal constants are stored once", () => {
  const g = new GraphBuilder("lean");
  const x = g.input("x", [2, 3]);
  const same = [
    g.reshape(x, [2, 3]),
    g.expand(x, [2, 3]),
    g.concat([x], 0),
    g.slice(x, 1, 0, 3),
    g.scale(x, 1),
    g.cast(x, "float32"),
    g.split(x, 0, [2])[0],
  ];
  assert.ok(same.every((value) => value === x));
  assert.equal(g.constant(2), g.constant(2));
  assert.notEqual(g.constant(2), g.constant(2, "int64"));
  assert.deepEqual([g.nodes.length, g.constants.length], [0, 2]);
});

test("integers are written as varints, negative ones in ten bytes", () => {
  const bytes = (value: number | bigint): number[] => {
    const writer = new ProtobufWriter();
    writer.int(1, value);
    return [...writer.finish()];
  };
  assert.deepEqual(bytes(0), [8, 0]);
  assert.deepEqual(bytes(127), [8, 127]);
  assert.deepEqual(bytes(300), [8, 0xac, 2]);
  assert.deepEqual(bytes(-1), [8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
});

test("a model of all element types is read by onnxruntime as it was written", async () => {
  const g = new GraphBuilder("types");
  const x = g.input("x", [2, 2]);
  const flags = g.input("flags", [2], "bool");
  const indices = g.input("indices", [1], "int64");
  const bias = g.tensor(Float32Array.of(0.5, -0.5), [2]);
  g.output("picked", g.gather(g.add(x, bias), indices));
  g.output("masked", g.where(flags, x, g.constant(-7)));
  g.output("whole", g.cast(x, "int32"));
  g.output("wide", g.cast(indices, "float32"));
  assert.deepEqual(encodeOnnx(g), encodeOnnx(g), "the same bytes each time");
  const compiled = await CompiledGraph.compile(g, { threads: 1, hasArena: false });
  const feeds = { x: Float32Array.of(1, 2, 3.7, -4.7), flags: Uint8Array.of(1, 0), indices: BigInt64Array.of(1n) };
  const { picked, masked, whole, wide } = await compiled.run(feeds);
  const numbers = (data: ArrayLike<number | bigint> | undefined): number[] => Array.from(data ?? [], Number);
  assert.deepEqual(numbers(picked), [...Float32Array.of(4.2, -5.2)]);
  assert.deepEqual(numbers(masked), [1, -7, ...Float32Array.of(3.7), -7]);
  assert.deepEqual(numbers(whole), [1, 2, 3, -4]);
  assert.deepEqual(numbers(wide), [1]);
  await compiled.release();
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { addGradients } from "../../../src/engine/autodiff/gradient.ts";
import { GraphBuilder } from "../../../src/engine/graph/builder.ts";
import { lower, targets } from "../../../src/engine/graph/lowering.ts";
import { printGraph } from "../../../src/engine/graph/print.ts";
import type { Graph } from "../../../src/engine/graph/types.ts";
import { CompiledGraph } from "../../../src/engine/runtime/session.ts";
import { maxDifference } from "../policy/tinyPolicy.ts";

test("what has nothing to rewrite stays the same graph", () => {
  const graph = attention();
  assert.equal(lower(graph, targets.cpu), graph);
  assert.equal(lower(graph, targets.cuda), graph);
  const g = new GraphBuilder("sum");
  g.output("y", g.add(g.input("x", [2]), g.constant(1)));
  assert.equal(lower(g, targets.webgpu), g);
});

test("a graph for WebGPU has none of the operators that it lacks, indices as int32, and the same inputs, outputs and numbers", async () => {
  const graph = attention();
  const lowered = lower(graph, targets.webgpu);
  const operators = new Set(lowered.nodes.map(({ op }) => op));
  for (const op of ["FusedMatMul", "LogSoftmax", "SimplifiedLayerNormalization"] as const)
    assert.ok(!operators.has(op), op);
  const types = (g: Graph): string[] => [...g.inputs, ...g.outputs].map(({ name, dtype, shape }) => `${name} ${dtype} ${shape.join("x")}`); // prettier-ignore
  assert.deepEqual(types(lowered), types(graph).map((type) => type.replace("ids int64", "ids int32"))); // prettier-ignore
  const [known, found] = [await computed(graph), await computed(lowered)];
  for (const [name, data] of Object.entries(known)) {
    const difference = maxDifference(found[name] ?? [], data);
    assert.ok(difference < 1e-5, `${name} differs by ${difference}`);
  }
});

test("rewritten operators, as text", () => {
  const g = new GraphBuilder("rewritten");
  const x = g.input("x", [2, 2, 3]);
  const y = g.input("y", [2, 4, 3]);
  g.output("product", g.matmul(x, y, { transB: true, alpha: 0.5 }));
  g.output("norm", g.rmsNorm(g.input("row", [1, 4]), g.input("weight", [4]), 1e-6));
  g.output("log", g.logSoftmax(g.input("logits", [1, 4])));
  assert.equal(
    printGraph(lower(g, targets.webgpu)),
    `graph rewritten(x: float32[2,2,3], y: float32[2,4,3], row: float32[1,4], weight: float32[4], logits: float32[1,4]) {
  c0: float32[] = [0.5]
  t0: float32[2,2,3] = Mul(x, c0)
  t1: float32[2,3,4] = Transpose(y) {perm=[0,2,1]}
  t2: float32[2,2,4] = MatMul(t0, t1)
  product: float32[2,2,4] = Identity(t2)
  t3: float32[1,4], t4: float32[1,1] = SimplifiedLayerNormalization(row, weight) {epsilon=0.000001}
  norm: float32[1,4] = Identity(t3)
  t5: float32[1,1] = ReduceMax(logits) {axes=[-1] keepDims=true}
  t6: float32[1,4] = Sub(logits, t5)
  t7: float32[1,4] = Exp(t6)
  t8: float32[1,1] = ReduceSum(t7) {axes=[-1] keepDims=true}
  t9: float32[1,1] = Log(t8)
  t10: float32[1,4] = Sub(t6, t9)
  log: float32[1,4] = Identity(t10)
  return product, norm, log
}
`,
  );
});

/** Something of each operator that is rewritten, with gradients: an embedding, a norm, attention, log-probabilities. */
function attention(): Graph {
  const g = new GraphBuilder("attention");
  const table = g.input("table", [5, 8]);
  const weight = g.input("weight", [8]);
  const rows = g.reshape(g.gather(table, g.input("ids", [6], "int64")), [2, 3, 8]);
  const h = g.rmsNorm(rows, weight, 1e-6);
  const mixed = g.matmul(g.softmax(g.matmul(h, h, { transB: true, alpha: 0.3 })), rows);
  const logprobs = g.logSoftmax(mixed);
  const loss = g.sumAll(g.mul(logprobs, logprobs));
  g.output("logprobs", logprobs);
  const gradients = addGradients(g, loss, [table, weight]);
  gradients.forEach((gradient, i) => g.output(`gradient${i}`, gradient));
  return g;
}

async function computed(graph: Graph): Promise<Record<string, ArrayLike<number>>> {
  const compiled = await CompiledGraph.compile(graph, { threads: 1, hasArena: false });
  const wave = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin(3 * i + 1));
  const ids = BigInt64Array.of(0n, 4n, 2n, 2n, 1n, 2n); // narrowed where the graph wants it
  const outputs = await compiled.run({ table: wave(40), weight: wave(8), ids });
  await compiled.release();
  // SAFETY: every output of these graphs is float32.
  return outputs as Record<string, Float32Array>;
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { addGradients } from "../../../src/engine/autodiff/gradient.ts";
import { gradientRules } from "../../../src/engine/autodiff/rules.ts";
import { GraphBuilder } from "../../../src/engine/graph/builder.ts";
import { operators, type OperatorName } from "../../../src/engine/graph/operators.ts";
import { elementCount, type Shape, type Value } from "../../../src/engine/graph/types.ts";
import { CompiledGraph } from "../../../src/engine/runtime/session.ts";

/** What an operator is checked on: shapes of the differentiated inputs and how they are combined. */
interface Case {
  readonly shapes: readonly Shape[];
  readonly build: (g: GraphBuilder, x: readonly Value[]) => Value;
  /** Inputs are drawn from [low, high]; away from poles and kinks. */
  readonly range?: readonly [number, number];
}

const int64 = (g: GraphBuilder, data: readonly number[], shape: Shape): Value =>
  g.tensor(BigInt64Array.from(data, BigInt), shape);
const at = (x: readonly Value[], i: number): Value => {
  const value = x[i];
  assert.ok(value);
  return value;
};
const one = (f: (g: GraphBuilder, x: Value) => Value) => (g: GraphBuilder, x: readonly Value[]) => f(g, at(x, 0));
const two = (f: (g: GraphBuilder, a: Value, b: Value) => Value) => (g: GraphBuilder, x: readonly Value[]) =>
  f(g, at(x, 0), at(x, 1));

const cases: { readonly [Op in OperatorName]?: readonly Case[] } = {
  Identity: [{ shapes: [[3]], build: one((g, x) => g.node("Identity", [x], {})[0] ?? x) }],
  Add: [{ shapes: [[2, 3], [3]], build: two((g, a, b) => g.add(a, b)) }],
  Sub: [{ shapes: [[3], [2, 3]], build: two((g, a, b) => g.sub(a, b)) }],
  Mul: [
    {
      shapes: [
        [2, 1, 3],
        [4, 1],
      ],
      build: two((g, a, b) => g.mul(a, b)),
    },
    { shapes: [[3]], build: one((g, x) => g.mul(x, x)) },
  ],
  Div: [
    {
      shapes: [
        [2, 3],
        [1, 3],
      ],
      build: two((g, a, b) => g.div(a, b)),
      range: [0.5, 2],
    },
  ],
  Neg: [{ shapes: [[3]], build: one((g, x) => g.neg(x)) }],
  Exp: [{ shapes: [[3]], build: one((g, x) => g.exp(x)) }],
  Log: [{ shapes: [[3]], build: one((g, x) => g.log(x)), range: [0.5, 2] }],
  Sqrt: [{ shapes: [[3]], build: one((g, x) => g.sqrt(x)), range: [0.5, 2] }],
  Sigmoid: [
    { shapes: [[3]], build: one((g, x) => g.sigmoid(x)) },
    { shapes: [[4]], build: one((g, x) => g.quickGelu(x)), range: [-3, 3] },
    { shapes: [[4]], build: one((g, x) => g.geluTanh(x)), range: [-3, 3] },
  ],
  Erf: [{ shapes: [[3]], build: one((g, x) => g.erf(x)) }],
  Min: [
    { shapes: [[2, 3], [3]], build: two((g, a, b) => g.min(a, g.add(b, g.tensor(Float32Array.of(3, -3, 3), [3])))) },
  ],
  Less: [{ shapes: [[3]], build: one((g, x) => g.where(g.less(x, g.constant(3)), x, g.neg(x))) }],
  LessOrEqual: [{ shapes: [[3]], build: one((g, x) => g.where(g.lessOrEqual(x, g.constant(-3)), x, g.neg(x))) }],
  Where: [
    {
      shapes: [[2, 3], [3]],
      build: two((g, a, b) => g.where(g.less(g.tensor(Float32Array.of(-1, 1, -1), [3]), g.constant(0)), a, b)),
    },
  ],
  Cast: [{ shapes: [[3]], build: one((g, x) => g.node("Cast", [x], { to: "float32" })[0] ?? x) }],
  Gemm: [
    { shapes: [[2, 3], [4, 3], [4]], build: (g, x) => g.linear(at(x, 0), at(x, 1), at(x, 2)) },
    ...[false, true].flatMap((transA) =>
      [false, true].map((transB) => ({
        shapes: [transA ? [3, 2] : [2, 3], transB ? [4, 3] : [3, 4]],
        build: two((g, a, b) => g.matmul(a, b, { transA, transB, alpha: 0.5 })),
      })),
    ),
  ],
  FusedMatMul: [false, true].flatMap((transA) =>
    [false, true].map((transB) => ({
      shapes: [transA ? [2, 3, 2] : [2, 2, 3], transB ? [2, 4, 3] : [2, 3, 4]],
      build: two((g, a, b) => g.matmul(a, b, { transA, transB, alpha: 0.5 })),
    })),
  ),
  MatMul: [
    {
      shapes: [
        [2, 2, 3],
        [3, 4],
      ],
      build: two((g, a, b) => g.plainMatmul(a, b)),
    },
  ],
  Softmax: [{ shapes: [[2, 4]], build: one((g, x) => g.softmax(x)) }],
  LogSoftmax: [{ shapes: [[2, 4]], build: one((g, x) => g.logSoftmax(x)) }],
  ReduceSum: [
    { shapes: [[2, 3, 2]], build: one((g, x) => g.reduceSum(x, [0, -1], false)) },
    { shapes: [[2, 3]], build: one((g, x) => g.reduceSum(x, [1])) },
  ],
  ReduceSumSquare: [{ shapes: [[2, 3]], build: one((g, x) => g.sumSquares(x)) }],
  ReduceMax: [
    {
      shapes: [[2, 3]],
      build: one((g, x) => g.reduceMax(g.add(x, g.tensor(Float32Array.of(0, 5, -5, 5, -5, 0), [2, 3])), [1])),
    },
    { shapes: [[2]], build: one((g, x) => g.reduceMax(g.concat([x, x], 0), [0])) }, // equal ones share it
  ],
  Reshape: [{ shapes: [[2, 3]], build: one((g, x) => g.reshape(x, [3, 2])) }],
  Expand: [{ shapes: [[2, 1, 3]], build: one((g, x) => g.expand(x, [4, 2, 2, 3])) }],
  Transpose: [{ shapes: [[2, 3, 4]], build: one((g, x) => g.transpose(x, [2, 0, 1])) }],
  Concat: [
    {
      shapes: [
        [2, 3],
        [2, 1],
      ],
      build: two((g, a, b) => g.concat([a, b, a], 1)),
    },
  ],
  Slice: [{ shapes: [[2, 5]], build: one((g, x) => g.slice(x, 1, 1, 4)) }],
  Split: [
    {
      shapes: [[2, 5]],
      build: one((g, x) => {
        const parts = g.split(x, 1, [1, 2, 2]);
        return g.mul(at(parts, 0), at(parts, 2)); // the middle part has no cotangent
      }),
    },
  ],
  Pad: [{ shapes: [[2, 3]], build: one((g, x) => g.pad(x, [1, 0], [0, 2])) }],
  Gather: [{ shapes: [[4, 3]], build: one((g, x) => g.gather(x, int64(g, [2, 0, 2, 1, 2], [5]))) }],
  GatherElements: [{ shapes: [[2, 4]], build: one((g, x) => g.gatherElements(x, int64(g, [3, 3, 0, 1], [2, 2]), 1)) }],
  ScatterElements: [
    {
      shapes: [
        [4, 2],
        [3, 2],
      ],
      build: two((g, a, b) => g.scatterAdd(a, int64(g, [0, 1, 0, 3, 3, 1], [3, 2]), b, 0)),
    },
  ],
  SimplifiedLayerNormalization: [
    { shapes: [[3, 4], [4]], build: two((g, x, w) => g.rmsNorm(x, w, 1e-6)) },
    { shapes: [[2, 3, 4], [4]], build: two((g, x, w) => g.rmsNorm(x, w, 1e-6)) }, // a head at a time
    { shapes: [[3, 4], [4], [4]], build: (g, x) => g.layerNorm(at(x, 0), at(x, 1), at(x, 2), 1e-6) },
  ],
  RotaryEmbedding: [
    {
      shapes: [[1, 3, 8]],
      build: one((g, x) => {
        const angles = Float32Array.from({ length: 6 }, (_, i) => 0.3 + i);
        const cos = g.tensor(angles.map(Math.cos), [3, 2]);
        const sin = g.tensor(angles.map(Math.sin), [3, 2]);
        return g.rotary(x, int64(g, [2, 0, 1], [1, 3]), cos, sin, 2);
      }),
    },
  ],
};

test("every operator of the table has a gradient rule and a finite-difference case", () => {
  const names = Object.keys(operators).sort();
  assert.deepEqual(Object.keys(gradientRules).sort(), names);
  assert.deepEqual(Object.keys(cases).sort(), names);
});

for (const [op, opCases] of Object.entries(cases)) {
  for (const [index, c] of opCases.entries()) {
    test(`gradient of ${op} (case ${index}) agrees with finite differences`, async () => {
      const error = await worstRelativeError(c);
      assert.ok(error < 1e-3, `relative error ${error}`);
    });
  }
}

test("an operator without a rule is named", () => {
  const g = new GraphBuilder("missing");
  const x = g.input("x", []);
  const y = g.exp(x);
  const rules = gradientRules as Record<string, unknown>;
  const rule = rules["Exp"];
  delete rules["Exp"];
  try {
    assert.throws(() => addGradients(g, y, [x]), /no gradient rule for operator Exp/);
  } finally {
    rules["Exp"] = rule;
  }
});

test("a parameter that the loss does not depend on has a gradient of zeros", async () => {
  const g = new GraphBuilder("unused");
  const [x, w] = [g.input("x", [2]), g.input("w", [3])];
  const [gradient] = addGradients(g, g.sumAll(g.mul(x, x)), [w]);
  assert.ok(gradient);
  g.output("w_grad", gradient);
  const compiled = await CompiledGraph.compile(g, { threads: 1, hasArena: false });
  const result = await compiled.run({ x: Float32Array.of(1, 2), w: Float32Array.of(1, 2, 3) });
  assert.deepEqual([...(result["w_grad"] ?? [])].map(Number), [0, 0, 0]);
  await compiled.release();
});

/**
 * Directional derivatives along random directions, by central differences with Richardson extrapolation, against the
 * gradient's: an elementwise check in float32 would measure rounding.
 */
async function worstRelativeError({ shapes, build, range = [-1, 1] }: Case): Promise<number> {
  const random = generator(7);
  const draw = (shape: Shape, [low, high]: readonly [number, number]): Float32Array =>
    Float32Array.from({ length: elementCount(shape) }, () => low + (high - low) * random());
  const g = new GraphBuilder("check");
  const x = shapes.map((shape, i) => g.input(`x${i}`, shape));
  const y = build(g, x);
  // Random weights make the scalar loss sensitive to every element.
  const loss = g.sumAll(g.mul(y, g.tensor(draw(y.shape, [0.5, 1.5]), y.shape)));
  g.output("loss", loss);
  addGradients(g, loss, x).forEach((gradient, i) => {
    assert.deepEqual(gradient.shape, shapes[i]);
    g.output(`g${i}`, gradient);
  });
  const compiled = await CompiledGraph.compile(g, { threads: 1, hasArena: false });
  const point = shapes.map((shape) => draw(shape, range));
  const direction = shapes.map((shape) => draw(shape, [-1, 1]));
  const feeds = (h: number): Record<string, Float32Array> =>
    Object.fromEntries(point.map((p, i) => [`x${i}`, p.map((v, j) => v + h * (direction[i]?.[j] ?? 0))]));
  const lossAt = async (h: number): Promise<number> => Number((await compiled.run(feeds(h)))["loss"]?.[0]);
  const difference = async (h: number): Promise<number> => ((await lossAt(h)) - (await lossAt(-h))) / (2 * h);
  const estimate = (4 * (await difference(0.02)) - (await difference(0.04))) / 3;
  const gradients = await compiled.run(feeds(0));
  const exact = direction.reduce(
    (sum, d, i) => sum + d.reduce((s, v, j) => s + v * Number(gradients[`g${i}`]?.[j]), 0),
    0,
  );
  await compiled.release();
  return Math.abs(exact - estimate) / Math.max(Math.abs(exact), Math.abs(estimate), 1e-2);
}

function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

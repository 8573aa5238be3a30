import type { GraphBuilder } from "../graph/builder.ts";
import type { OperatorAttributes, OperatorName } from "../graph/operators.ts";
import { dimOf, sameShape, type Node, type Shape, type Value } from "../graph/types.ts";

/**
 * Reverse-mode rules: for each input of a node, how its cotangent follows from the cotangents of the outputs. Entries are
 * functions so that only cotangents that somebody needs are computed. `noGradient` says that none exists (indices,
 * comparisons); an operator without a row is an error that names it.
 */
export interface RuleContext<Op extends OperatorName> {
  readonly g: GraphBuilder;
  readonly node: Node<Op>;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Cotangent of the first output. */
  readonly ct: Value;
  /** Cotangents of all outputs; zeros where nothing flows back. */
  readonly cts: readonly (Value | undefined)[];
}
export const noGradient = Symbol("no gradient");
export type InputCotangent = (() => Value) | typeof noGradient;
export type GradientRule<Op extends OperatorName> = (context: RuleContext<Op>) => readonly InputCotangent[];

export const gradientRules: { readonly [Op in OperatorName]?: GradientRule<Op> } = {
  Identity: ({ ct }) => [() => ct],
  Add: ({ g, inputs, ct }) => inputs.map((x) => () => unbroadcast(g, ct, x.shape)),
  Sub: ({ g, inputs: [a, b], ct }) => [
    () => unbroadcast(g, ct, shapeOf(a)),
    () => unbroadcast(g, g.neg(ct), shapeOf(b)),
  ],
  // d(ab) = b da + a db
  Mul: ({ g, inputs, ct }) => {
    const [a, b] = pair(inputs);
    return [() => unbroadcast(g, g.mul(ct, b), a.shape), () => unbroadcast(g, g.mul(ct, a), b.shape)];
  },
  // d(a/b) = da / b - (a/b) db / b
  Div: ({ g, inputs, outputs, ct }) => {
    const [a, b] = pair(inputs);
    return [
      () => unbroadcast(g, g.div(ct, b), a.shape),
      () => unbroadcast(g, g.neg(g.div(g.mul(ct, at(outputs, 0)), b)), b.shape),
    ];
  },
  Neg: ({ g, ct }) => [() => g.neg(ct)],
  Exp: ({ g, outputs, ct }) => [() => g.mul(ct, at(outputs, 0))],
  Log: ({ g, inputs, ct }) => [() => g.div(ct, at(inputs, 0))],
  Sqrt: ({ g, outputs, ct }) => [() => g.div(g.scale(ct, 0.5), at(outputs, 0))],
  // s' = s (1 - s)
  Sigmoid: ({ g, outputs, ct }) => [() => g.mul(ct, g.mul(at(outputs, 0), g.sub(g.constant(1), at(outputs, 0))))],
  // erf' = 2 / sqrt(pi) exp(-x^2)
  Erf: ({ g, inputs, ct }) => [
    () => g.mul(ct, g.scale(g.exp(g.neg(g.mul(at(inputs, 0), at(inputs, 0)))), 2 / Math.sqrt(Math.PI))),
  ],
  // The smaller one gets it; on a tie the first.
  Min: ({ g, inputs, ct }) => {
    const [a, b] = pair(inputs);
    const zero = g.constant(0);
    const firstWins = (): Value => g.lessOrEqual(a, b);
    return [
      () => unbroadcast(g, g.where(firstWins(), ct, zero), a.shape),
      () => unbroadcast(g, g.where(firstWins(), zero, ct), b.shape),
    ];
  },
  Less: () => [noGradient, noGradient],
  LessOrEqual: () => [noGradient, noGradient],
  Where: ({ g, inputs, ct }) => {
    const condition = at(inputs, 0);
    const zero = g.constant(0);
    return [
      noGradient,
      () => unbroadcast(g, g.where(condition, ct, zero), at(inputs, 1).shape),
      () => unbroadcast(g, g.where(condition, zero, ct), at(inputs, 2).shape),
    ];
  },
  Cast: ({ inputs, ct, g }) => [at(inputs, 0).dtype === "float32" ? () => g.cast(ct, "float32") : noGradient],
  Gemm: (context) => [
    ...productRule(context, context.node.attributes),
    ...(context.inputs[2] === undefined ? [] : [() => unbroadcast(context.g, context.ct, at(context.inputs, 2).shape)]),
  ],
  FusedMatMul: (context) => productRule(context, context.node.attributes),
  MatMul: (context) => productRule(context, { transA: false, transB: false, alpha: 1 }),
  // dx = y (dy - sum(dy y))
  Softmax: ({ g, outputs, ct }) => [
    () => {
      const y = at(outputs, 0);
      return g.mul(y, g.sub(ct, g.reduceSum(g.mul(ct, y), [-1])));
    },
  ],
  // dx = dy - softmax(x) sum(dy)
  LogSoftmax: ({ g, outputs, ct }) => [() => g.sub(ct, g.mul(g.exp(at(outputs, 0)), g.reduceSum(ct, [-1])))],
  ReduceSum: ({ g, node, inputs, ct }) => [() => spread(g, ct, at(inputs, 0).shape, node.attributes.axes)],
  ReduceSumSquare: ({ g, node, inputs, ct }) => [
    () => g.mul(g.scale(at(inputs, 0), 2), spread(g, ct, at(inputs, 0).shape, node.attributes.axes)),
  ],
  // The largest gets it; equal ones share it, as in torch.amax.
  ReduceMax: ({ g, node, inputs, outputs, ct }) => [
    () => {
      const x = at(inputs, 0);
      const spreadOut = (value: Value): Value => spread(g, value, x.shape, node.attributes.axes);
      const isLargest = g.cast(g.lessOrEqual(spreadOut(at(outputs, 0)), x), "float32");
      const count = g.reduceSum(isLargest, node.attributes.axes);
      return g.div(g.mul(spreadOut(ct), isLargest), count);
    },
  ],
  Reshape: ({ g, inputs, ct }) => [() => g.reshape(ct, at(inputs, 0).shape)],
  Expand: ({ g, inputs, ct }) => [() => unbroadcast(g, ct, at(inputs, 0).shape)],
  Transpose: ({ g, node, ct }) => [
    () =>
      g.transpose(
        ct,
        node.attributes.perm.map((_, i) => node.attributes.perm.indexOf(i)),
      ),
  ],
  Concat: ({ g, node, inputs, ct }) => {
    const { axis } = node.attributes;
    let end = 0;
    return inputs.map((x) => {
      const start = end;
      end += dimOf(x.shape, axis);
      const [from, to] = [start, end];
      return () => g.slice(ct, axis, from, to);
    });
  },
  Slice: ({ g, node, inputs, ct }) => [
    () => {
      const { axis, start, end } = node.attributes;
      const { shape } = at(inputs, 0);
      const before = shape.map((_, i) => (i === axis ? start : 0));
      const after = shape.map((dim, i) => (i === axis ? dim - end : 0));
      return g.pad(ct, before, after);
    },
  ],
  Split: ({ g, node, outputs, cts }) => [
    () =>
      g.concat(
        outputs.map((o, i) => cts[i] ?? g.expand(g.constant(0), o.shape)),
        node.attributes.axis,
      ),
  ],
  Pad: ({ g, node, inputs, ct }) => [
    () =>
      at(inputs, 0).shape.reduce((x, dim, axis) => {
        const start = node.attributes.before[axis] ?? 0;
        return g.slice(x, axis, start, start + dim);
      }, ct),
  ],
  Gather: ({ g, inputs, ct }) => [
    () => {
      const [data, indices] = pair(inputs);
      // One row of updates per index; the index is repeated along the row, as ScatterElements wants it.
      const rowShape = [indices.shape.reduce((a, b) => a * b, 1), ...data.shape.slice(1)];
      const columns = rowShape.map((dim, i) => (i === 0 ? dim : 1));
      const spreadIndices = g.expand(g.reshape(indices, columns), rowShape);
      const zeros = g.expand(g.constant(0), data.shape);
      return g.scatterAdd(zeros, spreadIndices, g.reshape(ct, rowShape), 0);
    },
    noGradient,
  ],
  GatherElements: ({ g, node, inputs, ct }) => [
    () => {
      const [data, indices] = pair(inputs);
      return g.scatterAdd(g.expand(g.constant(0), data.shape), indices, ct, node.attributes.axis);
    },
    noGradient,
  ],
  ScatterElements: ({ g, node, inputs, ct }) => [
    () => ct,
    noGradient,
    () => g.gatherElements(ct, at(inputs, 1), node.attributes.axis),
  ],
  // With n = x / rms and h = dy w: dx = (h - n mean(h n)) / rms, dw = sum(dy n)
  SimplifiedLayerNormalization: ({ g, inputs, outputs, ct }) => {
    const [x, weight] = pair(inputs);
    const inverseRms = at(outputs, 1);
    const normalised = memo(() => g.mul(x, inverseRms));
    return [
      () => {
        const h = g.mul(ct, weight);
        const mean = g.scale(g.reduceSum(g.mul(h, normalised()), [-1]), 1 / dimOf(x.shape, -1));
        return g.mul(g.sub(h, g.mul(normalised(), mean)), inverseRms);
      },
      () => unbroadcast(g, g.mul(ct, normalised()), weight.shape),
    ];
  },
  // A rotation: its transpose turns the other way.
  RotaryEmbedding: ({ g, node, inputs, ct }) => [
    () => g.rotary(ct, at(inputs, 1), at(inputs, 2), g.neg(at(inputs, 3)), node.attributes.heads),
    noGradient,
    noGradient,
    noGradient,
  ],
};

/** The inverse of broadcasting: sums a cotangent over the axes along which its value was repeated. */
export function unbroadcast(g: GraphBuilder, ct: Value, shape: Shape): Value {
  if (sameShape(ct.shape, shape)) return ct;
  const lead = ct.shape.length - shape.length;
  const axes = ct.shape.flatMap((dim, i) => (i < lead || (shape[i - lead] === 1 && dim !== 1) ? [i] : []));
  const summed = axes.length === 0 ? ct : g.reduceSum(ct, axes);
  return g.reshape(summed, shape);
}

/** y = alpha op(a) op(b): both cotangents are products again. Batched operands that were broadcast are summed back. */
function productRule(
  { g, inputs, ct }: RuleContext<"Gemm"> | RuleContext<"FusedMatMul"> | RuleContext<"MatMul">,
  { transA, transB, alpha }: OperatorAttributes["Gemm"],
): InputCotangent[] {
  const [a, b] = pair(inputs);
  return [
    () =>
      unbroadcast(
        g,
        transA ? g.matmul(b, ct, { transA: transB, transB: true, alpha }) : g.matmul(ct, b, { transB: !transB, alpha }),
        a.shape,
      ),
    () =>
      unbroadcast(
        g,
        transB ? g.matmul(ct, a, { transA: true, transB: transA, alpha }) : g.matmul(a, ct, { transA: !transA, alpha }),
        b.shape,
      ),
  ];
}

/** Cotangent of a sum: the same number for every summand. */
function spread(g: GraphBuilder, ct: Value, shape: Shape, axes: readonly number[]): Value {
  const reduced = new Set(axes.map((axis) => (axis < 0 ? axis + shape.length : axis)));
  return g.expand(
    g.reshape(
      ct,
      shape.map((dim, i) => (reduced.has(i) ? 1 : dim)),
    ),
    shape,
  );
}

function memo<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function at(values: readonly Value[], index: number): Value {
  const value = values[index];
  if (value === undefined) throw new Error(`internal: gradient rule reads operand ${index}, which is missing`);
  return value;
}

function pair(values: readonly Value[]): [Value, Value] {
  return [at(values, 0), at(values, 1)];
}

function shapeOf(value: Value | undefined): Shape {
  if (value === undefined) throw new Error("internal: gradient rule reads a missing operand");
  return value.shape;
}

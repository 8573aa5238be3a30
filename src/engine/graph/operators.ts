import { broadcastShapes, dimOf, elementCount, type DType, type Shape, type TensorType } from "./types.ts";

/**
 * The operator table. Names are ONNX's; attributes are ours where ONNX wants a constant input (axes, shapes, bounds):
 * the encoder turns those into initialisers, so that shape inference never has to look into data.
 */
export interface OperatorAttributes {
  Add: NoAttributes;
  Sub: NoAttributes;
  Mul: NoAttributes;
  Div: NoAttributes;
  Neg: NoAttributes;
  Exp: NoAttributes;
  Log: NoAttributes;
  Sqrt: NoAttributes;
  Sigmoid: NoAttributes;
  Erf: NoAttributes;
  Min: NoAttributes;
  Less: NoAttributes;
  LessOrEqual: NoAttributes;
  Where: NoAttributes;
  Cast: { readonly to: DType };
  Identity: NoAttributes;
  /** y = alpha * op(a) op(b) + c, matrices only; c is optional and broadcasts over rows. */
  Gemm: { readonly transA: boolean; readonly transB: boolean; readonly alpha: number };
  /** Batched y = alpha * op(a) op(b); com.microsoft. */
  FusedMatMul: { readonly transA: boolean; readonly transB: boolean; readonly alpha: number };
  /** Batched y = a b, as ONNX has it. */
  MatMul: NoAttributes;
  /** Over the last axis. */
  Softmax: NoAttributes;
  LogSoftmax: NoAttributes;
  ReduceSum: { readonly axes: readonly number[]; readonly keepDims: boolean };
  ReduceSumSquare: { readonly axes: readonly number[]; readonly keepDims: boolean };
  ReduceMax: { readonly axes: readonly number[]; readonly keepDims: boolean };
  Reshape: { readonly shape: Shape };
  Expand: { readonly shape: Shape };
  Transpose: { readonly perm: readonly number[] };
  Concat: { readonly axis: number };
  Slice: { readonly axis: number; readonly start: number; readonly end: number };
  Split: { readonly axis: number; readonly sizes: readonly number[] };
  /** Zeros around a value, per axis. */
  Pad: { readonly before: readonly number[]; readonly after: readonly number[] };
  /** Rows of axis 0. */
  Gather: NoAttributes;
  GatherElements: { readonly axis: number };
  /** data with updates added at indices; sequential in onnxruntime, hence deterministic (ScatterND is not). */
  ScatterElements: { readonly axis: number };
  /** RMS normalisation over the last axis; second output is 1 / rms. */
  SimplifiedLayerNormalization: { readonly epsilon: number };
  /** x [B, S, heads * headDim], positions [B, S], cos and sin [maxPosition, headDim / 2]; rotates halves; com.microsoft. */
  RotaryEmbedding: { readonly heads: number };
}
export type NoAttributes = Readonly<Record<string, never>>;
export type OperatorName = keyof OperatorAttributes;

export interface Operator<Op extends OperatorName> {
  readonly domain?: "com.microsoft";
  /** Types of the outputs; throws on inputs that do not fit. */
  infer(inputs: readonly TensorType[], attributes: OperatorAttributes[Op]): readonly TensorType[];
}

const unary = { infer: ([x]: readonly TensorType[]) => [need(x)] };
const binary = {
  infer: ([a, b]: readonly TensorType[]) => [
    { dtype: need(a).dtype, shape: broadcastShapes(need(a).shape, need(b).shape) },
  ],
};
const comparison = {
  infer: ([a, b]: readonly TensorType[]) => [
    { dtype: "bool" as const, shape: broadcastShapes(need(a).shape, need(b).shape) },
  ],
};
const reduction = {
  infer: ([x]: readonly TensorType[], { axes, keepDims }: OperatorAttributes["ReduceSum"]) => [
    { dtype: need(x).dtype, shape: reducedShape(need(x).shape, axes, keepDims) },
  ],
};

export const operators: { readonly [Op in OperatorName]: Operator<Op> } = {
  Add: binary,
  Sub: binary,
  Mul: binary,
  Div: binary,
  Min: binary,
  Neg: unary,
  Exp: unary,
  Log: unary,
  Sqrt: unary,
  Sigmoid: unary,
  Erf: unary,
  Identity: unary,
  Softmax: unary,
  LogSoftmax: unary,
  Less: comparison,
  LessOrEqual: comparison,
  Where: {
    infer: ([c, a, b]) => [
      { dtype: need(a).dtype, shape: broadcastShapes(need(c).shape, broadcastShapes(need(a).shape, need(b).shape)) },
    ],
  },
  Cast: { infer: ([x], { to }) => [{ dtype: to, shape: need(x).shape }] },
  Gemm: { infer: ([a, b], attributes) => [matrixProduct(need(a), need(b), attributes)] },
  FusedMatMul: {
    domain: "com.microsoft",
    infer: ([a, b], attributes) => [matrixProduct(need(a), need(b), attributes)],
  },
  MatMul: { infer: ([a, b]) => [matrixProduct(need(a), need(b), { transA: false, transB: false, alpha: 1 })] },
  ReduceSum: reduction,
  ReduceSumSquare: reduction,
  ReduceMax: reduction,
  Reshape: {
    infer: ([x], { shape }) => {
      if (elementCount(shape) !== elementCount(need(x).shape)) {
        throw new Error(`internal: Reshape of [${need(x).shape.join(",")}] to [${shape.join(",")}]`);
      }
      return [{ dtype: need(x).dtype, shape }];
    },
  },
  Expand: { infer: ([x], { shape }) => [{ dtype: need(x).dtype, shape: broadcastShapes(need(x).shape, shape) }] },
  Transpose: { infer: ([x], { perm }) => [{ dtype: need(x).dtype, shape: perm.map((p) => dimOf(need(x).shape, p)) }] },
  Concat: {
    infer: (inputs, { axis }) => {
      const first = need(inputs[0]);
      const total = inputs.reduce((sum, x) => sum + dimOf(x.shape, axis), 0);
      return [{ dtype: first.dtype, shape: first.shape.map((dim, i) => (i === axis ? total : dim)) }];
    },
  },
  Slice: {
    infer: ([x], { axis, start, end }) => [
      { dtype: need(x).dtype, shape: need(x).shape.map((dim, i) => (i === axis ? end - start : dim)) },
    ],
  },
  Split: {
    infer: ([x], { axis, sizes }) =>
      sizes.map((size) => ({ dtype: need(x).dtype, shape: need(x).shape.map((d, i) => (i === axis ? size : d)) })),
  },
  Pad: {
    infer: ([x], { before, after }) => [
      { dtype: need(x).dtype, shape: need(x).shape.map((dim, i) => dim + (before[i] ?? 0) + (after[i] ?? 0)) },
    ],
  },
  Gather: { infer: ([x, i]) => [{ dtype: need(x).dtype, shape: [...need(i).shape, ...need(x).shape.slice(1)] }] },
  GatherElements: { infer: ([x, i]) => [{ dtype: need(x).dtype, shape: need(i).shape }] },
  ScatterElements: unary,
  SimplifiedLayerNormalization: {
    infer: ([x]) => [need(x), { dtype: "float32", shape: [...need(x).shape.slice(0, -1), 1] }],
  },
  RotaryEmbedding: { domain: "com.microsoft", infer: ([x]) => [need(x)] },
};

export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  const reduced = new Set(axes.map((axis) => (axis < 0 ? axis + shape.length : axis)));
  return keepDims ? shape.map((dim, i) => (reduced.has(i) ? 1 : dim)) : shape.filter((_, i) => !reduced.has(i));
}

function matrixProduct(a: TensorType, b: TensorType, at: OperatorAttributes["Gemm"]): TensorType {
  const [rows, innerA] = at.transA
    ? [dimOf(a.shape, -1), dimOf(a.shape, -2)]
    : [dimOf(a.shape, -2), dimOf(a.shape, -1)];
  const [innerB, columns] = at.transB
    ? [dimOf(b.shape, -1), dimOf(b.shape, -2)]
    : [dimOf(b.shape, -2), dimOf(b.shape, -1)];
  if (innerA !== innerB) {
    throw new Error(
      `internal: product of [${a.shape.join(",")}] and [${b.shape.join(",")}]: ${innerA} is not ${innerB}`,
    );
  }
  return { dtype: a.dtype, shape: [...broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2)), rows, columns] };
}

function need<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("internal: operator input missing");
  return value;
}

import type { OperatorAttributes, OperatorName } from "./operators.ts";

/** Element types that the compiler knows; names as in onnxruntime. */
export type DType = "float32" | "int64" | "int32" | "bool";

/** Static shape: every dimension is known when the graph is built. A scalar is `[]`. */
export type Shape = readonly number[];

/** The type of a value: what shape inference works on. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** An edge of the graph: made once, by an input, a constant or a node. */
export interface Value extends TensorType {
  readonly name: string;
}

export interface Node<Op extends OperatorName = OperatorName> {
  readonly op: Op;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: OperatorAttributes[Op];
}

/** A value that is known when the graph is built. */
export interface Constant extends Value {
  readonly data: Float32Array | BigInt64Array | Int32Array | Uint8Array;
}

/** Nodes stand in topological order: a node's inputs are made before it. */
export interface Graph {
  readonly name: string;
  readonly inputs: readonly Value[];
  readonly constants: readonly Constant[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Value[];
}

export function elementCount(shape: Shape): number {
  return shape.reduce((count, dim) => count * dim, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** Dimension of an axis; negative axes count from the end. */
export function dimOf(shape: Shape, axis: number): number {
  const dim = shape.at(axis);
  if (dim === undefined) throw new Error(`internal: axis ${axis} of a value of shape [${shape.join(",")}]`);
  return dim;
}

/** NumPy broadcasting of two shapes. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new Error(`internal: shapes [${a.join(",")}] and [${b.join(",")}] do not broadcast`);
    }
    return x === 1 ? y : x;
  });
}

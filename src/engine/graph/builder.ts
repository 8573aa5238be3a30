import { operators, type OperatorAttributes, type OperatorName } from "./operators.ts";
import {
  dimOf,
  elementCount,
  sameShape,
  type Constant,
  type DType,
  type Graph,
  type Node,
  type Shape,
  type Value,
} from "./types.ts";

/**
 * Builds a graph node by node. Method names are what the field calls the operation; each adds one node, or none when
 * there is nothing to do. Shapes are checked as nodes are added.
 */
export class GraphBuilder implements Graph {
  readonly name: string;
  readonly inputs: Value[] = [];
  readonly constants: Constant[] = [];
  readonly nodes: Node[] = [];
  readonly outputs: Value[] = [];
  readonly #constantsByKey = new Map<string, Value>();
  #counter = 0;

  constructor(name: string) {
    this.name = name;
  }

  input(name: string, shape: Shape, dtype: DType = "float32"): Value {
    const value = { name, dtype, shape };
    this.inputs.push(value);
    return value;
  }

  /** Declares an output under a name of its own. */
  output(name: string, value: Value): void {
    const named = { name, dtype: value.dtype, shape: value.shape };
    this.nodes.push({ op: "Identity", inputs: [value], outputs: [named], attributes: {} });
    this.outputs.push(named);
  }

  /** The general way to add a node; the methods below are for reading. */
  node<Op extends OperatorName>(
    op: Op,
    inputs: readonly Value[],
    attributes: OperatorAttributes[Op],
  ): readonly Value[] {
    const outputs = operators[op]
      .infer(inputs, attributes)
      .map((type) => ({ name: `t${this.#counter++}`, dtype: type.dtype, shape: type.shape }));
    this.nodes.push({ op, inputs, outputs, attributes } satisfies Node<Op>);
    return outputs;
  }

  /** A constant of equal elements, or of the data given; equal scalars are stored once. */
  constant(value: number, dtype: "float32" | "int64" = "float32", shape: Shape = []): Value {
    const key = `${dtype}|${shape.join(",")}|${value}`;
    const known = this.#constantsByKey.get(key);
    if (known !== undefined) return known;
    const count = elementCount(shape);
    const data =
      dtype === "float32" ? new Float32Array(count).fill(value) : new BigInt64Array(count).fill(BigInt(value));
    const made = this.tensor(data, shape);
    this.#constantsByKey.set(key, made);
    return made;
  }

  tensor(data: Constant["data"], shape: Shape): Value {
    const value = { name: `c${this.constants.length}`, dtype: dtypeOf(data), shape, data };
    this.constants.push(value);
    return value;
  }

  add(a: Value, b: Value): Value {
    return this.#one("Add", [a, b], {});
  }
  sub(a: Value, b: Value): Value {
    return this.#one("Sub", [a, b], {});
  }
  mul(a: Value, b: Value): Value {
    return this.#one("Mul", [a, b], {});
  }
  div(a: Value, b: Value): Value {
    return this.#one("Div", [a, b], {});
  }
  neg(x: Value): Value {
    return this.#one("Neg", [x], {});
  }
  exp(x: Value): Value {
    return this.#one("Exp", [x], {});
  }
  log(x: Value): Value {
    return this.#one("Log", [x], {});
  }
  sqrt(x: Value): Value {
    return this.#one("Sqrt", [x], {});
  }
  sigmoid(x: Value): Value {
    return this.#one("Sigmoid", [x], {});
  }
  erf(x: Value): Value {
    return this.#one("Erf", [x], {});
  }
  min(a: Value, b: Value): Value {
    return this.#one("Min", [a, b], {});
  }
  less(a: Value, b: Value): Value {
    return this.#one("Less", [a, b], {});
  }
  lessOrEqual(a: Value, b: Value): Value {
    return this.#one("LessOrEqual", [a, b], {});
  }
  where(condition: Value, a: Value, b: Value): Value {
    return this.#one("Where", [condition, a, b], {});
  }
  cast(x: Value, to: DType): Value {
    return x.dtype === to ? x : this.#one("Cast", [x], { to });
  }

  scale(x: Value, factor: number): Value {
    return factor === 1 ? x : this.mul(x, this.constant(factor));
  }

  /** x W^T + bias: x [N, in], weight [out, in], bias [out]. */
  linear(x: Value, weight: Value, bias?: Value): Value {
    const inputs = bias === undefined ? [x, weight] : [x, weight, bias];
    return this.#one("Gemm", inputs, { transA: false, transB: true, alpha: 1 });
  }

  matmul(a: Value, b: Value, options: { transA?: boolean; transB?: boolean; alpha?: number } = {}): Value {
    const attributes = { transA: options.transA ?? false, transB: options.transB ?? false, alpha: options.alpha ?? 1 };
    return this.#one(a.shape.length === 2 && b.shape.length === 2 ? "Gemm" : "FusedMatMul", [a, b], attributes);
  }

  /** Batched a b without transposes or scale. */
  plainMatmul(a: Value, b: Value): Value {
    return this.#one("MatMul", [a, b], {});
  }

  softmax(x: Value): Value {
    return this.#one("Softmax", [x], {});
  }
  logSoftmax(x: Value): Value {
    return this.#one("LogSoftmax", [x], {});
  }
  reduceSum(x: Value, axes: readonly number[], keepDims = true): Value {
    return this.#one("ReduceSum", [x], { axes, keepDims });
  }
  reduceMax(x: Value, axes: readonly number[]): Value {
    return this.#one("ReduceMax", [x], { axes, keepDims: true });
  }
  /** Sum of all elements, a scalar. */
  sumAll(x: Value): Value {
    return this.reduceSum(
      x,
      x.shape.map((_, i) => i),
      false,
    );
  }
  sumSquares(x: Value): Value {
    return this.#one("ReduceSumSquare", [x], { axes: x.shape.map((_, i) => i), keepDims: false });
  }

  reshape(x: Value, shape: Shape): Value {
    return sameShape(x.shape, shape) ? x : this.#one("Reshape", [x], { shape });
  }
  expand(x: Value, shape: Shape): Value {
    return sameShape(x.shape, shape) ? x : this.#one("Expand", [x], { shape });
  }
  transpose(x: Value, perm: readonly number[]): Value {
    return this.#one("Transpose", [x], { perm });
  }
  concat(values: readonly Value[], axis: number): Value {
    const [first] = values;
    return values.length === 1 && first !== undefined ? first : this.#one("Concat", values, { axis });
  }
  slice(x: Value, axis: number, start: number, end: number): Value {
    return start === 0 && end === dimOf(x.shape, axis) ? x : this.#one("Slice", [x], { axis, start, end });
  }
  split(x: Value, axis: number, sizes: readonly number[]): readonly Value[] {
    return sizes.length === 1 ? [x] : this.node("Split", [x], { axis, sizes });
  }
  pad(x: Value, before: readonly number[], after: readonly number[]): Value {
    return this.#one("Pad", [x], { before, after });
  }
  /** Rows `indices` of axis 0. */
  gather(x: Value, indices: Value): Value {
    return this.#one("Gather", [x, indices], {});
  }
  gatherElements(x: Value, indices: Value, axis: number): Value {
    return this.#one("GatherElements", [x, indices], { axis });
  }
  scatterAdd(x: Value, indices: Value, updates: Value, axis: number): Value {
    return this.#one("ScatterElements", [x, indices, updates], { axis });
  }

  /** x / sqrt(mean(x^2) + epsilon) * weight, over the last axis. */
  rmsNorm(x: Value, weight: Value, epsilon: number): Value {
    return this.#one("SimplifiedLayerNormalization", [x, weight], { epsilon });
  }
  /** (x - mean) / sqrt(variance + epsilon) * weight + bias, over the last axis: what is centred is normed by its RMS. */
  layerNorm(x: Value, weight: Value, bias: Value, epsilon: number): Value {
    const mean = this.scale(this.reduceSum(x, [-1]), 1 / dimOf(x.shape, -1));
    return this.add(this.rmsNorm(this.sub(x, mean), weight, epsilon), bias);
  }
  rotary(x: Value, positions: Value, cos: Value, sin: Value, heads: number): Value {
    return this.#one("RotaryEmbedding", [x, positions, cos, sin], { heads });
  }
  /** x * sigmoid(x) */
  silu(x: Value): Value {
    return this.mul(x, this.sigmoid(x));
  }
  /** Exact GELU, as torch.nn.GELU(). */
  gelu(x: Value): Value {
    const phi = this.add(this.erf(this.scale(x, Math.SQRT1_2)), this.constant(1));
    return this.mul(this.scale(x, 0.5), phi);
  }

  /** x * sigmoid(1.702 x) */
  quickGelu(x: Value): Value {
    return this.mul(x, this.sigmoid(this.scale(x, 1.702)));
  }
  /** torch.nn.GELU("tanh"): x / 2 (1 + tanh(u)) with u = sqrt(2 / pi) (x + 0.044715 x^3); (1 + tanh u) / 2 = sigmoid(2u). */
  geluTanh(x: Value): Value {
    const cubic = this.mul(x, this.add(this.scale(this.mul(x, x), 0.044715), this.constant(1)));
    return this.mul(x, this.sigmoid(this.scale(cubic, 2 * Math.sqrt(2 / Math.PI))));
  }

  #one<Op extends OperatorName>(op: Op, inputs: readonly Value[], attributes: OperatorAttributes[Op]): Value {
    const [value] = this.node(op, inputs, attributes);
    if (value === undefined) throw new Error(`internal: ${op} has no output`);
    return value;
  }
}

function dtypeOf(data: Constant["data"]): DType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof BigInt64Array) return "int64";
  return data instanceof Int32Array ? "int32" : "bool";
}

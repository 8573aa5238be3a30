import { operators, type OperatorAttributes, type OperatorName } from "./operators.ts";
import { ProtobufWriter } from "./protobuf.ts";
import type { Constant, DType, Graph, Node, Value } from "./types.ts";

/** Field numbers are those of onnx.proto3; IR version 10 and opset 21 are what onnxruntime 1.30 reads without conversion. */
const irVersion = 10;
const defaultOpset = 21;
const dataTypes: Readonly<Record<DType, number>> = { float32: 1, int32: 6, int64: 7, bool: 9 };

export interface EncodeOptions {
  /** Version of the standard operators: at least 18, where the encoding of their attributes begins. */
  readonly opset?: number;
  /** Leaves the shapes of inputs and outputs open, for graphs of operators that do not mind. */
  readonly anyShape?: boolean;
}

/** The bytes of an ONNX model. */
export function encodeOnnx(graph: Graph, { opset = defaultOpset, anyShape = false }: EncodeOptions = {}): Uint8Array {
  const model = new ProtobufWriter();
  model.int(1, irVersion);
  model.string(2, "video-rft");
  model.message(7, (g) => encodeGraph(g, graph, anyShape));
  for (const [domain, version] of [
    ["", opset],
    ["com.microsoft", 1],
  ] as const) {
    model.message(8, (m) => {
      m.string(1, domain);
      m.int(2, version);
    });
  }
  return model.finish();
}

function encodeGraph(writer: ProtobufWriter, graph: Graph, anyShape: boolean): void {
  const initialisers = new Map<string, Constant>(graph.constants.map((c) => [c.name, c]));
  for (const node of graph.nodes) writer.message(1, (n) => encodeNode(n, node, initialisers));
  writer.string(2, graph.name);
  for (const constant of initialisers.values()) writer.message(5, (t) => encodeTensor(t, constant));
  for (const input of graph.inputs) writer.message(11, (v) => encodeValueInfo(v, input, anyShape));
  for (const output of graph.outputs) writer.message(12, (v) => encodeValueInfo(v, output, anyShape));
}

function encodeNode(writer: ProtobufWriter, node: Node, initialisers: Map<string, Constant>): void {
  const { attributes, constants } = onnxForm(node);
  const names = node.inputs.map((v) => v.name);
  for (const constant of constants) {
    const name = `i64:${constant.scalar ? "s" : ""}${constant.data.join(",")}`;
    const shape = constant.scalar ? [] : [constant.data.length];
    initialisers.set(name, { name, dtype: "int64", shape, data: BigInt64Array.from(constant.data, BigInt) });
    names.push(name);
  }
  for (const name of names) writer.string(1, name);
  for (const output of node.outputs) writer.string(2, output.name);
  writer.string(4, node.op);
  for (const [name, value] of Object.entries(attributes)) writer.message(5, (a) => encodeAttribute(a, name, value));
  const domain = operators[node.op].domain;
  if (domain !== undefined) writer.string(7, domain);
}

type OnnxAttribute = { int: number } | { float: number } | { ints: readonly number[] } | { string: string };
interface OnnxForm {
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
  /** Constant inputs after the node's own. */
  readonly constants: readonly { readonly data: readonly number[]; readonly scalar?: boolean }[];
}

const plain: OnnxForm = { attributes: {}, constants: [] };
const product = (a: OperatorAttributes["Gemm"]): OnnxForm => ({
  attributes: { transA: { int: Number(a.transA) }, transB: { int: Number(a.transB) }, alpha: { float: a.alpha } },
  constants: [],
});
const reduction = (a: OperatorAttributes["ReduceSum"]): OnnxForm => ({
  attributes: { keepdims: { int: Number(a.keepDims) } },
  constants: [{ data: a.axes }],
});

/** How the attributes of an operator are said in ONNX; operators without a row have none. */
const onnxForms: { readonly [Op in OperatorName]?: (attributes: OperatorAttributes[Op]) => OnnxForm } = {
  Cast: (a) => ({ attributes: { to: { int: dataTypes[a.to] } }, constants: [] }),
  Gemm: product,
  FusedMatMul: product,
  Softmax: () => ({ attributes: { axis: { int: -1 } }, constants: [] }),
  LogSoftmax: () => ({ attributes: { axis: { int: -1 } }, constants: [] }),
  ReduceSum: reduction,
  ReduceSumSquare: reduction,
  ReduceMax: reduction,
  Reshape: (a) => ({ attributes: {}, constants: [{ data: a.shape }] }),
  Expand: (a) => ({ attributes: {}, constants: [{ data: a.shape }] }),
  Transpose: (a) => ({ attributes: { perm: { ints: a.perm } }, constants: [] }),
  Concat: (a) => ({ attributes: { axis: { int: a.axis } }, constants: [] }),
  Slice: (a) => ({ attributes: {}, constants: [{ data: [a.start] }, { data: [a.end] }, { data: [a.axis] }] }),
  Split: (a) => ({ attributes: { axis: { int: a.axis } }, constants: [{ data: a.sizes }] }),
  Pad: (a) => ({ attributes: { mode: { string: "constant" } }, constants: [{ data: [...a.before, ...a.after] }] }),
  Gather: () => ({ attributes: { axis: { int: 0 } }, constants: [] }),
  GatherElements: (a) => ({ attributes: { axis: { int: a.axis } }, constants: [] }),
  ScatterElements: (a) => ({ attributes: { axis: { int: a.axis }, reduction: { string: "add" } }, constants: [] }),
  SimplifiedLayerNormalization: (a) => ({
    attributes: { axis: { int: -1 }, epsilon: { float: a.epsilon }, stash_type: { int: 1 } },
    constants: [],
  }),
  RotaryEmbedding: (a) => ({ attributes: { num_heads: { int: a.heads } }, constants: [] }),
};

function onnxForm<Op extends OperatorName>(node: Node<Op>): OnnxForm {
  return onnxForms[node.op]?.(node.attributes) ?? plain;
}

function encodeAttribute(writer: ProtobufWriter, name: string, value: OnnxAttribute): void {
  writer.string(1, name);
  if ("float" in value) {
    writer.float(2, value.float);
    writer.int(20, 1);
  } else if ("int" in value) {
    writer.int(3, value.int);
    writer.int(20, 2);
  } else if ("string" in value) {
    writer.string(4, value.string);
    writer.int(20, 3);
  } else {
    for (const x of value.ints) writer.int(8, x);
    writer.int(20, 7);
  }
}

function encodeTensor(writer: ProtobufWriter, { name, dtype, shape, data }: Constant): void {
  for (const dim of shape) writer.int(1, dim);
  writer.int(2, dataTypes[dtype]);
  writer.string(8, name);
  writer.bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

function encodeValueInfo(writer: ProtobufWriter, value: Value, anyShape: boolean): void {
  writer.string(1, value.name);
  writer.message(2, (type) =>
    type.message(1, (tensor) => {
      tensor.int(1, dataTypes[value.dtype]);
      if (anyShape) return;
      tensor.message(2, (shape) => {
        for (const dim of value.shape) shape.message(1, (d) => d.int(1, dim));
      });
    }),
  );
}

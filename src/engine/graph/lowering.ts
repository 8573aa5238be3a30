import type { Provider } from "../../protocol/device.ts";
import { GraphBuilder } from "./builder.ts";
import type { OperatorName } from "./operators.ts";
import { dimOf, type Graph, type Node, type Value } from "./types.ts";

/** A node that is to be said in other operators. */
export interface RewriteContext<Op extends OperatorName> {
  /** The new graph. */
  readonly g: GraphBuilder;
  readonly node: Node<Op>;
  /** Its inputs, in the new graph. */
  readonly inputs: readonly Value[];
  /** Whether an output of the node is read by anything. */
  readonly isRead: (output: number) => boolean;
}
/** Values that take the place of the node's outputs; null leaves the node as it is. */
type Rewrite<Op extends OperatorName> = (context: RewriteContext<Op>) => readonly Value[] | null;

/** How graphs have to be written for an execution provider of onnxruntime 1.30. */
export interface Target {
  /** Version of the standard operators that it is given. */
  readonly opset: number;
  /** Whether it has few kernels for int64: inputs of that type, which are indices, come as int32. */
  readonly narrowsIndices: boolean;
  /** Operators that it lacks, so that they would run on the CPU with copies to and fro, or that it computes wrongly. */
  readonly rewrites: { readonly [Op in OperatorName]?: Rewrite<Op> };
}

export const targets: Readonly<Record<Provider, Target>> = {
  cpu: { opset: 21, narrowsIndices: false, rewrites: {} },
  // Every operator has a kernel (onnxruntime's docs/OperatorKernels.md), but Identity and Pad not in later versions.
  cuda: { opset: 18, narrowsIndices: false, rewrites: {} },
  webgpu: {
    opset: 21,
    narrowsIndices: true,
    rewrites: {
      FusedMatMul: plainProduct,
      LogSoftmax: logSoftmaxOfPrimitives,
      SimplifiedLayerNormalization: rmsNormOfPrimitives,
    },
  },
};

/** The graph in operators that the target computes; the graph itself where there is nothing to rewrite. */
export function lower(graph: Graph, { rewrites, narrowsIndices }: Target): Graph {
  const isNarrowed = (input: Value): boolean => narrowsIndices && input.dtype === "int64";
  if (!graph.nodes.some(({ op }) => rewrites[op] !== undefined) && !graph.inputs.some(isNarrowed)) return graph;
  const g = new GraphBuilder(graph.name);
  const read = new Set(graph.nodes.flatMap(({ inputs }) => inputs.map(({ name }) => name)));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const made = new Map<string, Value>();
  const inNew = (value: Value): Value => {
    const known = made.get(value.name);
    if (known === undefined) throw new Error(`internal: ${value.name} is used before it is made`);
    return known;
  };
  for (const input of graph.inputs) {
    const { name, shape, dtype } = input;
    made.set(name, g.input(name, shape, isNarrowed(input) ? "int32" : dtype));
  }
  for (const { name, data, shape } of graph.constants) made.set(name, g.tensor(data, shape));
  for (const node of graph.nodes) {
    const inputs = node.inputs.map(inNew);
    const output = node.outputs.find(({ name }) => outputs.has(name));
    if (output !== undefined) {
      const [copied] = inputs;
      if (node.op !== "Identity" || copied === undefined) throw new Error("internal: an output is declared as a copy");
      g.output(output.name, copied);
      continue;
    }
    const isRead = (i: number): boolean => read.has(node.outputs[i]?.name ?? "");
    const values = rewrite(rewrites, { g, node, inputs, isRead }) ?? g.node(node.op, inputs, node.attributes);
    node.outputs.forEach(({ name }, i) => {
      const value = values[i];
      if (value !== undefined) made.set(name, value);
    });
  }
  return g;
}

function rewrite<Op extends OperatorName>(
  rewrites: Target["rewrites"],
  context: RewriteContext<Op>,
): readonly Value[] | null {
  const rule: Rewrite<Op> | undefined = rewrites[context.node.op];
  return rule?.(context) ?? null;
}

/** No kernel of its own: transposed and scaled beforehand. */
function plainProduct({ g, node, inputs }: RewriteContext<"FusedMatMul">): readonly Value[] {
  const { transA, transB, alpha } = node.attributes;
  const [a, b] = pair(inputs);
  const turned = (x: Value): Value => {
    const axes = x.shape.map((_, i) => i);
    return g.transpose(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
  };
  return [g.plainMatmul(g.scale(transA ? turned(a) : a, alpha), transB ? turned(b) : b)];
}

/** No kernel: z - log(sum(exp z)) with z = x - max x. */
function logSoftmaxOfPrimitives({ g, inputs }: RewriteContext<"LogSoftmax">): readonly Value[] {
  const [x] = inputs;
  if (x === undefined) throw new Error("internal: LogSoftmax without an input");
  const z = g.sub(x, g.reduceMax(x, [-1]));
  return [g.sub(z, g.log(g.reduceSum(g.exp(z), [-1])))];
}

/** Its second output, 1 / rms, is wrong without a word; where nobody reads it the kernel serves. */
function rmsNormOfPrimitives({ g, node, inputs, isRead }: RewriteContext<"SimplifiedLayerNormalization">) {
  if (!isRead(1)) return null;
  const [x, weight] = pair(inputs);
  const meanSquare = g.scale(g.reduceSum(g.mul(x, x), [-1]), 1 / dimOf(x.shape, -1));
  const inverseRms = g.div(g.constant(1), g.sqrt(g.add(meanSquare, g.constant(node.attributes.epsilon))));
  return [g.mul(g.mul(x, inverseRms), weight), inverseRms];
}

function pair(values: readonly Value[]): [Value, Value] {
  const [a, b] = values;
  if (a === undefined || b === undefined) throw new Error("internal: an operand is missing");
  return [a, b];
}

import type { Graph, Node, Value } from "./types.ts";

/**
 * A graph as text, one line a node, for reading and for golden tests:
 *
 *     graph square(x: float32[2]) {
 *       t0: float32[2] = Mul(x, x)
 *       return y
 *     }
 */
export function printGraph(graph: Graph): string {
  const lines = [
    `graph ${graph.name}(${graph.inputs.map(printType).join(", ")}) {`,
    ...graph.constants.map((c) => `  ${printType(c)} = ${printData(Array.from(c.data, Number))}`),
    ...graph.nodes.map((node) => `  ${printNode(node)}`),
    `  return ${graph.outputs.map((o) => o.name).join(", ")}`,
    "}",
  ];
  return lines.join("\n") + "\n";
}

function printType(value: Value): string {
  return `${value.name}: ${value.dtype}[${value.shape.join(",")}]`;
}

function printNode(node: Node): string {
  const attributes = Object.entries(node.attributes).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const suffix = attributes.length === 0 ? "" : ` {${attributes.join(" ")}}`;
  return `${node.outputs.map(printType).join(", ")} = ${node.op}(${node.inputs.map((v) => v.name).join(", ")})${suffix}`;
}

function printData(data: readonly number[]): string {
  const shown = data.slice(0, 8).map((x) => String(Number(x.toPrecision(6))));
  return `[${shown.join(", ")}${data.length > shown.length ? `, … ${data.length} in all` : ""}]`;
}

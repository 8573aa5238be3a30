import type { Graph } from "./types.ts";

/**
 * The graph without nodes that no output depends on, which onnxruntime would compute all the same. Inputs stay, used or not.
 */
export function withoutDeadNodes(graph: Graph): Graph {
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const live = [...graph.nodes].reverse().filter(({ inputs, outputs }) => {
    if (!outputs.some(({ name }) => needed.has(name))) return false;
    for (const { name } of inputs) needed.add(name);
    return true;
  });
  const { name, inputs, outputs } = graph;
  const constants = graph.constants.filter((constant) => needed.has(constant.name));
  return { name, inputs, constants, nodes: live.reverse(), outputs };
}

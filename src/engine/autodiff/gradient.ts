import type { GraphBuilder } from "../graph/builder.ts";
import type { OperatorName } from "../graph/operators.ts";
import type { Node, Value } from "../graph/types.ts";
import { gradientRules, noGradient } from "./rules.ts";

/**
 * Adds the reverse pass to a graph.
 * @param loss scalar
 * @param parameters values made by inputs or nodes
 * @returns one gradient a parameter, of its shape; zeros where the loss does not depend on it
 * @throws when an operator on the way has no rule
 */
export function addGradients(g: GraphBuilder, loss: Value, parameters: readonly Value[]): readonly Value[] {
  if (loss.shape.length !== 0) throw new Error(`internal: loss of shape [${loss.shape.join(",")}] is not a scalar`);
  return addVectorJacobian(g, [[loss, g.constant(1)]], parameters);
}

/**
 * The same from cotangents of several values: the gradient of the sum of their products with them.
 * @param seeds values of the graph, each with its cotangent of the same shape
 */
export function addVectorJacobian(
  g: GraphBuilder,
  seeds: readonly (readonly [value: Value, cotangent: Value])[],
  parameters: readonly Value[],
): readonly Value[] {
  const forward = [...g.nodes];
  const needed = valuesThatDependOn(forward, parameters);
  const cotangents = new Map(seeds.map(([value, cotangent]) => [value.name, cotangent]));

  for (const node of forward.reverse()) {
    if (!node.outputs.some((o) => needed.has(o.name) && cotangents.has(o.name))) continue;
    for (const [input, contribution] of inputCotangents(g, node, cotangents, needed)) {
      const known = cotangents.get(input.name);
      cotangents.set(input.name, known === undefined ? contribution : g.add(known, contribution));
    }
  }
  return parameters.map((p) => cotangents.get(p.name) ?? g.expand(g.constant(0), p.shape));
}

function valuesThatDependOn(nodes: readonly Node[], parameters: readonly Value[]): Set<string> {
  const names = new Set(parameters.map((p) => p.name));
  for (const node of nodes) {
    if (node.inputs.some((v) => names.has(v.name))) for (const o of node.outputs) names.add(o.name);
  }
  return names;
}

function inputCotangents<Op extends OperatorName>(
  g: GraphBuilder,
  node: Node<Op>,
  cotangents: ReadonlyMap<string, Value>,
  needed: ReadonlySet<string>,
): [Value, Value][] {
  const rule = gradientRules[node.op];
  if (rule === undefined) throw new Error(`internal: no gradient rule for operator ${node.op}`);
  const { inputs, outputs } = node;
  const cts = outputs.map((o) => cotangents.get(o.name));
  const ct = cts[0] ?? g.expand(g.constant(0), outputs[0]?.shape ?? []);
  const perInput = rule({ g, node, inputs, outputs, ct, cts });
  return inputs.flatMap((input, i): [Value, Value][] => {
    const contribution = perInput[i];
    if (contribution === undefined || contribution === noGradient || !needed.has(input.name)) return [];
    return [[input, contribution()]];
  });
}

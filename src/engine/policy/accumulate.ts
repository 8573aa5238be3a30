import { addGradients } from "../autodiff/gradient.ts";
import type { Graph, Value } from "../graph/types.ts";
import type { CompletionLogprobs } from "./completionLogprobs.ts";
import type { TrainableSpec } from "./optimizerGraph.ts";
import type { PolicyGraph } from "./policyGraph.ts";

/**
 * Ends an accumulate graph: `loss`, `logprobs` and `entropies`; gradients with respect to the weights, and to the prompt's
 * keys and values, added to the inputs `d_k.<layer>`, `d_v.<layer>` as `new_d_k.<layer>`, `new_d_v.<layer>`.
 */
export function finishAccumulate(
  p: PolicyGraph,
  loss: Value,
  { logprobs_N, entropies_N, prompt }: CompletionLogprobs,
  trainable: readonly TrainableSpec[],
): Graph {
  const { g } = p;
  g.output("loss", loss);
  g.output("logprobs", logprobs_N);
  g.output("entropies", entropies_N);
  const kv = prompt.flatMap(({ k, v }) => [k, v]);
  addGradientOutputs(p, trainable, (weights) => {
    const gradients = addGradients(g, loss, [...weights, ...kv]);
    kv.forEach((value, i) => {
      const name = value.name.replace("prompt_", "d_");
      g.output(`new_${name}`, g.add(g.input(name, value.shape), at(gradients, weights.length + i)));
    });
    return gradients;
  });
  return g;
}

/** Gradients of the weights that the graph has used, added to the inputs `grad.<name>`, as `new_grad.<name>`. */
export function addGradientOutputs(
  p: PolicyGraph,
  trainable: readonly TrainableSpec[],
  gradientsOf: (weights: readonly Value[]) => readonly Value[],
): void {
  const { g } = p;
  const used = trainable.filter(({ name }) => p.uses(name));
  const gradients = gradientsOf(used.map(({ name }) => p.weight(name)));
  used.forEach(({ name, shape }, i) => {
    g.output(`new_grad.${name}`, g.add(g.input(`grad.${name}`, shape), at(gradients, i)));
  });
}

function at(gradients: readonly Value[], i: number): Value {
  const gradient = gradients[i];
  if (gradient === undefined) throw new Error("internal: gradient missing");
  return gradient;
}

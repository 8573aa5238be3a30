import { addGradients } from "../autodiff/gradient.ts";
import type { Graph, Value } from "../graph/types.ts";
import type { TrainableSpec } from "./optimizerGraph.ts";
import type { PolicyGraph } from "./policyGraph.ts";

/** Ends an accumulate graph: `loss`, `logprobs` and `entropies`, and the gradients. */
export function finishAccumulate(
  p: PolicyGraph,
  loss: Value,
  logprobs_N: Value,
  entropies_N: Value,
  trainable: readonly TrainableSpec[],
): Graph {
  const { g } = p;
  g.output("loss", loss);
  g.output("logprobs", logprobs_N);
  g.output("entropies", entropies_N);
  addGradientOutputs(p, loss, trainable);
  return g;
}

/** Gradients of the loss, added to the inputs `grad.<name>`, as `new_grad.<name>`. */
export function addGradientOutputs(p: PolicyGraph, loss: Value, trainable: readonly TrainableSpec[]): void {
  const { g } = p;
  const gradients = addGradients(
    g,
    loss,
    trainable.map(({ name }) => p.weight(name)),
  );
  trainable.forEach(({ name, shape }, i) => {
    const gradient = gradients[i];
    if (gradient === undefined) throw new Error("internal: gradient missing");
    g.output(`new_grad.${name}`, g.add(g.input(`grad.${name}`, shape), gradient));
  });
}

import type { Value } from "../graph/types.ts";
import type { TrainableSpec } from "./optimizerGraph.ts";
import type { PolicyGraph } from "./policyGraph.ts";

/** A gradient that a graph puts out. */
export interface GradientOutput {
  readonly of: Value;
  readonly name: string;
  /** Whether it is added to an input of that name, and put out as `new_<name>`, which may be the same buffer. */
  readonly isAdded: boolean;
}

/** Gradients of the weights that the graph has used, added to the inputs `grad.<name>`. */
export function weightGradients(p: PolicyGraph, trainable: readonly TrainableSpec[]): readonly GradientOutput[] {
  return trainable
    .filter(({ name }) => p.uses(name))
    .map(({ name }) => ({ of: p.weight(name), name: `grad.${name}`, isAdded: true }));
}

/** Gradient of what another graph has computed and this one takes in: `d_<name>`. */
export function receivedGradient(of: Value): GradientOutput {
  return { of, name: `d_${of.name}`, isAdded: false };
}

/** Ends a graph with gradients. */
export function addGradientOutputs(
  { g }: PolicyGraph,
  outputs: readonly GradientOutput[],
  gradientsOf: (values: readonly Value[]) => readonly Value[],
): void {
  const gradients = gradientsOf(outputs.map(({ of }) => of));
  outputs.forEach(({ of, name, isAdded }, i) => {
    const gradient = gradients[i];
    if (gradient === undefined) throw new Error("internal: gradient missing");
    if (isAdded) g.output(`new_${name}`, g.add(g.input(name, of.shape), gradient));
    else g.output(name, gradient);
  });
}

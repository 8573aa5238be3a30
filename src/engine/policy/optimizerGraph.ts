import { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Shape, Value } from "../graph/types.ts";

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly maxGradNorm: number;
}

export interface TrainableSpec {
  readonly name: string;
  readonly shape: Shape;
}

/**
 * Global-norm clipping (torch.nn.utils.clip_grad_norm_) and AdamW (torch.optim.AdamW) for all trainable tensors.
 * Inputs per tensor: its name, `grad.<name>`, `m.<name>`, `v.<name>`; scalars `step_size` = lr / (1 - beta1^t),
 * `inverse_correction` = 1 / sqrt(1 - beta2^t), `keep` = 1 - lr * weightDecay (matrices only, as transformers' Trainer).
 * Outputs `new.<name>`, `new_m.<name>`, `new_v.<name>`, `grad_norm`. Every update waits for the norm, which reads every
 * gradient; each state is read once, so outputs may be written over their inputs.
 */
export function buildAdamW(trainable: readonly TrainableSpec[], options: AdamWOptions): Graph {
  const g = new GraphBuilder("adamw");
  const scalar = (name: string): Value => g.input(name, []);
  const [stepSize, inverseCorrection, keep] = [scalar("step_size"), scalar("inverse_correction"), scalar("keep")];
  const gradients = gradientInputs(g, trainable);
  const norm = globalNorm(g, gradients);
  g.output("grad_norm", norm);
  const limit = g.div(g.constant(options.maxGradNorm), g.add(norm, g.constant(1e-6)));
  const clip = g.min(limit, g.constant(1));
  trainable.forEach(({ name, shape }, i) => {
    const gradient = gradients[i];
    if (gradient === undefined) throw new Error("internal: gradient missing");
    const clipped = g.mul(gradient, clip);
    const [weight, m, v] = [g.input(name, shape), g.input(`m.${name}`, shape), g.input(`v.${name}`, shape)];
    const newM = g.add(g.scale(m, options.beta1), g.scale(clipped, 1 - options.beta1));
    const newV = g.add(g.scale(v, options.beta2), g.scale(g.mul(clipped, clipped), 1 - options.beta2));
    const denominator = g.add(g.mul(g.sqrt(newV), inverseCorrection), g.constant(options.epsilon));
    const kept = shape.length >= 2 ? g.mul(weight, keep) : weight;
    g.output(`new.${name}`, g.sub(kept, g.div(g.mul(newM, stepSize), denominator)));
    g.output(`new_m.${name}`, newM);
    g.output(`new_v.${name}`, newV);
  });
  return g;
}

/** Output `grad_norm` alone, for gradients that are not in this process. */
export function buildGradientNorm(trainable: readonly TrainableSpec[]): Graph {
  const g = new GraphBuilder("gradient_norm");
  g.output("grad_norm", globalNorm(g, gradientInputs(g, trainable)));
  return g;
}

function gradientInputs(g: GraphBuilder, trainable: readonly TrainableSpec[]): readonly Value[] {
  return trainable.map(({ name, shape }) => g.input(`grad.${name}`, shape));
}

/** Square root of the sum of all squares. */
function globalNorm(g: GraphBuilder, gradients: readonly Value[]): Value {
  const squares = gradients.map((gradient) => g.sumSquares(gradient));
  return g.sqrt(squares.reduce((a, b) => g.add(a, b)));
}

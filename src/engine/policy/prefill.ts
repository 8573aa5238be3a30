import type { Graph, Value } from "../graph/types.ts";
import { addVectorJacobian } from "../autodiff/gradient.ts";
import { addGradientOutputs } from "./accumulate.ts";
import { addPrompt, addPromptEmbedding } from "./decoder.ts";
import { PolicyGraph } from "./policyGraph.ts";
import type { PolicyConfig } from "./config.ts";
import type { LoraConfig } from "./lora.ts";
import type { TrainableSpec } from "./optimizerGraph.ts";
import type { Grid } from "./ropeIndex.ts";
import { addVisionTower, visualWidth } from "./visionTower.ts";

/** The vision tower alone: output `visual` [visualTokens, visualWidth]. */
export function buildVision(config: PolicyConfig, grid: Grid): Graph {
  const p = new PolicyGraph("vision", config, null);
  p.g.output("visual", addVisionTower(p, [grid]));
  return p.g;
}

/**
 * The prompt's keys and values, from visual embeddings given as input `visual`.
 * Outputs per layer `k`, `v` [kvHeads, P, headDim].
 */
export function buildPrefill(
  config: PolicyConfig,
  lora: LoraConfig | null,
  length: number,
  visualTokens: number,
): Graph {
  const p = new PolicyGraph("prefill", config, lora);
  const caches = addPrompt(p, addPromptEmbedding(p, length, addVisualInput(p, visualTokens)));
  caches.forEach(({ k, v }, layer) => {
    p.g.output(`k.${layer}`, k);
    p.g.output(`v.${layer}`, v);
  });
  return p.g;
}

/** Static sizes of a prompt whose gradients are wanted. */
export interface PromptShape {
  readonly length: number;
  readonly visualTokens: number;
  /** Patch grids when the vision tower is trained, and so part of the graph; null when `visual` is an input. */
  readonly visionGrids: readonly Grid[] | null;
}

/**
 * The prompt's share of a group's gradients, once the completions have told theirs with respect to its keys and values
 * (inputs `d_k.<layer>`, `d_v.<layer>`): the forward pass again, then the backward pass. So a group costs one prompt,
 * however many micro-batches its completions are split into, and the two are never in memory together.
 * Outputs `new_grad.<name>` for what the prompt depends on.
 */
export function buildPromptBackward(
  config: PolicyConfig,
  lora: LoraConfig | null,
  shape: PromptShape,
  trainable: readonly TrainableSpec[],
): Graph {
  const p = new PolicyGraph("prompt_backward", config, lora);
  const { g } = p;
  const { length, visualTokens, visionGrids } = shape;
  const isTrained = visionGrids !== null && visionGrids.length > 0;
  const visual = isTrained ? addVisionTower(p, visionGrids) : addVisualInput(p, visualTokens);
  const caches = addPrompt(p, addPromptEmbedding(p, length, visual));
  const seeds = caches.flatMap(({ k, v }, layer): [Value, Value][] => [
    [k, g.input(`d_k.${layer}`, k.shape)],
    [v, g.input(`d_v.${layer}`, v.shape)],
  ]);
  addGradientOutputs(p, trainable, (weights) => addVectorJacobian(g, seeds, weights));
  return g;
}

/** Embeddings of what a prompt shows, as input `visual`; a graph has no empty inputs. */
function addVisualInput(p: PolicyGraph, visualTokens: number): Value | null {
  return visualTokens === 0 ? null : p.g.input("visual", [visualTokens, visualWidth(p.config.vision)]);
}

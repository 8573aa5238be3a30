import { withoutDeadNodes } from "../graph/prune.ts";
import type { Graph, Value } from "../graph/types.ts";
import { addVectorJacobian } from "../autodiff/gradient.ts";
import { addPromptEmbedding, addPromptLayers, type LayerCache, type PromptEmbedding } from "./decoder.ts";
import { addGradientOutputs, receivedGradient, weightGradients } from "./gradientOutputs.ts";
import { PolicyGraph } from "./policyGraph.ts";
import type { PolicyConfig } from "./config.ts";
import type { LoraConfig } from "./lora.ts";
import type { TrainableSpec } from "./optimizerGraph.ts";
import type { Grid } from "./ropeIndex.ts";
import type { Segment } from "./segments.ts";
import { addVisionTower, visualWidth } from "./visionTower.ts";

/** The vision tower alone: output `visual` [visualTokens, visualWidth]. */
export function buildVision(config: PolicyConfig, grid: Grid): Graph {
  const p = new PolicyGraph("vision", config, null);
  p.g.output("visual", addVisionTower(p, [grid]));
  return p.g;
}

/** What a prompt is made of. */
export interface PromptShape {
  /** P, padded. */
  readonly length: number;
  readonly visualTokens: number;
  /** Patch grids when the vision tower is part of the graph, as where it is trained; null when `visual` is an input. */
  readonly visionGrids: readonly Grid[] | null;
  /** Tokens that stand before these, whose keys and values are inputs; none when it is not said. */
  readonly before?: number;
}

/** A part of the prompt's way through the policy that is one graph. */
export interface PromptPart {
  /** Number in the policy of its first layer; no part of the graph. */
  readonly first: number;
  readonly length: number;
  readonly before: number;
  /** Of the part that begins with tokens; null for those that go on from hidden states. */
  readonly embedding: Pick<PromptShape, "visualTokens" | "visionGrids"> | null;
  readonly layers: number;
  /** How many features are added to hidden states (deepstack), one a layer: in this part, or after an embedding alone. */
  readonly features: number;
  /** Whether the decoder ends here. */
  readonly isLast: boolean;
}

/** All in one graph, or, of several segments, the embedding in one (with the vision tower, if it is trained) and each segment in its own. */
export function promptParts(
  { text, vision }: PolicyConfig,
  { length, before = 0, ...embedding }: PromptShape,
  segments: readonly Segment[],
): readonly PromptPart[] {
  // Nobody reads what the last layer puts out, features included.
  const features = embedding.visualTokens === 0 ? 0 : Math.min(vision.deepstackBlocks.length, text.layers - 1);
  const whole = { first: 0, length, before, embedding };
  if (segments.length === 1) return [{ ...whole, layers: text.layers, features, isLast: true }];
  return [
    { ...whole, layers: 0, features, isLast: false },
    ...segments.map(({ first, count }) => ({
      ...{ first, length, before, embedding: null, layers: count },
      features: Math.max(0, Math.min(features - first, count)),
      isLast: first + count === text.layers,
    })),
  ];
}

/** Parts of one key have one graph. */
export function promptPartKey({ length, before, embedding, layers, features, isLast }: PromptPart): string {
  const grids = embedding?.visionGrids?.map(({ t, h, w }) => `${t}x${h}x${w}`) ?? [];
  const begin = embedding === null ? "hidden" : ["ids", embedding.visualTokens, ...grids].join("/");
  return `${before === 0 ? "" : `${before}+`}${length}/${begin}/${layers}/${features}/${isLast ? "last" : "inner"}`;
}

/**
 * *Prefill* of a part. Inputs are those of `addPromptEmbedding` and `visual` for the part that begins with tokens, else
 * `hidden` and `feature.<layer>` [P, hidden]; and `before_k.<layer>`, `before_v.<layer>` [kvHeads, B, headDim] of what stands
 * before. Outputs: `k.<layer>`, `v.<layer>` [kvHeads, P, headDim] of its layers, and
 * `next_hidden`, `next_feature.<layer>` for the parts that follow.
 */
export function buildPromptForward(config: PolicyConfig, lora: LoraConfig | null, part: PromptPart): Graph {
  const p = new PolicyGraph("prompt_forward", config, lora);
  const { caches, handedOn } = addPart(p, part);
  caches.forEach(({ k, v }, layer) => {
    p.g.output(`k.${layer}`, k);
    p.g.output(`v.${layer}`, v);
  });
  for (const { name, value } of handedOn) p.g.output(`next_${name}`, value);
  return p.g;
}

/**
 * A part's share of a group's gradients, once the completions have told theirs with respect to the prompt's keys and values
 * (inputs `d_k.<layer>`, `d_v.<layer>`) and later parts theirs with respect to what they were handed (`d_next_hidden`,
 * `d_next_feature.<layer>`): the forward pass again, then the backward pass. So a group costs one prompt, however many
 * micro-batches its completions are split into, and the two are never in memory together.
 * Outputs `d_hidden`, `d_feature.<layer>` for the part before, and `new_grad.<name>` for what this one depends on.
 */
export function buildPromptBackward(
  config: PolicyConfig,
  lora: LoraConfig | null,
  part: PromptPart,
  trainable: readonly TrainableSpec[],
): Graph {
  const p = new PolicyGraph("prompt_backward", config, lora);
  const { g } = p;
  const { received, caches, handedOn } = addPart(p, part);
  const seeds = [
    ...handedOn.map(({ name, value }): [Value, Value] => [value, g.input(`d_next_${name}`, value.shape)]),
    ...caches.flatMap(({ k, v }, layer): [Value, Value][] => [
      [k, g.input(`d_k.${layer}`, k.shape)],
      [v, g.input(`d_v.${layer}`, v.shape)],
    ]),
  ];
  const outputs = [...weightGradients(p, trainable), ...received.map(receivedGradient)];
  addGradientOutputs(p, outputs, (values) => addVectorJacobian(g, seeds, values));
  return withoutDeadNodes(g); // what a part hands on has been computed already
}

interface AddedPart {
  /** Inputs that the part before has computed. */
  readonly received: readonly Value[];
  readonly caches: readonly LayerCache[];
  /** What the parts after take in. */
  readonly handedOn: readonly { readonly name: string; readonly value: Value }[];
}

function addPart(p: PolicyGraph, part: PromptPart): AddedPart {
  const { length, embedding, layers, features, isLast } = part;
  const shape = [length, p.config.text.hiddenSize];
  const received: Value[] = [];
  const receive = (name: string): Value => {
    const value = p.g.input(name, shape);
    received.push(value);
    return value;
  };
  const embedded: PromptEmbedding =
    embedding === null
      ? {
          embeddings: receive("hidden"),
          deepstack: Array.from({ length: features }, (_, layer) => receive(`feature.${layer}`)),
        }
      : addPromptEmbedding(p, length, addVisual(p, embedding));
  const before = addBefore(p, part);
  const { caches, hidden } = addPromptLayers(p, embedded, { layers, isLast, before });
  const later = isLast ? [] : embedded.deepstack.slice(layers, features);
  const handedOn = [
    ...(isLast ? [] : [{ name: "hidden", value: hidden }]),
    ...later.map((value, layer) => ({ name: `feature.${layer}`, value })),
  ];
  return { received, caches, handedOn };
}

function addBefore(p: PolicyGraph, { before, layers }: PromptPart): LayerCache[] {
  const { kvHeads, headDim } = p.config.text;
  const input = (name: string): Value => p.g.input(name, [kvHeads, before, headDim]);
  return Array.from({ length: before === 0 ? 0 : layers }, (_, layer) => ({
    k: input(`before_k.${layer}`),
    v: input(`before_v.${layer}`),
  }));
}

/** Embeddings of what a prompt shows; null when it shows nothing, for a graph has no empty inputs. */
function addVisual(p: PolicyGraph, { visualTokens, visionGrids }: NonNullable<PromptPart["embedding"]>): Value | null {
  if (visualTokens === 0) return null;
  if (visionGrids !== null) return addVisionTower(p, visionGrids);
  return p.g.input("visual", [visualTokens, visualWidth(p.config.vision)]);
}

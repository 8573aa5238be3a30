import type { Resident } from "../runtime/device.ts";
import type { GraphCache } from "../runtime/graphCache.ts";
import type { CompiledGraph, Feeds } from "../runtime/session.ts";
import type { ActivationLimits } from "./activations.ts";
import { weightOf, type Checkpoint, type Weights } from "./checkpoint.ts";
import { concatenated } from "./concatenated.ts";
import type { PolicyConfig } from "./config.ts";
import { adapterSpecs, type LoraConfig } from "./lora.ts";
import { parameterSpecs } from "./parameters.ts";
import { buildVision } from "./promptGraphs.ts";
import { nameInPolicy } from "./segments.ts";
import type { TrainableSpec } from "./optimizerGraph.ts";
import { visualTokenCount } from "./patches.ts";
import type { PolicyTokenizer } from "./tokenizer.ts";
import { visionFeeds, visualWidth } from "./visionTower.ts";
import type { VisualStore } from "./visualStore.ts";
import { framesOf, visualKey, type PreparedVisual } from "./visuals.ts";

/** The weights that a run holds: the policy's, its adapters', and for full training a copy that stays the reference. */
export interface Policy {
  readonly checkpoint: Checkpoint;
  readonly config: PolicyConfig;
  readonly tokenizer: PolicyTokenizer;
  readonly lora: LoraConfig | null;
  readonly adapters: Weights;
  /** Weights of the reference policy; with LoRA the base itself. */
  readonly reference: Weights | null;
  readonly freezeVision: boolean;
  readonly graphs: GraphCache;
  /** What training graphs may hold, and so how prompts, groups and the decoder are cut. */
  readonly limits: ActivationLimits;
  /** Visual embeddings of clips seen before, while the vision tower does not change; by frame set. */
  readonly visualCache: Map<string, Float32Array>;
  /** The same on disk, while the vision tower is that of the checkpoint; null keeps none. */
  readonly visualStore: VisualStore | null;
}

/** Tensors that training changes. */
export function trainableSpecs(policy: Pick<Policy, "config" | "lora" | "freezeVision">): readonly TrainableSpec[] {
  if (policy.lora !== null) return adapterSpecs(policy.config, policy.lora);
  return parameterSpecs(policy.config).filter((spec) => !(policy.freezeVision && spec.part === "vision"));
}

export function isVisionFixed(policy: Pick<Policy, "lora" | "freezeVision">): boolean {
  return policy.lora !== null || policy.freezeVision;
}

/** Data of a weight by name, adapters included. */
export function tensorOf(policy: Policy, name: string): Float32Array {
  return policy.adapters.get(name) ?? weightOf(policy.checkpoint.weights, name);
}

/**
 * Feeds for those inputs of a graph that are weights, of the policy or of its reference.
 * @param firstLayer number in the policy of the graph's first layer
 */
export function weightFeeds(
  policy: Policy,
  graph: CompiledGraph,
  which: "policy" | "reference" = "policy",
  firstLayer = 0,
): Feeds {
  const feeds: Record<string, Resident> = {};
  const base = which === "reference" && policy.reference !== null ? policy.reference : policy.checkpoint.weights;
  for (const name of graph.inputNames) {
    const known = nameInPolicy(name, firstLayer);
    const data = policy.adapters.get(known) ?? base.get(known);
    if (data !== undefined) feeds[name] = policy.graphs.device.resident(data);
    else if (name === "adapter_scale") feeds[name] = Float32Array.of(which === "reference" ? 0 : 1);
  }
  return feeds;
}

/** Embeddings of the visuals of a prompt, one after the other: [visualTokens, visualWidth]. */
export async function promptVisuals(
  policy: Policy,
  visuals: readonly PreparedVisual[],
  which: "policy" | "reference" = "policy",
): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (const visual of visuals) parts.push(await visualEmbedding(policy, visual, which));
  return concatenated(parts);
}

/** Embedding of a visual, [visualTokens, visualWidth]; computed once while the vision tower is fixed. */
export async function visualEmbedding(
  policy: Policy,
  { visual: shown, grid }: PreparedVisual,
  which: "policy" | "reference" = "policy",
): Promise<Float32Array> {
  const isFixed = isVisionFixed(policy) || which === "reference";
  const key = `${isVisionFixed(policy) ? "fixed" : which}/${visualKey(shown)}`;
  const known = isFixed ? policy.visualCache.get(key) : undefined;
  if (known !== undefined) {
    keepVisual(policy.visualCache, key, known);
    return known;
  }
  const size = visualTokenCount(grid, policy.config.vision) * visualWidth(policy.config.vision);
  const stored = isVisionFixed(policy) ? policy.visualStore : null;
  const before = await stored?.read(key, size);
  if (before !== undefined && before !== null) {
    keepVisual(policy.visualCache, key, before);
    return before;
  }
  const graph = await policy.graphs.get(`vision/${grid.t}x${grid.h}x${grid.w}`, () => buildVision(policy.config, grid));
  const pixels = visionFeeds([{ grid, pixels_FHWC: framesOf(shown, policy.config) }], policy.config.vision);
  const { visual } = await graph.run({ ...weightFeeds(policy, graph, which), ...pixels });
  if (!(visual instanceof Float32Array)) throw new Error("internal: visual embedding missing");
  if (isFixed) keepVisual(policy.visualCache, key, visual);
  await stored?.write(key, visual);
  return visual;
}

/** Puts an embedding last in order of use, and lets the first go until all are within `maxBytes`. */
export function keepVisual(cache: Policy["visualCache"], key: string, visual: Float32Array, maxBytes = 512e6): void {
  cache.delete(key);
  cache.set(key, visual);
  let bytes = 0;
  for (const { byteLength } of cache.values()) bytes += byteLength;
  for (const [oldest, { byteLength }] of cache) {
    if (bytes <= maxBytes) return;
    cache.delete(oldest);
    bytes -= byteLength;
  }
}

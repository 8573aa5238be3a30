import type { Resident } from "../runtime/device.ts";
import type { Feeds } from "../runtime/session.ts";
import { promptSegments } from "./activations.ts";
import type { PolicyConfig } from "./config.ts";
import { floatsOf, numberedFloats } from "./outputs.ts";
import { promptVisuals, weightFeeds, type Policy } from "./policy.ts";
import { buildPromptForward, promptPartKey, promptParts, type PromptPart } from "./promptGraphs.ts";
import type { PreparedPrompt } from "./preparedPrompt.ts";
import type { Grid } from "./ropeIndex.ts";

/** Keys and values of a prompt's prefix, by layer, each [kvHeads, paddedLength, headDim], as graphs take them. */
export interface KvFeeds {
  readonly keys_L: readonly Resident[];
  readonly values_L: readonly Resident[];
}

/** The same as arrays. Sampling and the loss share them: they hold for as long as the weights do. */
export interface PromptKv extends KvFeeds {
  readonly keys_L: readonly Float32Array[];
  readonly values_L: readonly Float32Array[];
  /** Where they were asked for: the backward pass begins its parts from them, and else computes them again. */
  readonly handedOn?: HandedOn;
}

/** What the parts of a prompt have handed on to the next, each [paddedLength, hidden]; nothing when one graph holds them all. */
export interface HandedOn {
  /** Hidden states before each part but the first. */
  readonly hidden_S: readonly Float32Array[];
  /** Features to be added after the first layers (deepstack). */
  readonly features: readonly Float32Array[];
}

export interface PrefillOptions {
  readonly which?: "policy" | "reference";
  /** For a prompt that will be trained on. */
  readonly keepsHandedOn?: boolean;
}

/** *Prefill*: one pass of the prompt, whatever the size of its group. */
export async function computePromptKv(
  policy: Policy,
  prompt: PreparedPrompt,
  options: PrefillOptions = {},
): Promise<PromptKv> {
  const visual = await promptVisuals(policy, prompt.visuals, options.which);
  const parts = partsOfPrompt(policy, prompt, null);
  return prefill(policy, parts, { ...prompt.feeds, visual }, options);
}

/**
 * Keys and values of the tokens of the parts.
 * @param feeds of all parts; each takes in what its graph asks for
 * @param before of the tokens that stand before these, where there are any
 */
export async function prefill(
  policy: Policy,
  parts: readonly PromptPart[],
  feeds: Feeds,
  { which = "policy", keepsHandedOn = false }: PrefillOptions = {},
  before: PromptKv | null = null,
): Promise<PromptKv> {
  const keys_L: Float32Array[] = [];
  const values_L: Float32Array[] = [];
  const hidden_S: Float32Array[] = [];
  const features: Float32Array[] = [];
  let hidden: Float32Array | undefined;
  for (const part of parts) {
    const graph = await policy.graphs.get(`prompt_forward/${promptPartKey(part)}`, () =>
      buildPromptForward(policy.config, policy.lora, part),
    );
    const received: Feeds = {
      ...(hidden === undefined ? {} : { hidden, ...featureFeeds(part, features) }),
      ...(before === null ? {} : promptKvFeeds("before_", before, part.first, part.layers)),
    };
    const outputs = await graph.run({ ...weightFeeds(policy, graph, which, part.first), ...feeds, ...received });
    keys_L.push(...numberedFloats(outputs, "k", part.layers));
    values_L.push(...numberedFloats(outputs, "v", part.layers));
    if (part.isLast) break;
    if (part.embedding !== null) features.push(...numberedFloats(outputs, "next_feature", part.features));
    hidden = floatsOf(outputs, "next_hidden");
    if (keepsHandedOn) hidden_S.push(hidden);
  }
  return { keys_L, values_L, ...(keepsHandedOn ? { handedOn: { hidden_S, features } } : {}) };
}

/** @param visionGrids those of the prompt where the vision tower is to be part of the graphs, else null */
export function partsOfPrompt(
  { config, limits }: Policy,
  { paddedLength: length, visualTokens }: PreparedPrompt,
  visionGrids: readonly Grid[] | null,
): readonly PromptPart[] {
  return promptParts(config, { length, visualTokens, visionGrids }, promptSegments(config, length, limits));
}

/** The features that a part takes in, of those of all layers. */
export function featureFeeds(part: PromptPart, features: readonly Float32Array[]): Feeds {
  const own = features.slice(part.first, part.first + part.features);
  return Object.fromEntries(own.map((data, layer) => [`feature.${layer}`, data]));
}

/** Zeros of the same sizes: where gradients with respect to keys and values add up. */
export function zeroPromptKv({ text }: PolicyConfig, prompt: PreparedPrompt): PromptKv {
  const size = text.kvHeads * prompt.paddedLength * text.headDim;
  const zeros = (): Float32Array[] => Array.from({ length: text.layers }, () => new Float32Array(size));
  return { keys_L: zeros(), values_L: zeros() };
}

/**
 * Lends keys and values to graphs that read them several times, or add to them: on a device with memory of its own they stay
 * there until `use` is done. What graphs have written to them there is lost then.
 */
export async function withResidentKv<T>(
  { graphs: { device } }: Pick<Policy, "graphs">,
  { keys_L, values_L }: PromptKv,
  use: (kv: KvFeeds) => Promise<T>,
): Promise<T> {
  const resident = (array: Float32Array): Resident => device.resident(array);
  try {
    return await use({ keys_L: keys_L.map(resident), values_L: values_L.map(resident) });
  } finally {
    for (const array of [...keys_L, ...values_L]) device.release(array);
  }
}

/**
 * Inputs or outputs `<prefix>k.<layer>`, `<prefix>v.<layer>`, numbered from 0.
 * @param first layer of the graph that they are for, which has `count` of them
 */
export function promptKvFeeds(
  prefix: string,
  { keys_L, values_L }: KvFeeds,
  first = 0,
  count: number = keys_L.length,
): Feeds {
  const entries = (kind: string, data_L: readonly Resident[]): [string, Resident][] =>
    data_L.slice(first, first + count).map((data, layer) => [`${prefix}${kind}.${layer}`, data]);
  return Object.fromEntries([...entries("k", keys_L), ...entries("v", values_L)]);
}

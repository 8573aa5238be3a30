import type { Feeds } from "../runtime/session.ts";
import { floatsOf } from "./outputs.ts";
import { isVisionFixed, promptVisuals, weightFeeds, type Policy } from "./policy.ts";
import type { PreparedPrompt } from "./preparedPrompt.ts";
import { buildPromptBackward, promptPartKey } from "./promptGraphs.ts";
import {
  computePromptKv,
  featureFeeds,
  partsOfPrompt,
  promptKvFeeds,
  withResidentKv,
  zeroPromptKv,
  type HandedOn,
  type KvFeeds,
  type PromptKv,
} from "./promptKv.ts";
import { gradientBuffers, type OptimizerState } from "./trainer.ts";
import { visionFeeds, type GridFrames } from "./visionTower.ts";
import { framesOf } from "./visuals.ts";

/**
 * Adds the gradients of what is computed with one prompt: first those of its completions, then its own share, once.
 * @param known the prompt's keys and values under the present weights, where they are
 * @param completions adds theirs, those with respect to the prompt's keys and values to `promptGradient`
 */
export async function accumulateAroundPrompt<T>(
  policy: Policy,
  optimizer: OptimizerState,
  prompt: PreparedPrompt,
  known: PromptKv | undefined,
  completions: (kv: KvFeeds, promptGradient: KvFeeds) => Promise<T>,
): Promise<T> {
  const computed = known ?? (await computePromptKv(policy, prompt, { keepsHandedOn: true }));
  return withResidentKv(policy, zeroPromptKv(policy.config, prompt), async (promptGradient) => {
    const done = await withResidentKv(policy, computed, (kv) => completions(kv, promptGradient));
    await accumulatePrompt(policy, optimizer, prompt, computed, promptGradient);
    return done;
  });
}

/**
 * Adds the prompt's share to the gradients: what the completions' loss owes to its keys and values. Its parts are taken from
 * the last to the first, each handing the gradient of what it took in to the one before.
 * @param kv of the prompt under the present weights
 * @param gradient with respect to them
 */
async function accumulatePrompt(
  policy: Policy,
  optimizer: OptimizerState,
  prompt: PreparedPrompt,
  kv: PromptKv,
  gradient: KvFeeds,
): Promise<void> {
  const visionGrids = isVisionFixed(policy) ? null : prompt.visuals.map(({ grid }) => grid);
  const parts = partsOfPrompt(policy, prompt, visionGrids);
  const { hidden_S, features } = parts.length === 1 ? nothing : await handedOn(policy, prompt, kv);
  const dFeatures: Record<string, Float32Array> = {};
  let dHidden: Feeds = {};
  for (const [i, part] of [...parts.entries()].reverse()) {
    // Adapters sit in layers: an embedding alone has nothing to learn.
    if (part.layers === 0 && policy.lora !== null) break;
    const graph = await policy.graphs.get(`prompt_backward/${promptPartKey(part)}`, () =>
      buildPromptBackward(policy.config, policy.lora, part, optimizer.trainable),
    );
    const hidden = hidden_S[i - 1];
    const received = hidden === undefined ? await shown(policy, prompt) : { hidden, ...featureFeeds(part, features) };
    const buffers = gradientBuffers(optimizer, graph, part.first);
    const feeds = { ...weightFeeds(policy, graph, "policy", part.first), ...prompt.feeds, ...received };
    const seeds = { ...promptKvFeeds("d_", gradient, part.first, part.layers), ...dHidden, ...dFeatures };
    const outputs = await graph.run({ ...feeds, ...seeds, ...buffers.feeds }, buffers.into);
    if (hidden === undefined) break;
    dHidden = { d_next_hidden: floatsOf(outputs, "d_hidden") };
    for (let layer = 0; layer < part.features; layer++)
      dFeatures[`d_next_feature.${part.first + layer}`] = floatsOf(outputs, `d_feature.${layer}`);
  }
}

const nothing: HandedOn = { hidden_S: [], features: [] };

async function handedOn(policy: Policy, prompt: PreparedPrompt, kv: PromptKv): Promise<HandedOn> {
  if (kv.handedOn !== undefined) return kv.handedOn;
  return (await computePromptKv(policy, prompt, { keepsHandedOn: true })).handedOn ?? nothing;
}

/** What the prompt shows: embeddings while the vision tower stands still, else its patches. */
async function shown(policy: Policy, { visuals }: PreparedPrompt): Promise<Feeds> {
  if (isVisionFixed(policy)) return { visual: await promptVisuals(policy, visuals) };
  const frames = visuals.map(({ visual, grid }): GridFrames => ({
    grid,
    pixels_FHWC: framesOf(visual, policy.config),
  }));
  return visionFeeds(frames, policy.config.vision);
}

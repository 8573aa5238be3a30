import { promptSegments } from "./activations.ts";
import { promptVisuals, type Policy } from "./policy.ts";
import type { PreparedPrompt } from "./preparedPrompt.ts";
import { promptParts, type PromptPart } from "./promptGraphs.ts";
import { prefill, type PromptKv } from "./promptKv.ts";
import { isVisualToken } from "./ropeIndex.ts";
import { visualKey } from "./visuals.ts";

/** Keys and values of what was shown last, for the next question on it. They hold for as long as the weights do. */
export interface ShownKv {
  last: { readonly key: string; readonly kv: PromptKv } | null;
}

/**
 * *Prefill* in two parts: up to the end of what the prompt shows, which several questions on one clip have in common, and the
 * text after it. The first is computed once for questions that follow each other. It is two parts for a single question too,
 * so that an answer does not depend, by rounding, on the questions before it.
 * @returns as computePromptKv, to within rounding
 */
export async function computeKvAfterShown(policy: Policy, prompt: PreparedPrompt, shown: ShownKv): Promise<PromptKv> {
  const { paddedLength } = prompt;
  const length = shownLength(prompt);
  const key = shownKey(policy, prompt, length);
  if (shown.last?.key !== key) shown.last = { key, kv: await computeShown(policy, prompt, length) };
  const { kv } = shown.last;
  const parts = partsOf(policy, { length: paddedLength - length, visualTokens: 0, before: length });
  const rest = await prefill(policy, parts, feedsOf(policy, prompt, length, paddedLength), {}, kv);
  const joined = (a_L: readonly Float32Array[], b_L: readonly Float32Array[]): Float32Array[] =>
    a_L.map((a, layer) => joinTokens(policy, a, b_L[layer] ?? new Float32Array(0)));
  return { keys_L: joined(kv.keys_L, rest.keys_L), values_L: joined(kv.values_L, rest.values_L) };
}

async function computeShown(policy: Policy, prompt: PreparedPrompt, length: number): Promise<PromptKv> {
  const visual = await promptVisuals(policy, prompt.visuals);
  const parts = partsOf(policy, { length, visualTokens: prompt.visualTokens, before: 0 });
  return prefill(policy, parts, { ...feedsOf(policy, prompt, 0, length), visual });
}

function partsOf(
  { config, limits }: Policy,
  shape: { readonly length: number; readonly visualTokens: number; readonly before: number },
): readonly PromptPart[] {
  return promptParts(config, { ...shape, visionGrids: null }, promptSegments(config, shape.length, limits));
}

/** Tokens up to the end of the last visual, its closing token included; of a prompt that shows nothing, the first one. */
function shownLength({ feeds }: PreparedPrompt): number {
  return Math.max(1, feeds.is_visual.lastIndexOf(1) + 2);
}

/** Times and grids follow from the visuals. */
function shownKey({ config }: Policy, { ids, visuals }: PreparedPrompt, length: number): string {
  const texts = ids.slice(0, length).filter((id) => !isVisualToken(id, config));
  return [length, ...texts, ...visuals.map(({ visual }) => visualKey(visual))].join(" ");
}

function feedsOf({ config }: Policy, { feeds }: PreparedPrompt, start: number, end: number) {
  const half = config.text.headDim / 2;
  return {
    prompt_ids: feeds.prompt_ids.subarray(start, end),
    visual_rows: feeds.visual_rows.subarray(start, end),
    is_visual: feeds.is_visual.subarray(start, end),
    prompt_cos: feeds.prompt_cos.subarray(start * half, end * half),
    prompt_sin: feeds.prompt_sin.subarray(start * half, end * half),
  };
}

/** [kvHeads, A, headDim] and [kvHeads, B, headDim] to [kvHeads, A + B, headDim]. */
function joinTokens({ config }: Policy, a: Float32Array, b: Float32Array): Float32Array {
  const { kvHeads } = config.text;
  const [widthA, widthB] = [a.length / kvHeads, b.length / kvHeads];
  const both = new Float32Array(a.length + b.length);
  for (let head = 0; head < kvHeads; head++) {
    both.set(a.subarray(head * widthA, (head + 1) * widthA), head * (widthA + widthB));
    both.set(b.subarray(head * widthB, (head + 1) * widthB), head * (widthA + widthB) + widthA);
  }
  return both;
}

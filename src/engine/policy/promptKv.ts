import type { Feeds } from "../runtime/session.ts";
import type { PolicyConfig } from "./config.ts";
import { promptVisuals, weightFeeds, type Policy } from "./policy.ts";
import { buildPrefill } from "./prefill.ts";
import type { PreparedPrompt } from "./preparedPrompt.ts";

/**
 * Keys and values of a prompt's prefix, by layer, each [kvHeads, paddedLength, headDim]. Sampling and the loss share them:
 * they hold for as long as the weights do.
 */
export interface PromptKv {
  readonly keys_L: readonly Float32Array[];
  readonly values_L: readonly Float32Array[];
}

/** *Prefill*: one pass of the prompt, whatever the size of its group. */
export async function computePromptKv(
  policy: Policy,
  prompt: PreparedPrompt,
  which: "policy" | "reference" = "policy",
): Promise<PromptKv> {
  const { paddedLength, visualTokens } = prompt;
  const graph = await policy.graphs.get(`prefill/${paddedLength}/${visualTokens}`, () =>
    buildPrefill(policy.config, policy.lora, paddedLength, visualTokens),
  );
  const visual = await promptVisuals(policy, prompt.visuals, which);
  const outputs = await graph.run({ ...weightFeeds(policy, graph, which), ...prompt.feeds, visual });
  const layers = (name: string): Float32Array[] =>
    Array.from({ length: policy.config.text.layers }, (_, layer) => {
      const data = outputs[`${name}.${layer}`];
      if (!(data instanceof Float32Array)) throw new Error("internal: prefill output missing");
      return data;
    });
  return { keys_L: layers("k"), values_L: layers("v") };
}

/** Zeros of the same sizes: where gradients with respect to keys and values add up. */
export function zeroPromptKv({ text }: PolicyConfig, prompt: PreparedPrompt): PromptKv {
  const size = text.kvHeads * prompt.paddedLength * text.headDim;
  const zeros = (): Float32Array[] => Array.from({ length: text.layers }, () => new Float32Array(size));
  return { keys_L: zeros(), values_L: zeros() };
}

/** Inputs or outputs `<prefix>k.<layer>`, `<prefix>v.<layer>`. */
export function promptKvFeeds(prefix: string, { keys_L, values_L }: PromptKv): Feeds {
  return Object.fromEntries([
    ...keys_L.map((data, layer) => [`${prefix}k.${layer}`, data] as const),
    ...values_L.map((data, layer) => [`${prefix}v.${layer}`, data] as const),
  ]);
}

import type { Graph } from "../graph/types.ts";
import { addPrompt, addPromptEmbedding } from "./decoder.ts";
import { PolicyGraph } from "./policyGraph.ts";
import type { PolicyConfig } from "./config.ts";
import type { LoraConfig } from "./lora.ts";
import type { Grid } from "./ropeIndex.ts";
import { addVisionTower } from "./visionTower.ts";

/** The vision tower alone: output `visual` [visualTokens, hidden]. */
export function buildVision(config: PolicyConfig, grid: Grid): Graph {
  const p = new PolicyGraph("vision", config, null);
  p.g.output("visual", addVisionTower(p, grid));
  return p.g;
}

/**
 * The prompt's keys and values for decoding, from visual embeddings given as input `visual`.
 * Outputs per layer `k`, `v` [kvHeads, P, headDim].
 */
export function buildPrefill(
  config: PolicyConfig,
  lora: LoraConfig | null,
  length: number,
  visualTokens: number,
): Graph {
  const p = new PolicyGraph("prefill", config, lora);
  const visual = p.g.input("visual", [visualTokens, config.text.hiddenSize]);
  const caches = addPrompt(p, addPromptEmbedding(p, length, visual));
  caches.forEach(({ k, v }, layer) => {
    p.g.output(`k.${layer}`, k);
    p.g.output(`v.${layer}`, v);
  });
  return p.g;
}

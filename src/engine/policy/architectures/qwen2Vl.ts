import { z } from "zod";
import { clipPixels, type Architecture } from "./architecture.ts";

/** Qwen2-VL (arXiv 2409.12191; transformers Qwen2VLConfig). */
export const qwen2Vl: Architecture = {
  modelType: "qwen2_vl",
  title: "Qwen2-VL",
  visionSchema: z
    .object({
      depth: z.int().positive(),
      embed_dim: z.int().positive(),
      hidden_size: z.int().positive(),
      mlp_ratio: z.number().default(4),
      num_heads: z.int().positive(),
      patch_size: z.int().default(14),
      temporal_patch_size: z.int().default(2),
      spatial_merge_size: z.int().default(2),
      hidden_act: z.literal("quick_gelu").default("quick_gelu"),
    })
    .transform((v) => ({
      depth: v.depth,
      hiddenSize: v.embed_dim,
      intermediateSize: v.embed_dim * v.mlp_ratio,
      heads: v.num_heads,
      outHiddenSize: v.hidden_size,
      patchSize: v.patch_size,
      temporalPatchSize: v.temporal_patch_size,
      spatialMergeSize: v.spatial_merge_size,
      windowSize: null,
      fullAttentionBlocks: [],
      tokensPerSecond: null,
      positionEmbeddings: 0,
      deepstackBlocks: [],
    })),
  vision: {
    norm: "layer",
    hasPatchBias: false,
    mlp: { activation: "quickGelu", up: "mlp.fc1", down: "mlp.fc2" },
    merger: { norm: "ln_q", up: "mlp.0", down: "mlp.2" },
    ...clipPixels,
  },
  decoder: { hasQkvBias: true, hasQueryKeyNorm: false, mropeLayout: "stretches" },
  videoTime: "count",
  tensorNames: "flat",
};

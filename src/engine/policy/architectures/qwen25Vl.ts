import { z } from "zod";
import { clipPixels, type Architecture } from "./architecture.ts";

/** Qwen2.5-VL (arXiv 2502.13923; transformers Qwen2_5_VLConfig). */
export const qwen25Vl: Architecture = {
  modelType: "qwen2_5_vl",
  title: "Qwen2.5-VL",
  visionSchema: z
    .object({
      depth: z.int().positive(),
      hidden_size: z.int().positive(),
      intermediate_size: z.int().positive(),
      num_heads: z.int().positive(),
      out_hidden_size: z.int().positive(),
      patch_size: z.int().default(14),
      temporal_patch_size: z.int().default(2),
      spatial_merge_size: z.int().default(2),
      window_size: z.int().default(112),
      fullatt_block_indexes: z.array(z.int()).default([7, 15, 23, 31]),
      tokens_per_second: z.number().default(2),
      hidden_act: z.literal("silu").default("silu"),
    })
    .transform((v) => ({
      depth: v.depth,
      hiddenSize: v.hidden_size,
      intermediateSize: v.intermediate_size,
      heads: v.num_heads,
      outHiddenSize: v.out_hidden_size,
      patchSize: v.patch_size,
      temporalPatchSize: v.temporal_patch_size,
      spatialMergeSize: v.spatial_merge_size,
      windowSize: v.window_size,
      fullAttentionBlocks: v.fullatt_block_indexes,
      tokensPerSecond: v.tokens_per_second,
      positionEmbeddings: 0,
      deepstackBlocks: [],
    })),
  vision: {
    norm: "rms",
    hasPatchBias: false,
    mlp: "gated",
    merger: { norm: "ln_q", up: "mlp.0", down: "mlp.2" },
    ...clipPixels,
  },
  decoder: { hasQkvBias: true, hasQueryKeyNorm: false, mropeLayout: "stretches" },
  videoTime: "seconds",
  tensorNames: "flat",
};

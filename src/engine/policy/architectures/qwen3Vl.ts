import { z } from "zod";
import type { Architecture } from "./architecture.ts";

/** Qwen3-VL, the dense models (transformers Qwen3VLConfig). */
export const qwen3Vl: Architecture = {
  modelType: "qwen3_vl",
  title: "Qwen3-VL",
  visionSchema: z
    .object({
      depth: z.int().positive(),
      hidden_size: z.int().positive(),
      intermediate_size: z.int().positive(),
      num_heads: z.int().positive(),
      out_hidden_size: z.int().positive(),
      patch_size: z.int().default(16),
      temporal_patch_size: z.int().default(2),
      spatial_merge_size: z.int().default(2),
      num_position_embeddings: z
        .int()
        .positive()
        .default(2304)
        .refine((count) => Number.isInteger(Math.sqrt(count)), "expected a square number"),
      deepstack_visual_indexes: z.array(z.int()).default([8, 16, 24]),
      hidden_act: z.literal("gelu_pytorch_tanh").default("gelu_pytorch_tanh"),
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
      windowSize: null,
      fullAttentionBlocks: [],
      tokensPerSecond: null,
      positionEmbeddings: v.num_position_embeddings,
      deepstackBlocks: v.deepstack_visual_indexes,
    })),
  vision: {
    norm: "layer",
    hasPatchBias: true,
    mlp: { activation: "geluTanh", up: "mlp.linear_fc1", down: "mlp.linear_fc2" },
    merger: { norm: "norm", up: "linear_fc1", down: "linear_fc2" },
    pixelMean: [0.5, 0.5, 0.5],
    pixelStd: [0.5, 0.5, 0.5],
  },
  decoder: { hasQkvBias: false, hasQueryKeyNorm: true, mropeLayout: "interleaved" },
  videoTime: "text",
  tensorNames: "nested",
};

import type { z } from "zod";
import type { VisionConfig } from "../config.ts";

/**
 * What makes one family of models different from the next: a row of the table in architectures.ts. Sizes are no part of
 * it, they come from config.json.
 */
export interface Architecture {
  /** `model_type` of config.json. */
  readonly modelType: string;
  readonly title: string;
  /** Reads `vision_config`. */
  readonly visionSchema: z.ZodType<Omit<VisionConfig, "design">>;
  readonly vision: VisionDesign;
  readonly decoder: DecoderDesign;
  /**
   * How the time of a video reaches the decoder: temporal positions in units of 1 / tokens_per_second s, temporal patches
   * counted, or a text "<1.5 seconds>" before each temporal patch, which then stands in the prompt like an image.
   */
  readonly videoTime: "seconds" | "count" | "text";
  /** Where the modules stand in the published files: `model.` and `visual.`, or as transformers 5 has them. */
  readonly tensorNames: "flat" | "nested";
}

export interface VisionDesign {
  readonly norm: "rms" | "layer";
  readonly hasPatchBias: boolean;
  /** down(silu(gate x) * up x), or down(activation(up x)) with these names. */
  readonly mlp: "gated" | { readonly activation: "quickGelu" | "geluTanh"; readonly up: string; readonly down: string };
  /** Module names of the merger: norm, first and second projection. */
  readonly merger: { readonly norm: string; readonly up: string; readonly down: string };
  /** Of pixels in [0, 1], by channel. */
  readonly pixelMean: readonly [number, number, number];
  readonly pixelStd: readonly [number, number, number];
}

export interface DecoderDesign {
  readonly hasQkvBias: boolean;
  /** RMS norms of queries and keys, a head at a time, before they are turned. */
  readonly hasQueryKeyNorm: boolean;
  /** Which frequencies turn with time, height and width: one stretch after the other, or by turns (T H W T H W … T). */
  readonly mropeLayout: "stretches" | "interleaved";
}

/** Mean and standard deviation of CLIP's pixels, which Qwen2-VL's image processor takes. */
export const clipPixels = {
  pixelMean: [0.48145466, 0.4578275, 0.40821073],
  pixelStd: [0.26862954, 0.26130258, 0.27577711],
} as const;

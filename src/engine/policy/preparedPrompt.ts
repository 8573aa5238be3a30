import type { SeenVideo } from "../../protocol/records.ts";
import type { Clip } from "../video/clip.ts";
import type { PolicyConfig } from "./config.ts";
import { gridOf, visualTokenCount } from "./patches.ts";
import { masked } from "./policyGraph.ts";
import { ropeIndex, type Grid } from "./ropeIndex.ts";
import { completionRotary, textRotary, type RotaryTable } from "./rotary.ts";
import type { PolicyTokenizer } from "./tokenizer.ts";

/**
 * A prompt as the graphs take it. The last prompt token is set apart: it is the first row of every completion
 * (see addCompletions), so the shared prefix ends before it.
 */
export interface PreparedPrompt {
  readonly clip: Clip;
  readonly grid: Grid;
  readonly visualTokens: number;
  /** All prompt tokens, the last included. */
  readonly ids: readonly number[];
  readonly prefixLength: number;
  /** Prefix padded at its end to a multiple of `promptBucket`, so that few graphs serve many prompts. */
  readonly paddedLength: number;
  readonly lastToken: number;
  /** Position of the last prompt token; completion token i stands at i + 1 beyond it. */
  readonly lastPosition: number;
  readonly feeds: {
    readonly prompt_ids: BigInt64Array;
    readonly visual_rows: BigInt64Array;
    readonly is_visual: Uint8Array;
    readonly prompt_cos: Float32Array;
    readonly prompt_sin: Float32Array;
  };
}

const promptBucket = 32;

/** @param text of the user turn; the video stands before it */
export function preparePrompt(
  text: string,
  clip: Clip,
  tokenizer: PolicyTokenizer,
  config: PolicyConfig,
): PreparedPrompt {
  return prepareTokens(tokenizer.encodePrompt(text, visualTokensOf(clip, config)), clip, config);
}

export function visualTokensOf({ seen }: Clip, config: PolicyConfig): number {
  return visualTokenCount(gridOf(seen.frameIndices.length, seen.heightPx, seen.widthPx, config.vision), config.vision);
}

/** @param ids prompt tokens with one video span of the clip's visual tokens */
export function prepareTokens(ids: readonly number[], clip: Clip, config: PolicyConfig): PreparedPrompt {
  const { seen } = clip;
  const grid = gridOf(seen.frameIndices.length, seen.heightPx, seen.widthPx, config.vision);
  const visualTokens = visualTokenCount(grid, config.vision);
  const index = ropeIndex(ids, [grid], [secondsPerGrid(seen, config)], config);
  const prefixLength = ids.length - 1;
  const paddedLength = Math.ceil(prefixLength / promptBucket) * promptBucket;
  const promptIds_P = new BigInt64Array(paddedLength).fill(BigInt(config.padTokenId));
  const visualRows_P = new BigInt64Array(paddedLength);
  const isVisual_P = new Uint8Array(paddedLength);
  let row = 0;
  for (let s = 0; s < prefixLength; s++) {
    const id = ids[s] ?? 0;
    promptIds_P[s] = BigInt(id);
    if (id !== config.videoTokenId) continue;
    isVisual_P[s] = 1;
    visualRows_P[s] = BigInt(row++);
  }
  const rotary = textRotary(index, config);
  const half = config.text.headDim / 2;
  return {
    clip,
    grid,
    visualTokens,
    ids,
    prefixLength,
    paddedLength,
    lastToken: ids.at(-1) ?? 0,
    lastPosition: index.next - 1,
    feeds: {
      prompt_ids: promptIds_P,
      visual_rows: visualRows_P,
      is_visual: isVisual_P,
      prompt_cos: padded(rotary.cos, prefixLength * half, paddedLength * half),
      prompt_sin: padded(rotary.sin, prefixLength * half, paddedLength * half),
    },
  };
}

/**
 * Seconds between temporal patches, second_per_grid_ts of Qwen2_5_VLProcessor: temporalPatchSize / sample fps, where the
 * sample fps of qwen-vl-utils is frames picked / duration.
 */
export function secondsPerGrid(seen: Pick<SeenVideo, "frameIndices" | "durationSec">, config: PolicyConfig): number {
  return (config.vision.temporalPatchSize * seen.durationSec) / seen.frameIndices.length;
}

/** Rotary table of the rows of a completion. */
export function completionRotaryOf(prompt: PreparedPrompt, length: number, config: PolicyConfig): RotaryTable {
  return completionRotary(prompt.lastPosition, length, config);
}

/** [C, paddedLength + C]: all of the prefix but its padding, and a completion's own rows up to the present one. */
export function completionMask(prompt: PreparedPrompt, length: number): Float32Array {
  const width = prompt.paddedLength + length;
  const mask = new Float32Array(length * width);
  for (let row = 0; row < length; row++) {
    mask.fill(masked, row * width + prompt.prefixLength, row * width + prompt.paddedLength);
    mask.fill(masked, row * width + prompt.paddedLength + row + 1, (row + 1) * width);
  }
  return mask;
}

function padded(data: Float32Array, used: number, length: number): Float32Array {
  const out = new Float32Array(length);
  out.set(data.subarray(0, used));
  return out;
}

import type { PolicyConfig, VisionConfig } from "./config.ts";
import type { RopeIndex } from "./ropeIndex.ts";

/** Cosines and sines, one row a token, one column a frequency: [S, headDim / 2]. */
export interface RotaryTable {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** M-RoPE of the decoder: some frequencies turn with time, some with height, some with width (mrope_section). */
export function textRotary(
  index: Pick<RopeIndex, "time_S" | "height_S" | "width_S">,
  config: PolicyConfig,
): RotaryTable {
  const { headDim, ropeTheta } = config.text;
  const frequencies = inverseFrequencies(headDim, ropeTheta);
  const axes = axisOfFrequency(config);
  const positions = [index.time_S, index.height_S, index.width_S];
  return table(index.time_S.length, frequencies, (s, f) => positions[axes[f] ?? 0]?.[s] ?? 0);
}

/** For each frequency the axis that it turns with: 0 time, 1 height, 2 width. */
function axisOfFrequency({ text, architecture }: PolicyConfig): readonly number[] {
  const { headDim, mropeSection } = text;
  if (architecture.decoder.mropeLayout === "stretches")
    return mropeSection.flatMap((count, axis) => new Array<number>(count).fill(axis));
  // By turns while height and width have frequencies left; time takes the rest.
  return Array.from({ length: headDim / 2 }, (_, f) => {
    const axis = f % 3;
    return axis > 0 && f < 3 * (mropeSection[axis] ?? 0) ? axis : 0;
  });
}

/** Rotary table for tokens that all three axes number alike: a completion from `start` on. */
export function completionRotary(start: number, length: number, config: PolicyConfig): RotaryTable {
  const position_S = Int32Array.from({ length }, (_, i) => start + i);
  return textRotary({ time_S: position_S, height_S: position_S, width_S: position_S }, config);
}

/**
 * 2-D rotary positions of the vision tower (Qwen2VLVisionRotaryEmbedding): the first half of the frequencies turns with
 * the row, the second with the column of a patch.
 */
export function visionRotary(row_N: Int32Array, column_N: Int32Array, config: VisionConfig): RotaryTable {
  const headDim = config.hiddenSize / config.heads;
  const quarter = inverseFrequencies(headDim / 2, 10_000);
  const frequencies = Float32Array.of(...quarter, ...quarter);
  return table(row_N.length, frequencies, (n, f) => (f < quarter.length ? row_N : column_N)[n] ?? 0);
}

function inverseFrequencies(dim: number, theta: number): Float32Array {
  return Float32Array.from({ length: dim / 2 }, (_, i) => 1 / theta ** ((2 * i) / dim));
}

function table(length: number, frequencies: Float32Array, position: (s: number, f: number) => number): RotaryTable {
  const half = frequencies.length;
  const cos = new Float32Array(length * half);
  const sin = new Float32Array(length * half);
  for (let s = 0; s < length; s++) {
    for (let f = 0; f < half; f++) {
      // The reference multiplies in float32 before it takes the cosine.
      const angle = Math.fround(position(s, f) * (frequencies[f] ?? 0));
      cos[s * half + f] = Math.cos(angle);
      sin[s * half + f] = Math.sin(angle);
    }
  }
  return { cos, sin };
}

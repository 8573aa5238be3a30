import type { PolicyConfig } from "./config.ts";

/** Patch grid of a video: temporal, vertical, horizontal; before merging. */
export interface Grid {
  readonly t: number;
  readonly h: number;
  readonly w: number;
}

/** A run of visual tokens in a prompt. */
export interface VisualSpan {
  readonly grid: Grid;
  /** Temporal position of each temporal patch, ascending from 0. */
  readonly times: readonly number[];
}

/** Position of each token along time, height and width (M-RoPE). */
export interface RopeIndex {
  readonly time_S: Int32Array;
  readonly height_S: Int32Array;
  readonly width_S: Int32Array;
  /** Position of the token after the last. */
  readonly next: number;
}

/**
 * Position ids of a prompt, as get_rope_index of the transformers releases that came with the models (4.49 for Qwen2-VL
 * and Qwen2.5-VL, 4.57 for Qwen3-VL): text counts up on all three axes, and the text after a visual starts beyond its
 * largest position. Releases from 5.3 on start that text beyond the visual's height and width; the published weights were
 * not trained with that.
 * @param ids prompt token ids with the visual tokens repeated
 * @param spans the runs of visual tokens, in order
 */
export function ropeIndex(ids: readonly number[], spans: readonly VisualSpan[], config: PolicyConfig): RopeIndex {
  const time_S = new Int32Array(ids.length);
  const height_S = new Int32Array(ids.length);
  const width_S = new Int32Array(ids.length);
  const merge = config.vision.spatialMergeSize;
  let next = 0;
  let number = 0;
  for (let s = 0; s < ids.length;) {
    if (!isVisualToken(ids[s], config)) {
      time_S[s] = height_S[s] = width_S[s] = next++;
      s++;
      continue;
    }
    const span = spans[number++];
    if (span === undefined) throw new Error("internal: more runs of visual tokens than visuals");
    const [rows, columns] = [span.grid.h / merge, span.grid.w / merge];
    for (const time of span.times) {
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++, s++) {
          time_S[s] = next + time;
          height_S[s] = next + y;
          width_S[s] = next + x;
        }
      }
    }
    next += Math.max(span.times.at(-1) ?? 0, rows - 1, columns - 1) + 1;
  }
  return { time_S, height_S, width_S, next };
}

/** Whether a token stands for a row of a visual's embedding. */
export function isVisualToken(id: number | undefined, config: PolicyConfig): boolean {
  return id === config.videoTokenId || id === config.imageTokenId;
}

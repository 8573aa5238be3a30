import type { PolicyConfig } from "./config.ts";

/** Patch grid of a video: temporal, vertical, horizontal; before merging. */
export interface Grid {
  readonly t: number;
  readonly h: number;
  readonly w: number;
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
 * Position ids of a prompt, as get_rope_index of the transformers release that came with the model (4.49): text counts up
 * on all three axes, a video's temporal position is its time in seconds times tokens_per_second, truncated, and the text
 * after a video starts beyond its largest position. Later releases truncate the seconds before they multiply (5.0), or
 * start that text beyond the video's height and width (from 5.3 on); the published weights were trained with neither.
 * @param ids prompt token ids with the video token repeated
 * @param grids one per video, in order
 * @param secondsPerGrid seconds between temporal patches of each video (second_per_grid_ts)
 */
export function ropeIndex(
  ids: readonly number[],
  grids: readonly Grid[],
  secondsPerGrid: readonly number[],
  config: PolicyConfig,
): RopeIndex {
  const time_S = new Int32Array(ids.length);
  const height_S = new Int32Array(ids.length);
  const width_S = new Int32Array(ids.length);
  const merge = config.vision.spatialMergeSize;
  let next = 0;
  let video = 0;
  for (let s = 0; s < ids.length;) {
    if (ids[s] !== config.videoTokenId) {
      time_S[s] = height_S[s] = width_S[s] = next++;
      s++;
      continue;
    }
    const grid = grids[video];
    const seconds = secondsPerGrid[video];
    if (grid === undefined || seconds === undefined) throw new Error("internal: more video spans than grids");
    video++;
    const [rows, columns] = [grid.h / merge, grid.w / merge];
    let last = 0;
    for (let t = 0; t < grid.t; t++) {
      // In float32, as there: a product just below a whole number must fall on the same side.
      const time = Math.trunc(Math.fround(Math.fround(t * Math.fround(seconds)) * config.vision.tokensPerSecond));
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++, s++) {
          time_S[s] = next + time;
          height_S[s] = next + y;
          width_S[s] = next + x;
        }
      }
      last = Math.max(last, time);
    }
    next += Math.max(last, rows - 1, columns - 1) + 1;
  }
  return { time_S, height_S, width_S, next };
}

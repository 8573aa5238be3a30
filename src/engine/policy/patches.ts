import { UserError } from "../../protocol/errors.ts";
import type { VisionConfig } from "./config.ts";
import type { Grid } from "./ropeIndex.ts";

/** @throws UserError "bad-checkpoint" when the frames do not divide into merged patches */
export function gridOf(frames: number, heightPx: number, widthPx: number, config: VisionConfig): Grid {
  const side = config.patchSize * config.spatialMergeSize;
  if (frames % config.temporalPatchSize !== 0 || heightPx % side !== 0 || widthPx % side !== 0) {
    throw new UserError({
      code: "bad-checkpoint",
      message:
        `vision_config merges patches of ${config.temporalPatchSize} frames and ${side} x ${side} px; ` +
        `a clip of ${frames} frames of ${widthPx} x ${heightPx} px does not divide into them.`,
      hint: "Clips are made for pairs of frames: use a checkpoint with temporal_patch_size 2 and its published patch_size.",
    });
  }
  return { t: frames / config.temporalPatchSize, h: heightPx / config.patchSize, w: widthPx / config.patchSize };
}

/** Rows of the visual embedding of a grid. */
export function visualTokenCount(grid: Grid, config: VisionConfig): number {
  return (grid.t * grid.h * grid.w) / config.spatialMergeSize ** 2;
}

/**
 * Normalised pixels as patches in the order of Qwen2VLVideoProcessor: temporal grid, then blocks of merge x merge patches
 * row by row, then the patches of a block; a patch holds [3, temporal, patch, patch].
 * @param pixels_FHWC RGB, F even
 * @returns [N, 3 * temporal * patch^2]
 */
export function patchify(pixels_FHWC: Uint8Array, grid: Grid, config: VisionConfig): Float32Array {
  const { patchSize: p, temporalPatchSize: frames } = config;
  const [height, width] = [grid.h * p, grid.w * p];
  const patchLength = 3 * frames * p * p;
  const patches = new Float32Array(grid.t * grid.h * grid.w * patchLength);
  const { pixelMean, pixelStd } = config.design;
  const normal = pixelMean.map((mean, c) =>
    Float32Array.from({ length: 256 }, (_, v) => (v / 255 - mean) / (pixelStd[c] ?? 1)),
  );
  let out = 0;
  forEachPatch(grid, config, (t, row, column) => {
    for (let c = 0; c < 3; c++) {
      const lookup = normal[c] ?? new Float32Array(256);
      for (let f = 0; f < frames; f++) {
        for (let y = 0; y < p; y++) {
          let pixel = (((t * frames + f) * height + row * p + y) * width + column * p) * 3 + c;
          for (let x = 0; x < p; x++, pixel += 3) patches[out++] = lookup[pixels_FHWC[pixel] ?? 0] ?? 0;
        }
      }
    }
  });
  return patches;
}

/** Row and column of every patch, in the order of `patchify`. */
export function patchPositions(grid: Grid, config: VisionConfig): { row_N: Int32Array; column_N: Int32Array } {
  const rows: number[] = [];
  const columns: number[] = [];
  forEachPatch(grid, config, (_, row, column) => {
    rows.push(row);
    columns.push(column);
  });
  return { row_N: Int32Array.from(rows), column_N: Int32Array.from(columns) };
}

function forEachPatch(grid: Grid, config: VisionConfig, visit: (t: number, row: number, column: number) => void): void {
  const m = config.spatialMergeSize;
  for (let t = 0; t < grid.t; t++)
    for (let by = 0; by < grid.h; by += m)
      for (let bx = 0; bx < grid.w; bx += m)
        for (let y = by; y < by + m; y++) for (let x = bx; x < bx + m; x++) visit(t, y, x);
}

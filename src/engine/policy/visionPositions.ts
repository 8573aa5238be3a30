import type { VisionConfig } from "./config.ts";
import { patchPositions } from "./patches.ts";
import type { Grid } from "./ropeIndex.ts";

/** Of each patch, in the order of `patchify`: four rows of the table of learned positions, and their weights. */
export interface LearnedPositions {
  readonly taps: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
}

/**
 * A square table stretched over each frame with its corners kept, bilinear (transformers' vision_utils,
 * get_vision_interpolation_indices_and_weights with align_corners; Qwen3VLVisionModel.fast_pos_embed_interpolate).
 */
export function learnedPositions(grids: readonly Grid[], config: VisionConfig): LearnedPositions {
  const side = Math.sqrt(config.positionEmbeddings);
  const taps: number[][] = [];
  const weights: number[][] = [];
  for (const grid of grids) {
    const { row_N, column_N } = patchPositions(grid, config);
    row_N.forEach((row, n) => {
      const vertical = axisTaps(row, grid.h, side);
      const horizontal = axisTaps(column_N[n] ?? 0, grid.w, side);
      taps.push(vertical.flatMap((y) => horizontal.map((x) => y.tap * side + x.tap)));
      weights.push(vertical.flatMap((y) => horizontal.map((x) => Math.fround(y.weight * x.weight))));
    });
  }
  return { taps, weights };
}

/** The two places of an axis of `side` between which patch `index` of `size` lies. */
function axisTaps(index: number, size: number, side: number): { readonly tap: number; readonly weight: number }[] {
  // In float32, as there.
  const place = Math.fround(Math.fround(index * (side - 1)) / Math.max(1, size - 1));
  const below = Math.floor(place);
  const share = Math.fround(place - below);
  return [
    { tap: below, weight: 1 - share },
    { tap: Math.min(below + 1, side - 1), weight: share },
  ];
}

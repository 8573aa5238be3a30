import type { VisionConfig } from "./config.ts";
import type { Grid } from "./ropeIndex.ts";

/** How merged patches are grouped for windowed attention. */
export interface WindowLayout {
  /** Position of each merged patch in window order -> index in grid order. */
  readonly order: readonly number[];
  /** Merged patches of each window, in window order. */
  readonly sizes: readonly number[];
}

/**
 * As Qwen2_5_VisionTransformer.get_window_index: windows row by row within each temporal patch; edge windows are smaller.
 * Without windows a temporal patch is one, in grid order.
 */
export function windowLayout(grid: Grid, config: VisionConfig): WindowLayout {
  const [rows, columns] = [grid.h / config.spatialMergeSize, grid.w / config.spatialMergeSize];
  const side =
    config.windowSize === null
      ? Math.max(rows, columns)
      : Math.floor(config.windowSize / config.spatialMergeSize / config.patchSize);
  const order: number[] = [];
  const sizes: number[] = [];
  for (let t = 0; t < grid.t; t++) {
    for (let wy = 0; wy < rows; wy += side) {
      for (let wx = 0; wx < columns; wx += side) {
        const before = order.length;
        for (let y = wy; y < Math.min(wy + side, rows); y++)
          for (let x = wx; x < Math.min(wx + side, columns); x++) order.push((t * rows + y) * columns + x);
        sizes.push(order.length - before);
      }
    }
  }
  return { order, sizes };
}

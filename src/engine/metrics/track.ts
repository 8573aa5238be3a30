import type { BoundingBox } from "../../protocol/tasks.ts";
import { boxIou } from "./boxes.ts";
import { mean } from "./statistics.ts";

/**
 * IoU of each position of a track, [F]. The true boxes set the length: a missing predicted box scores 0, surplus ones
 * are left out.
 */
export function trackIous(predicted: readonly BoundingBox[], truth: readonly BoundingBox[]): number[] {
  return truth.map((box, i) => {
    const other = predicted[i];
    return other === undefined ? 0 : boxIou(other, box);
  });
}

/**
 * Average overlap of the GOT-10k toolkit: mean IoU over the frames of all sequences pooled, the first frame of each left
 * out, since its box is given. `ious_S_F` holds the sequences. 0 when no frame is left.
 */
export function averageOverlap(ious_S_F: readonly (readonly number[])[]): number {
  const pooled = ious_S_F.flatMap((ious_F) => ious_F.slice(1));
  return pooled.length === 0 ? 0 : mean(pooled);
}

/** SR of the GOT-10k toolkit: share of the same frames whose IoU is strictly above the threshold. */
export function successRate(ious_S_F: readonly (readonly number[])[], threshold: number): number {
  const pooled = ious_S_F.flatMap((ious_F) => ious_F.slice(1));
  return pooled.length === 0 ? 0 : pooled.filter((iou) => iou > threshold).length / pooled.length;
}

import type { BoundingBox, TimedBox } from "../../protocol/tasks.ts";
import { boxIou, got10kIou } from "./boxes.ts";

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

/** Which positions of a sequence the GOT-10k toolkit scores: not the first, whose box is given, and those with cover > 0. */
export function got10kFrames(truth: readonly TimedBox[]): number[] {
  return truth.flatMap(({ cover }, i) => (i > 0 && cover !== 0 ? [i] : []));
}

/** IoUs of the frames that the GOT-10k toolkit scores; a missing predicted box scores 0. */
export function got10kIous(predicted: readonly BoundingBox[], truth: readonly TimedBox[]): number[] {
  return got10kFrames(truth).map((i) => {
    const [box, other] = [truth[i]?.box, predicted[i]];
    return box === undefined || other === undefined ? 0 : got10kIou(other, box);
  });
}

/**
 * Average overlap of the GOT-10k toolkit: mean IoU over the scored frames of all sequences pooled, so that a sequence
 * weighs as many frames as it has. 0 when there is no frame.
 */
export function averageOverlap(ious_S_F: readonly (readonly number[])[]): number {
  return pooledMean(ious_S_F, (iou) => iou);
}

/** SR of the GOT-10k toolkit: share of the same frames whose IoU is strictly above the threshold. */
export function successRate(ious_S_F: readonly (readonly number[])[], threshold: number): number {
  return pooledMean(ious_S_F, (iou) => Number(iou > threshold));
}

function pooledMean(ious_S_F: readonly (readonly number[])[], valueOf: (iou: number) => number): number {
  const pooled = ious_S_F.flat();
  return pooled.length === 0 ? 0 : pooled.reduce((sum, iou) => sum + valueOf(iou), 0) / pooled.length;
}

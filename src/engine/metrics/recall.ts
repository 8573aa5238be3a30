/**
 * R@1 at a tIoU: share of answers at or over the threshold. 10 to 15 of 10 to 20 is 0.5 and counts; a rounding error of
 * floating point must not turn it into a miss.
 */
export function recallAt(ious: readonly number[], threshold: number): number {
  return ious.length === 0 ? 0 : ious.filter((iou) => reaches(iou, threshold)).length / ious.length;
}

/** Whether an IoU is at or over a threshold, with 1e-9 for rounding. */
export function reaches(iou: number, threshold: number): boolean {
  return iou >= threshold - 1e-9;
}

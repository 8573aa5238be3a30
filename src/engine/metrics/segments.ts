import type { Segment } from "../../protocol/tasks.ts";

/** Length in seconds; 0 for an inverted segment. */
export function segmentLengthSec(segment: Segment): number {
  return Math.max(0, segment.endSec - segment.startSec);
}

/** Length of the overlap in seconds. */
export function overlapSec(a: Segment, b: Segment): number {
  return Math.max(0, Math.min(a.endSec, b.endSec) - Math.max(a.startSec, b.startSec));
}

/**
 * tIoU: length of intersection / length of union, in [0, 1]. Two segments without length give 0 (published code gives 1,
 * which pays for an empty answer wherever the truth is broken).
 */
export function tIou(a: Segment, b: Segment): number {
  const intersection = overlapSec(a, b);
  const union = segmentLengthSec(a) + segmentLengthSec(b) - intersection;
  return union > 0 ? Math.min(1, intersection / union) : 0;
}

/** Sorted, disjoint segments that cover the same seconds. Segments without length are left out. */
export function mergeSegments(segments: readonly Segment[]): Segment[] {
  const sorted = segments.filter((s) => s.endSec > s.startSec).sort((a, b) => a.startSec - b.startSec);
  const merged: { startSec: number; endSec: number }[] = [];
  for (const segment of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && segment.startSec <= last.endSec) last.endSec = Math.max(last.endSec, segment.endSec);
    else merged.push({ startSec: segment.startSec, endSec: segment.endSec });
  }
  return merged;
}

/** Seconds that are covered, counted once. */
export function coveredSec(segments: readonly Segment[]): number {
  return sumOfLengthsSec(mergeSegments(segments));
}

/** Seconds that both sets cover. */
export function sharedSec(a: readonly Segment[], b: readonly Segment[]): number {
  return sharedOfMergedSec(mergeSegments(a), mergeSegments(b));
}

/** IoU of two sets of segments after merging each: shared seconds / seconds covered by either (VideoChat-R1's glue). */
export function segmentSetIou(a: readonly Segment[], b: readonly Segment[]): number {
  const mergedA = mergeSegments(a);
  const mergedB = mergeSegments(b);
  const shared = sharedOfMergedSec(mergedA, mergedB);
  const union = sumOfLengthsSec(mergedA) + sumOfLengthsSec(mergedB) - shared;
  return union > 0 ? Math.min(1, shared / union) : 0;
}

/** The one window from the first start to the last end; null when there is no segment with a length. */
export function hullOf(segments: readonly Segment[]): Segment | null {
  const merged = mergeSegments(segments);
  const [first, last] = [merged[0], merged.at(-1)];
  return first === undefined || last === undefined ? null : { startSec: first.startSec, endSec: last.endSec };
}

/**
 * IoU and IoP of one predicted window as NExT-GQA scores them (`eval_ground.py`): the best of the true segments for each
 * of the two, apart. IoP is the share of the window that lies in a true segment. Without a window both are 0.
 */
export function nextGqaOverlap(
  window: Segment | null,
  truth: readonly Segment[],
): { readonly iou: number; readonly iop: number } {
  if (window === null) return { iou: 0, iop: 0 };
  const length = segmentLengthSec(window);
  const iops = truth.map((segment) => (length > 0 ? overlapSec(window, segment) / length : 0));
  return { iou: Math.max(0, ...truth.map((segment) => tIou(window, segment))), iop: Math.max(0, ...iops) };
}

function sumOfLengthsSec(segments: readonly Segment[]): number {
  return segments.reduce((sum, s) => sum + segmentLengthSec(s), 0);
}

function sharedOfMergedSec(a: readonly Segment[], b: readonly Segment[]): number {
  let shared = 0;
  let i = 0;
  let j = 0;
  for (;;) {
    const left = a[i];
    const right = b[j];
    if (left === undefined || right === undefined) return shared;
    shared += overlapSec(left, right);
    if (left.endSec < right.endSec) i++;
    else j++;
  }
}

import type { BoundingBox, Segment, TimedBox } from "../../src/protocol/tasks.ts";

/** Pure geometry of the page: overlaps for labels, and times and boxes to positions. */

/** Temporal IoU: length of the intersection ÷ length of the union of two segments, in [0, 1]. 0 when both are empty. */
export function tIou(a: Segment, b: Segment): number {
  return segmentsIou([a], [b]);
}

/** tIoU of two sets of segments: overlaps within a set count once. */
export function segmentsIou(a: readonly Segment[], b: readonly Segment[]): number {
  const mergedA = mergeSegments(a);
  const mergedB = mergeSegments(b);
  let intersectionSec = 0;
  for (const first of mergedA) {
    for (const second of mergedB) {
      const overlap = Math.min(first.endSec, second.endSec) - Math.max(first.startSec, second.startSec);
      if (overlap > 0) intersectionSec += overlap;
    }
  }
  const unionSec = totalLength(mergedA) + totalLength(mergedB) - intersectionSec;
  return unionSec > 0 ? intersectionSec / unionSec : 0;
}

/** Intersection ÷ union of two boxes after clipping to the frame, in [0, 1]. 0 when both are empty. */
export function boxIou(a: BoundingBox, b: BoundingBox): number {
  const first = clipBox(a);
  const second = clipBox(b);
  const width = Math.max(0, Math.min(first.x1, second.x1) - Math.max(first.x0, second.x0));
  const height = Math.max(0, Math.min(first.y1, second.y1) - Math.max(first.y0, second.y0));
  const intersection = width * height;
  const union = boxArea(first) + boxArea(second) - intersection;
  return union > 0 ? intersection / union : 0;
}

/** IoU at each position of the truth; a position without a predicted box scores 0. */
export function boxIous(predicted: readonly BoundingBox[], truth: readonly TimedBox[]): readonly number[] {
  return truth.map((position, index) => {
    const box = predicted[index];
    return box === undefined ? 0 : boxIou(box, position.box);
  });
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Rounded timestamps half-way between two others must not tip over by their last digit. */
const tieTolerance = 1e-6;

/** Index of the value nearest to `target`; the earlier one of two equally near. -1 for an empty list. */
export function nearestIndex(values: readonly number[], target: number): number {
  let best = -1;
  let bestDistance = Infinity;
  values.forEach((value, index) => {
    const distance = Math.abs(value - target);
    if (distance < bestDistance - tieTolerance) {
      best = index;
      bestDistance = distance;
    }
  });
  return best;
}

/** Position of a time on an axis from 0 to the duration, clamped to [0, 1]. */
export function timeToFraction(timeSec: number, durationSec: number): number {
  return durationSec > 0 ? clamp(timeSec / durationSec, 0, 1) : 0;
}

export function fractionToTime(fraction: number, durationSec: number): number {
  return clamp(fraction, 0, 1) * durationSec;
}

/** Round times in seconds for the labels of an axis: at most `maxCount` of them, from 0. */
export function axisTimes(durationSec: number, maxCount: number): readonly number[] {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];
  const step = steps.find((candidate) => durationSec / candidate <= maxCount - 1) ?? 7200;
  const times: number[] = [];
  for (let index = 0; index * step <= durationSec + 1e-9; index += 1) times.push(index * step);
  return times;
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

export function containsTime(segments: readonly Segment[], timeSec: number): boolean {
  return segments.some((segment) => timeSec >= segment.startSec && timeSec <= segment.endSec);
}

/** Segments that overlap or touch become one; those without length are left out. */
export function mergeSegments(segments: readonly Segment[]): readonly Segment[] {
  const merged: Segment[] = [];
  for (const segment of [...segments].sort((a, b) => a.startSec - b.startSec)) {
    if (segment.endSec <= segment.startSec) continue;
    const last = merged.at(-1);
    if (last === undefined || segment.startSec > last.endSec) merged.push(segment);
    else if (segment.endSec > last.endSec) {
      merged[merged.length - 1] = { startSec: last.startSec, endSec: segment.endSec };
    }
  }
  return merged;
}

function totalLength(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.endSec - segment.startSec, 0);
}

export function clipBox(box: BoundingBox): BoundingBox {
  return { x0: clamp(box.x0, 0, 1), y0: clamp(box.y0, 0, 1), x1: clamp(box.x1, 0, 1), y1: clamp(box.y1, 0, 1) };
}

function boxArea(box: BoundingBox): number {
  return Math.max(0, box.x1 - box.x0) * Math.max(0, box.y1 - box.y0);
}

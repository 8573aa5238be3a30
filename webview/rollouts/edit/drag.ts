import type { BoundingBox, Segment } from "../../../src/protocol/tasks.ts";
import { clamp } from "../geometry.ts";

/** Which part of a segment or box is held; the whole of it is moved, an edge alone changes its size. */
export type SegmentPart = "start" | "end" | "whole";
export interface BoxPart {
  readonly x: "low" | "high" | "none";
  readonly y: "low" | "high" | "none";
}

/** Shortest segment (seconds) and side of a box (share of the frame) that dragging leaves. */
const minLengthSec = 0.1;
const minSide = 0.01;

/** The edge within reach of a place on a bar of this length (both in pixels), else the whole of it. */
export function grabSegment(offsetPx: number, lengthPx: number, reachPx = 6): SegmentPart {
  // A short bar is all edge: its thirds decide.
  const reach = Math.min(reachPx, lengthPx / 3);
  if (offsetPx <= reach) return "start";
  return offsetPx >= lengthPx - reach ? "end" : "whole";
}

/** Moves what is held by a time, within the video. */
export function dragSegment(segment: Segment, part: SegmentPart, deltaSec: number, durationSec: number): Segment {
  const { startSec, endSec } = segment;
  switch (part) {
    case "start":
      return { startSec: clamp(startSec + deltaSec, 0, endSec - minLengthSec), endSec };
    case "end":
      return { startSec, endSec: clamp(endSec + deltaSec, startSec + minLengthSec, durationSec) };
    case "whole": {
      const shift = clamp(deltaSec, -startSec, Math.max(0, durationSec - endSec));
      return { startSec: startSec + shift, endSec: endSec + shift };
    }
    default:
      throw new Error(`internal: unknown part ${String(part satisfies never)}`);
  }
}

/** Part of a box at a point, `reach` around its lines included (all as shares of the frame); null beside it. */
export function grabBox(
  box: BoundingBox,
  x: number,
  y: number,
  reach: { readonly x: number; readonly y: number },
): BoxPart | null {
  const isNear = x >= box.x0 - reach.x && x <= box.x1 + reach.x && y >= box.y0 - reach.y && y <= box.y1 + reach.y;
  if (!isNear) return null;
  const side = (low: number, high: number, at: number, within: number): BoxPart["x"] =>
    Math.abs(at - low) <= within && at - low <= high - at ? "low" : Math.abs(at - high) <= within ? "high" : "none";
  return { x: side(box.x0, box.x1, x, reach.x), y: side(box.y0, box.y1, y, reach.y) };
}

/** Moves what is held, within the frame. */
export function dragBox(box: BoundingBox, part: BoxPart, dx: number, dy: number): BoundingBox {
  const isWhole = part.x === "none" && part.y === "none";
  const [x0, x1] = dragSides(box.x0, box.x1, isWhole ? "whole" : part.x, dx);
  const [y0, y1] = dragSides(box.y0, box.y1, isWhole ? "whole" : part.y, dy);
  return { x0, y0, x1, y1 };
}

function dragSides(low: number, high: number, part: BoxPart["x"] | "whole", delta: number): readonly [number, number] {
  switch (part) {
    case "low":
      return [clamp(low + delta, 0, high - minSide), high];
    case "high":
      return [low, clamp(high + delta, low + minSide, 1)];
    case "none":
      return [low, high];
    case "whole": {
      const shift = clamp(delta, -low, Math.max(0, 1 - high));
      return [low + shift, high + shift];
    }
    default:
      throw new Error(`internal: unknown part ${String(part satisfies never)}`);
  }
}

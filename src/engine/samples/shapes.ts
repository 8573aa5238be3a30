import type { BoundingBox } from "../../protocol/tasks.ts";

export const shapeNames = ["circle", "square", "triangle", "star"] as const;
export type ShapeName = (typeof shapeNames)[number];

export const colourNames = ["red", "green", "blue", "yellow", "white", "purple"] as const;
export type ColourName = (typeof colourNames)[number];

/** RGB, 0 to 255; far apart from each other and from the dark backgrounds. */
export const colourRgb: Readonly<Record<ColourName, readonly [number, number, number]>> = {
  red: [226, 44, 40],
  green: [36, 176, 64],
  blue: [44, 92, 240],
  yellow: [246, 214, 32],
  white: [244, 244, 244],
  purple: [172, 48, 208],
};

/** Corners x, y, x, y… in pixels around the centre, y down. A circle has none. */
export type Polygon = Float64Array;

/**
 * Radius of the smallest circle around the centre that holds the shape at any angle, in pixels.
 * `sizePx` is the width of the upright shape (a square is drawn at 0.92 of it, so that areas are alike).
 */
export function outerRadiusPx(shape: ShapeName, sizePx: number): number {
  switch (shape) {
    case "circle":
      return sizePx / 2;
    case "square":
      return (0.92 * sizePx) / Math.SQRT2;
    case "triangle":
      return sizePx / Math.sqrt(3);
    case "star":
      return sizePx / (2 * Math.sin((2 * Math.PI) / 5));
  }
}

/** Corners of the shape turned clockwise by `angleRad` and moved to a centre. Empty for a circle. */
export function polygonOf(
  shape: ShapeName,
  sizePx: number,
  angleRad: number,
  centreX: number,
  centreY: number,
): Polygon {
  if (shape === "circle") return new Float64Array(0);
  const radius = outerRadiusPx(shape, sizePx);
  const count = shape === "square" ? 4 : shape === "triangle" ? 3 : 10;
  const first = shape === "square" ? -Math.PI / 4 : -Math.PI / 2;
  const corners = new Float64Array(2 * count);
  for (let k = 0; k < count; k++) {
    const angle = first + (2 * Math.PI * k) / count + angleRad;
    const r = shape === "star" && k % 2 === 1 ? radius * starInnerRatio : radius;
    corners[2 * k] = centreX + r * Math.cos(angle);
    corners[2 * k + 1] = centreY + r * Math.sin(angle);
  }
  return corners;
}

/** Tight box of a shape in pixels: x0, y0, x1, y1 are edges, not pixel centres. */
export function shapeBoxPx(
  shape: ShapeName,
  sizePx: number,
  angleRad: number,
  centreX: number,
  centreY: number,
): BoundingBox {
  if (shape === "circle") {
    const r = sizePx / 2;
    return { x0: centreX - r, y0: centreY - r, x1: centreX + r, y1: centreY + r };
  }
  const corners = polygonOf(shape, sizePx, angleRad, centreX, centreY);
  const box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  for (let k = 0; k < corners.length; k += 2) {
    const x = corners[k] ?? 0;
    const y = corners[k + 1] ?? 0;
    box.x0 = Math.min(box.x0, x);
    box.x1 = Math.max(box.x1, x);
    box.y0 = Math.min(box.y0, y);
    box.y1 = Math.max(box.y1, y);
  }
  return box;
}

/**
 * Distance of two upright shapes' centres at which they first touch, when the second comes in from the direction
 * `directionRad` of the first. In pixels, by bisection to 1/1000 px.
 */
export function contactDistancePx(
  first: { readonly shape: ShapeName; readonly sizePx: number },
  second: { readonly shape: ShapeName; readonly sizePx: number },
  directionRad: number,
): number {
  const still = outlineOf(first.shape, first.sizePx, 0, 0);
  let touching = 0;
  let apart = outerRadiusPx(first.shape, first.sizePx) + outerRadiusPx(second.shape, second.sizePx) + 1;
  while (apart - touching > 1e-3) {
    const middle = (touching + apart) / 2;
    const moved = outlineOf(
      second.shape,
      second.sizePx,
      middle * Math.cos(directionRad),
      middle * Math.sin(directionRad),
    );
    if (outlinesMeet(still, moved)) touching = middle;
    else apart = middle;
  }
  return (touching + apart) / 2;
}

/** Whether two closed outlines cross, or one lies inside the other. */
export function outlinesMeet(a: Polygon, b: Polygon): boolean {
  for (let i = 0; i < a.length; i += 2) {
    for (let j = 0; j < b.length; j += 2) if (edgesCross(a, i, b, j)) return true;
  }
  return contains(a, b[0] ?? 0, b[1] ?? 0) || contains(b, a[0] ?? 0, a[1] ?? 0);
}

/** Corners of an upright shape; a circle as a polygon of 96 corners (off by less than 0.02 px at these sizes). */
export function outlineOf(shape: ShapeName, sizePx: number, centreX: number, centreY: number): Polygon {
  if (shape !== "circle") return polygonOf(shape, sizePx, 0, centreX, centreY);
  const corners = new Float64Array(2 * 96);
  for (let k = 0; k < 96; k++) {
    corners[2 * k] = centreX + (sizePx / 2) * Math.cos((2 * Math.PI * k) / 96);
    corners[2 * k + 1] = centreY + (sizePx / 2) * Math.sin((2 * Math.PI * k) / 96);
  }
  return corners;
}

/** Inner corners of the star lie at this share of its outer radius: a fat star keeps its colour at small sizes. */
const starInnerRatio = 0.5;

function edgesCross(a: Polygon, i: number, b: Polygon, j: number): boolean {
  const ax = a[i] ?? 0;
  const ay = a[i + 1] ?? 0;
  const bx = a[(i + 2) % a.length] ?? 0;
  const by = a[(i + 3) % a.length] ?? 0;
  const cx = b[j] ?? 0;
  const cy = b[j + 1] ?? 0;
  const dx = b[(j + 2) % b.length] ?? 0;
  const dy = b[(j + 3) % b.length] ?? 0;
  return (
    side(ax, ay, bx, by, cx, cy) * side(ax, ay, bx, by, dx, dy) <= 0 &&
    side(cx, cy, dx, dy, ax, ay) * side(cx, cy, dx, dy, bx, by) <= 0
  );
}

function side(ax: number, ay: number, bx: number, by: number, px: number, py: number): number {
  return (bx - ax) * (py - ay) - (by - ay) * (px - ax);
}

function contains(polygon: Polygon, x: number, y: number): boolean {
  let inside = false;
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const xi = polygon[i] ?? 0;
    const yi = polygon[i + 1] ?? 0;
    const xj = polygon[j] ?? 0;
    const yj = polygon[j + 1] ?? 0;
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}

import type { Segment } from "../../protocol/tasks.ts";
import { clipDurationSec, frameSidePx } from "./clip-format.ts";
import { elementAt } from "./random.ts";
import type { SeededRandom } from "./random.ts";
import { contactDistancePx, outlineOf, outlinesMeet, outerRadiusPx, shapeBoxPx } from "./shapes.ts";
import type { ShapeName } from "./shapes.ts";

/** Centre of an object over the clip, in pixels, at `pathRateHz` points a second. */
export interface Path {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

export interface Body {
  readonly shape: ShapeName;
  readonly sizePx: number;
}

export const pathRateHz = 64;
const pointCount = Math.round(clipDurationSec * pathRateHz) + 1;

/** Centre at a time, linear between the points of the path. */
export function pathAt(path: Path, timeSec: number): { x: number; y: number } {
  const position = Math.min(Math.max(timeSec * pathRateHz, 0), pointCount - 1);
  const i = Math.min(Math.floor(position), pointCount - 2);
  const f = position - i;
  const x = (path.x[i] ?? 0) * (1 - f) + (path.x[i + 1] ?? 0) * f;
  const y = (path.y[i] ?? 0) * (1 - f) + (path.y[i + 1] ?? 0) * f;
  return { x, y };
}

/**
 * Curved paths of bodies that bounce off the walls and turn away from each other before they touch.
 * Bodies are kept apart as discs, so that they stay apart at any angle. Null when they got stuck: draw again.
 */
export function wanderingPaths(random: SeededRandom, bodies: readonly Body[]): Path[] | null {
  const movers = placeMovers(random, bodies);
  if (movers === null) return null;
  const paths = movers.map(() => ({ x: new Float64Array(pointCount), y: new Float64Array(pointCount) }));
  for (let step = 0; step < pointCount; step++) {
    movers.forEach((mover, k) => {
      const path = elementAt(paths, k);
      path.x[step] = mover.x;
      path.y[step] = mover.y;
    });
    movers.forEach((mover) => advance(mover));
    keepApart(movers);
    if (smallestGapPx(movers) < 1) return null;
  }
  return paths;
}

/**
 * Paths of two bodies that meet at `contact.startSec`, stay together (overlapping by a few pixels), and part at
 * `contact.endSec`; both drift meanwhile. Null when they would meet at other times too: draw again.
 */
export function meetingPaths(random: SeededRandom, pair: readonly [Body, Body], contact: Segment): [Path, Path] | null {
  const [first, second] = pair;
  const direction = random.uniform(0, 2 * Math.PI);
  const swing = random.uniform(-0.9, 0.9);
  const touchPx = contactDistancePx(first, second, direction);
  const drift = [driftOf(random), driftOf(random)] as const;
  const paths: [Path, Path] = [emptyPath(), emptyPath()];
  for (let step = 0; step < pointCount; step++) {
    const timeSec = step / pathRateHz;
    const awaySec = Math.max(contact.startSec - timeSec, timeSec - contact.endSec);
    const angle = direction + (awaySec > 0 ? swing * (1 - Math.exp(-awaySec)) : 0);
    const distance = touchPx + gapPx(awaySec);
    const offset = [distance * Math.cos(angle), distance * Math.sin(angle)] as const;
    for (const axis of [0, 1] as const) {
      const low = wallPx + Math.max(halfPx(first, axis, -1), halfPx(second, axis, -1) - offset[axis]);
      const high = frameSidePx - wallPx - Math.max(halfPx(first, axis, 1), halfPx(second, axis, 1) + offset[axis]);
      if (low > high) return null;
      const at = low + (high - low) * drift[axis](timeSec);
      (axis === 0 ? paths[0].x : paths[0].y)[step] = at;
      (axis === 0 ? paths[1].x : paths[1].y)[step] = at + offset[axis];
    }
    if (Math.abs(awaySec) > 0.02 && bodiesMeet(pair, paths, step) !== awaySec < 0) return null;
  }
  return paths;
}

interface Mover {
  readonly radius: number;
  readonly speed: number;
  readonly turn: number;
  x: number;
  y: number;
  heading: number;
}

const wallPx = 1;
const separationPx = 3;

function placeMovers(random: SeededRandom, bodies: readonly Body[]): Mover[] | null {
  const placed: Mover[] = [];
  for (const body of bodies) {
    const radius = outerRadiusPx(body.shape, body.sizePx);
    const mover: Mover = {
      radius,
      speed: random.uniform(18, 30),
      turn: random.uniform(0.15, 0.7) * (random.chance(0.5) ? 1 : -1),
      x: 0,
      y: 0,
      heading: random.uniform(0, 2 * Math.PI),
    };
    let tries = 0;
    do {
      if (tries++ > 60) return null;
      mover.x = random.uniform(wallPx + radius, frameSidePx - wallPx - radius);
      mover.y = random.uniform(wallPx + radius, frameSidePx - wallPx - radius);
    } while (smallestGapPx([...placed, mover]) < separationPx + 1);
    placed.push(mover);
  }
  return placed;
}

function advance(mover: Mover): void {
  mover.heading += mover.turn / pathRateHz;
  let vx = mover.speed * Math.cos(mover.heading);
  let vy = mover.speed * Math.sin(mover.heading);
  const low = wallPx + mover.radius;
  const high = frameSidePx - wallPx - mover.radius;
  const x = mover.x + vx / pathRateHz;
  const y = mover.y + vy / pathRateHz;
  if (x < low || x > high) vx = x < low ? Math.abs(vx) : -Math.abs(vx);
  if (y < low || y > high) vy = y < low ? Math.abs(vy) : -Math.abs(vy);
  mover.heading = Math.atan2(vy, vx);
  mover.x = Math.min(Math.max(x, low), high);
  mover.y = Math.min(Math.max(y, low), high);
}

/** Push discs that came too near apart, and exchange the parts of their velocities along the line between them. */
function keepApart(movers: readonly Mover[]): void {
  for (let round = 0; round < 4; round++) {
    forEachPair(movers, (a, b) => {
      const dx = b.x - a.x;
      const dy = b.y - a.y;
      const distance = Math.hypot(dx, dy);
      const missing = a.radius + b.radius + separationPx - distance;
      if (missing <= 0) return;
      const nx = distance > 0 ? dx / distance : 1;
      const ny = distance > 0 ? dy / distance : 0;
      shift(a, (-nx * missing) / 2, (-ny * missing) / 2);
      shift(b, (nx * missing) / 2, (ny * missing) / 2);
      bounce(a, b, nx, ny);
    });
  }
}

function shift(mover: Mover, dx: number, dy: number): void {
  const low = wallPx + mover.radius;
  const high = frameSidePx - wallPx - mover.radius;
  mover.x = Math.min(Math.max(mover.x + dx, low), high);
  mover.y = Math.min(Math.max(mover.y + dy, low), high);
}

function bounce(a: Mover, b: Mover, nx: number, ny: number): void {
  const va = [a.speed * Math.cos(a.heading), a.speed * Math.sin(a.heading)] as const;
  const vb = [b.speed * Math.cos(b.heading), b.speed * Math.sin(b.heading)] as const;
  const an = va[0] * nx + va[1] * ny;
  const bn = vb[0] * nx + vb[1] * ny;
  if (an - bn <= 0) return;
  a.heading = Math.atan2(va[1] + (bn - an) * ny, va[0] + (bn - an) * nx);
  b.heading = Math.atan2(vb[1] + (an - bn) * ny, vb[0] + (an - bn) * nx);
}

function smallestGapPx(movers: readonly Mover[]): number {
  let smallest = Infinity;
  forEachPair(movers, (a, b) => {
    smallest = Math.min(smallest, Math.hypot(a.x - b.x, a.y - b.y) - a.radius - b.radius);
  });
  return smallest;
}

function forEachPair(movers: readonly Mover[], visit: (a: Mover, b: Mover) => void): void {
  movers.forEach((a, i) => movers.slice(i + 1).forEach((b) => visit(a, b)));
}

/**
 * Distance beyond first contact, by the time that lies between now and the contact: opens at 50 px/s and levels off;
 * within the contact the bodies overlap by up to 3 px.
 */
function gapPx(awaySec: number): number {
  if (awaySec >= 0) return 34 * (1 - Math.exp((-50 / 34) * awaySec));
  return -Math.min(3, -awaySec * 50);
}

/** A slow wave within [0, 1]. */
function driftOf(random: SeededRandom): (timeSec: number) => number {
  const slow = { hz: random.uniform(0.08, 0.16), phase: random.uniform(0, 2 * Math.PI) };
  const fast = { hz: random.uniform(0.16, 0.26), phase: random.uniform(0, 2 * Math.PI) };
  return (timeSec) =>
    0.5 +
    0.35 * Math.sin(2 * Math.PI * slow.hz * timeSec + slow.phase) +
    0.15 * Math.sin(2 * Math.PI * fast.hz * timeSec + fast.phase);
}

/** How far an upright body reaches from its centre along an axis (0 is x), to the side of `sign`. */
function halfPx(body: Body, axis: 0 | 1, sign: -1 | 1): number {
  const box = shapeBoxPx(body.shape, body.sizePx, 0, 0, 0);
  if (axis === 0) return sign < 0 ? -box.x0 : box.x1;
  return sign < 0 ? -box.y0 : box.y1;
}

function bodiesMeet(pair: readonly [Body, Body], paths: readonly [Path, Path], step: number): boolean {
  const [first, second] = pair;
  const ax = paths[0].x[step] ?? 0;
  const ay = paths[0].y[step] ?? 0;
  const bx = paths[1].x[step] ?? 0;
  const by = paths[1].y[step] ?? 0;
  const reach = outerRadiusPx(first.shape, first.sizePx) + outerRadiusPx(second.shape, second.sizePx);
  if (Math.hypot(ax - bx, ay - by) > reach) return false;
  return outlinesMeet(outlineOf(first.shape, first.sizePx, ax, ay), outlineOf(second.shape, second.sizePx, bx, by));
}

function emptyPath(): Path {
  return { x: new Float64Array(pointCount), y: new Float64Array(pointCount) };
}

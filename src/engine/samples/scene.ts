import type { BoundingBox, Segment } from "../../protocol/tasks.ts";
import { clipDurationSec, frameSidePx, trackTimestampsSec } from "./clip-format.ts";
import { meetingPaths, pathAt, wanderingPaths } from "./motion.ts";
import type { Path } from "./motion.ts";
import { elementAt, seededRandom } from "./random.ts";
import type { SeededRandom } from "./random.ts";
import { colourNames, shapeBoxPx, shapeNames } from "./shapes.ts";
import type { ColourName, ShapeName } from "./shapes.ts";

/** What an object does in a part of the clip. `touches` belongs to both objects and stands with the first. */
export type SceneEvent =
  | { readonly kind: "on-screen"; readonly object: number; readonly segment: Segment }
  | { readonly kind: "spins"; readonly object: number; readonly segment: Segment; readonly turns: number }
  | { readonly kind: "turns"; readonly object: number; readonly segment: Segment; readonly colour: ColourName }
  | { readonly kind: "touches"; readonly object: number; readonly segment: Segment; readonly other: number };
export type EventKind = SceneEvent["kind"];

export interface SceneObject {
  readonly shape: ShapeName;
  readonly colour: ColourName;
  /** Width of the upright shape in pixels. */
  readonly sizePx: number;
  readonly path: Path;
}

export interface Background {
  readonly rgb: readonly [number, number, number];
  /** Brightness rises by this much from one side of the frame to the other, along `gradientRad`. */
  readonly gradient: number;
  readonly gradientRad: number;
  /** Largest deviation of the grain. */
  readonly noise: number;
  readonly noiseSeed: number;
}

/** A clip before it is drawn. Shapes and colours within a scene are all different, and each kind of event happens once at most. */
export interface Scene {
  readonly seed: number;
  readonly index: number;
  readonly objects: readonly SceneObject[];
  readonly events: readonly SceneEvent[];
  readonly background: Background;
}

/** Shortest and longest event in seconds. */
export const eventLengthSec = { min: 1.2, max: 3.6 } as const;

/**
 * The scene with a number. The same seed and index give the same scene; scenes of different indices are independent.
 * A quarter of the scenes show two objects that meet, the others two or three that keep apart.
 */
export function makeScene(seed: number, index: number): Scene {
  const random = seededRandom(seed, index);
  const shapes = random.shuffle(shapeNames);
  const colours = random.shuffle(colourNames);
  const meeting = random.chance(0.25);
  const count = meeting || random.chance(0.5) ? 2 : 3;
  const contact = meeting ? eventSegment(random) : null;
  const objects = placeObjects(random, shapes.slice(0, count), colours, contact);
  const spareColours = colours.slice(count);
  const events =
    contact === null ? soloEvents(random, count, spareColours) : meetingEvents(random, contact, spareColours);
  const background: Background = {
    rgb: [random.uniform(20, 26), random.uniform(20, 26), random.uniform(20, 26)],
    gradient: random.uniform(0, 4),
    gradientRad: random.uniform(0, 2 * Math.PI),
    noise: random.uniform(2, 7),
    noiseSeed: random.below(2 ** 31),
  };
  return { seed, index, objects, events, background };
}

/** Events that an object takes part in. */
export function eventsOf(scene: Scene, object: number): SceneEvent[] {
  return scene.events.filter((e) => e.object === object || (e.kind === "touches" && e.other === object));
}

/** Whether an event is going on: from its start, up to but without its end. */
export function isDuring(segment: Segment, timeSec: number): boolean {
  return timeSec >= segment.startSec && timeSec < segment.endSec;
}

export function isOnScreen(scene: Scene, object: number, timeSec: number): boolean {
  return scene.events.every((e) => e.kind !== "on-screen" || e.object !== object || isDuring(e.segment, timeSec));
}

export function colourAt(scene: Scene, object: number, timeSec: number): ColourName {
  for (const e of scene.events) {
    if (e.kind === "turns" && e.object === object && isDuring(e.segment, timeSec)) return e.colour;
  }
  return elementAt(scene.objects, object).colour;
}

/** Clockwise angle in radians; 0 outside a spin, whole turns within one. */
export function angleAt(scene: Scene, object: number, timeSec: number): number {
  for (const e of scene.events) {
    if (e.kind !== "spins" || e.object !== object || !isDuring(e.segment, timeSec)) continue;
    const done = (timeSec - e.segment.startSec) / (e.segment.endSec - e.segment.startSec);
    return 2 * Math.PI * e.turns * done;
  }
  return 0;
}

/** Tight box of an object in pixels of the frame, whether or not it is on the screen. */
export function boxPxAt(scene: Scene, object: number, timeSec: number): BoundingBox {
  const { shape, sizePx, path } = elementAt(scene.objects, object);
  const { x, y } = pathAt(path, timeSec);
  return shapeBoxPx(shape, sizePx, angleAt(scene, object, timeSec), x, y);
}

/** The same box, normalised to [0, 1]. */
export function boxAt(scene: Scene, object: number, timeSec: number): BoundingBox {
  const { x0, y0, x1, y1 } = boxPxAt(scene, object, timeSec);
  return { x0: x0 / frameSidePx, y0: y0 / frameSidePx, x1: x1 / frameSidePx, y1: y1 / frameSidePx };
}

/** The first object is the one to be tracked: it stays on the screen, keeps its colour, and moves far enough. */
const trackedObject = 0;

function placeObjects(
  random: SeededRandom,
  shapes: readonly ShapeName[],
  colours: readonly ColourName[],
  contact: Segment | null,
): SceneObject[] {
  for (let attempt = 0; attempt < 2000; attempt++) {
    const bodies = shapes.map((shape) => ({
      shape,
      sizePx:
        shapes.length > 2 ? random.uniform(28, 34) : contact === null ? random.uniform(30, 46) : random.uniform(28, 38),
    }));
    const paths = contact === null ? wanderingPaths(random, bodies) : meetingPaths(random, pairOf(bodies), contact);
    if (paths === null) continue;
    const objects = bodies.map((body, k) => ({ ...body, colour: elementAt(colours, k), path: elementAt(paths, k) }));
    if (movesEnough(elementAt(objects, trackedObject))) return objects;
  }
  throw new Error("internal: no arrangement of the objects was found");
}

/** Copying the first box must be a bad answer: its mean IoU over the 8 times (the first counts 1) stays below 0.4. */
function movesEnough(object: SceneObject): boolean {
  const boxes = trackTimestampsSec.map((t) => {
    const { x, y } = pathAt(object.path, t);
    return shapeBoxPx(object.shape, object.sizePx, 0, x, y);
  });
  const first = elementAt(boxes, 0);
  const ious = boxes.map((box) => {
    const width = Math.max(0, Math.min(box.x1, first.x1) - Math.max(box.x0, first.x0));
    const height = Math.max(0, Math.min(box.y1, first.y1) - Math.max(box.y0, first.y0));
    const area = (first.x1 - first.x0) * (first.y1 - first.y0);
    return (width * height) / (2 * area - width * height);
  });
  return ious.reduce((sum, v) => sum + v, 0) / ious.length < 0.4;
}

function soloEvents(random: SeededRandom, count: number, spareColours: readonly ColourName[]): SceneEvent[] {
  const kinds = random.shuffle(["spins", "turns", "on-screen"] as const);
  const events: SceneEvent[] = [];
  if (random.chance(0.5)) {
    events.push(spin(random, trackedObject));
    kinds.splice(kinds.indexOf("spins"), 1);
  }
  for (let object = 1; object < count; object++) {
    const kind = kinds.shift();
    if (kind === "spins") events.push(spin(random, object));
    else if (kind === "turns") events.push(turn(random, object, spareColours));
    else if (kind === "on-screen") events.push({ kind, object, segment: eventSegment(random) });
  }
  return events;
}

function meetingEvents(random: SeededRandom, contact: Segment, spareColours: readonly ColourName[]): SceneEvent[] {
  const events: SceneEvent[] = [{ kind: "touches", object: 0, other: 1, segment: contact }];
  if (random.chance(0.6)) events.push(turn(random, 1, spareColours));
  return events;
}

function spin(random: SeededRandom, object: number): SceneEvent {
  const segment = eventSegment(random);
  const turns = Math.max(1, Math.round((segment.endSec - segment.startSec) * 0.7)) * (random.chance(0.5) ? 1 : -1);
  return { kind: "spins", object, segment, turns };
}

function turn(random: SeededRandom, object: number, spareColours: readonly ColourName[]): SceneEvent {
  return { kind: "turns", object, segment: eventSegment(random), colour: random.pick(spareColours) };
}

/** Rounded to 0.01 s, so that what is written is exactly what is drawn. */
function eventSegment(random: SeededRandom): Segment {
  const length = random.uniform(eventLengthSec.min, eventLengthSec.max);
  const start = random.uniform(0, clipDurationSec - length);
  return { startSec: Math.round(start * 100) / 100, endSec: Math.round((start + length) * 100) / 100 };
}

function pairOf<T>(items: readonly T[]): [T, T] {
  return [elementAt(items, 0), elementAt(items, 1)];
}

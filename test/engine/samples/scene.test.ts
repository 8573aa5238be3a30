import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import fc from "fast-check";
import { clipDurationSec, frameSidePx } from "../../../src/engine/samples/clip-format.ts";
import { pathAt } from "../../../src/engine/samples/motion.ts";
import { elementAt } from "../../../src/engine/samples/random.ts";
import { frameTimesSec, renderScene } from "../../../src/engine/samples/render.ts";
import {
  boxPxAt,
  colourAt,
  eventLengthSec,
  isDuring,
  isOnScreen,
  makeScene,
} from "../../../src/engine/samples/scene.ts";
import type { Scene } from "../../../src/engine/samples/scene.ts";
import { colourRgb, outlineOf, outlinesMeet } from "../../../src/engine/samples/shapes.ts";
import type { ColourName } from "../../../src/engine/samples/shapes.ts";

const sceneIndex = fc.integer({ min: 0, max: 5_000_000 });

test("events lie within the clip, and shapes and colours tell the objects of a scene apart", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1000 }), sceneIndex, (seed, index) => {
      const scene = makeScene(seed, index);
      assert.ok(scene.objects.length === 2 || scene.objects.length === 3);
      assert.equal(new Set(scene.objects.map((o) => o.shape)).size, scene.objects.length);
      const turned = scene.events.flatMap((e) => (e.kind === "turns" ? [e.colour] : []));
      const colours = [...scene.objects.map((o) => o.colour), ...turned];
      assert.equal(new Set(colours).size, colours.length);
      assert.ok(scene.events.length >= 1);
      assert.equal(new Set(scene.events.map((e) => e.kind)).size, scene.events.length);
      for (const { segment } of scene.events) {
        const length = segment.endSec - segment.startSec;
        assert.ok(segment.startSec >= 0 && segment.endSec <= clipDurationSec);
        assert.ok(length >= eventLengthSec.min - 0.011 && length <= eventLengthSec.max + 0.011);
      }
    }),
    { numRuns: 150 },
  );
});

test("objects stay inside the frame and the first one is on the screen in its own colour all the time", () => {
  for (let index = 0; index < 60; index++) {
    const scene = makeScene(11, index);
    for (const timeSec of frameTimesSec) {
      assert.ok(isOnScreen(scene, 0, timeSec));
      assert.equal(colourAt(scene, 0, timeSec), scene.objects[0]?.colour);
      scene.objects.forEach((_, object) => {
        const box = boxPxAt(scene, object, timeSec);
        assert.ok(box.x0 >= 0 && box.y0 >= 0 && box.x1 <= frameSidePx && box.y1 <= frameSidePx, JSON.stringify(box));
      });
    }
  }
});

test("two objects meet exactly in the interval of their touch event, and never without one", () => {
  const seen = { meetings: 0, apart: 0 };
  for (let index = 0; index < 80; index++) {
    const scene = makeScene(12, index);
    const touch = scene.events.find((e) => e.kind === "touches");
    for (let timeSec = 0.05; timeSec < clipDurationSec; timeSec += 0.07) {
      const away = touch === undefined ? 1 : Math.max(touch.segment.startSec - timeSec, timeSec - touch.segment.endSec);
      // A frame lasts 1/8 s; the contact is exact to a quarter of that.
      if (Math.abs(away) < 1 / 32) continue;
      assert.equal(anyMeet(scene, timeSec), away < 0, `scene ${index} at ${timeSec} s`);
      if (away < 0) seen.meetings++;
      else seen.apart++;
    }
  }
  assert.ok(seen.meetings > 100 && seen.apart > 1000);
});

test("boxes and intervals agree with the drawn pixels", () => {
  for (let index = 0; index < 16; index++) {
    const scene = makeScene(13, index);
    if (scene.events.some((e) => e.kind === "touches")) continue;
    const pixels = renderScene(scene);
    scene.objects.forEach((_, object) => {
      const bare = renderScene(without(scene, object));
      frameTimesSec.forEach((timeSec, frame) => {
        const found = drawnBox(frameOf(pixels, frame), frameOf(bare, frame), colourAt(scene, object, timeSec));
        assert.equal(
          found !== null,
          isOnScreen(scene, object, timeSec),
          `scene ${index} object ${object} frame ${frame}`,
        );
        if (found !== null) assertBoxesNear(found, boxPxAt(scene, object, timeSec));
      });
    });
  }
});

test("a touched object is drawn where its box says", () => {
  const scene = Array.from({ length: 80 }, (_, k) => makeScene(14, k)).find(
    (s) => s.events[0]?.kind === "touches" && s.objects[1]?.shape === "circle",
  );
  assert.ok(scene !== undefined);
  const pixels = renderScene(scene);
  const bare = renderScene(without(scene, 1));
  // The second object is drawn over the first, so it is whole.
  frameTimesSec.forEach((timeSec, frame) => {
    const found = drawnBox(frameOf(pixels, frame), frameOf(bare, frame), colourAt(scene, 1, timeSec));
    assert.ok(found !== null);
    assertBoxesNear(found, boxPxAt(scene, 1, timeSec));
  });
});

test("a circle that does not spin is pale above and of its colour below; half a turn swaps them", () => {
  const scene = Array.from({ length: 200 }, (_, k) => makeScene(15, k)).find((s) =>
    s.events.some((e) => e.kind === "spins" && s.objects[e.object]?.shape === "circle"),
  );
  assert.ok(scene !== undefined);
  const spin = scene.events.find((e) => e.kind === "spins");
  assert.ok(spin !== undefined);
  const { sizePx, path } = elementAt(scene.objects, spin.object);
  const halves = (image: Uint8Array, timeSec: number) => {
    const { x, y } = pathAt(path, timeSec);
    const full = colourRgb[colourAt(scene, spin.object, timeSec)];
    const [above, below] = [-0.3, 0.3].map((offset) => {
      const at = (Math.floor(y + offset * sizePx) * frameSidePx + Math.floor(x)) * 3;
      return rgbDistance(image.subarray(at, at + 3), full);
    });
    return { above: above ?? NaN, below: below ?? NaN };
  };
  const pixels = renderScene(scene);
  frameTimesSec.forEach((timeSec, frame) => {
    if (isDuring(spin.segment, timeSec) || !isOnScreen(scene, spin.object, timeSec)) return;
    const { above, below } = halves(frameOf(pixels, frame), timeSec);
    assert.ok(below < 1 && above > 100, `frame ${frame}: ${above} above, ${below} below`);
  });
  const { startSec, endSec } = spin.segment;
  const halfTurned = startSec + (endSec - startSec) / (2 * Math.abs(spin.turns));
  const { above, below } = halves(renderScene(scene, [halfTurned]), halfTurned);
  assert.ok(above < 1 && below > 100, `half turned: ${above} above, ${below} below`);
});

test("frames are the same on every machine and differ between scenes", () => {
  const hash = (index: number): string =>
    createHash("sha256")
      .update(renderScene(makeScene(7, index)))
      .digest("hex");
  assert.equal(hash(0), hash(0));
  assert.equal(new Set([0, 1, 2, 3, 4, 5].map(hash)).size, 6);
  // Changes with the generator; then raise generatorVersion.
  assert.equal(hash(0).slice(0, 16), "d4ce478c560b83d5");
});

test("the frame at a time is the same alone and within a clip", () => {
  const scene = makeScene(7, 3);
  const size = frameSidePx ** 2 * 3;
  const all = renderScene(scene);
  assert.deepEqual(renderScene(scene, [2.5]), all.slice(20 * size, 21 * size));
});

interface PixelBox {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** The scene with one object moved far out of the frame. */
function without(scene: Scene, object: number): Scene {
  const away = ({ x, y }: Scene["objects"][number]["path"]) => ({ x: x.map(() => -1000), y: y.map(() => -1000) });
  return { ...scene, objects: scene.objects.map((o, k) => (k === object ? { ...o, path: away(o.path) } : o)) };
}

/** Box of what an object drew on `bare`, from 15 % of its colour on: sharp tips are blends. It must show that colour. */
function drawnBox(image: Uint8Array, bare: Uint8Array, colour: ColourName): PixelBox | null {
  const box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  const full = colourRgb[colour];
  let inFullColour = 0;
  for (let y = 0; y < frameSidePx; y++) {
    for (let x = 0; x < frameSidePx; x++) {
      const at = (y * frameSidePx + x) * 3;
      const [pixel, back] = [image.subarray(at, at + 3), bare.subarray(at, at + 3)];
      if (rgbDistance(pixel, full) === 0) inFullColour++;
      if (rgbDistance(pixel, back) <= 0.15 * rgbDistance(full, back)) continue;
      box.x0 = Math.min(box.x0, x);
      box.y0 = Math.min(box.y0, y);
      box.x1 = Math.max(box.x1, x + 1);
      box.y1 = Math.max(box.y1, y + 1);
    }
  }
  if (box.x1 < 0) return null;
  // A star fills a quarter of its box, and its pale half a part of the star.
  assert.ok(inFullColour > 0.1 * (box.x1 - box.x0) * (box.y1 - box.y0), `${inFullColour} pixels are ${colour}`);
  return box;
}

function rgbDistance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.hypot(...[0, 1, 2].map((c) => (a[c] ?? 0) - (b[c] ?? 0)));
}

function assertBoxesNear(found: PixelBox, expected: PixelBox): void {
  for (const key of ["x0", "y0", "x1", "y1"] as const) {
    assert.ok(
      Math.abs(found[key] - expected[key]) <= 1.5,
      `${key}: drawn ${found[key]}, written ${expected[key].toFixed(2)}`,
    );
  }
}

function anyMeet(scene: Scene, timeSec: number): boolean {
  const outlines = scene.objects.map((object) => {
    const { x, y } = pathAt(object.path, timeSec);
    return outlineOf(object.shape, object.sizePx, x, y);
  });
  return outlines.some((a, i) => outlines.slice(i + 1).some((b) => outlinesMeet(a, b)));
}

test("the light of the stage tells left from right, up from down, and early from late", () => {
  const scene = { ...makeScene(16, 0), objects: [], events: [] };
  const images = renderScene(scene, [0, 7.875]);
  const mean = (frame: number, channel: number, isIn: (x: number, y: number) => boolean): number => {
    const image = frameOf(images, frame);
    const values: number[] = [];
    for (let y = 0; y < frameSidePx; y++)
      for (let x = 0; x < frameSidePx; x++)
        if (isIn(x, y)) values.push(image[(y * frameSidePx + x) * 3 + channel] ?? 0);
    return values.reduce((sum, v) => sum + v, 0) / values.length;
  };
  const half = frameSidePx / 2;
  const right = mean(0, 0, (x) => x >= half) - mean(0, 0, (x) => x < half);
  const down = mean(0, 1, (_, y) => y >= half) - mean(0, 1, (_, y) => y < half);
  const late = mean(1, 2, () => true) - mean(0, 2, () => true);
  for (const difference of [right, down, late]) assert.ok(difference > 20, `${right} ${down} ${late}`);
});

function frameOf(pixels_FHWC: Uint8Array, frame: number): Uint8Array {
  const size = frameSidePx ** 2 * 3;
  return pixels_FHWC.subarray(frame * size, (frame + 1) * size);
}

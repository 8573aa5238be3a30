import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { createResizer } from "../../../src/engine/video/resize.ts";

interface GoldenCase {
  readonly width: number;
  readonly height: number;
  readonly outWidth: number;
  readonly outHeight: number;
  readonly hard: boolean;
  readonly input: string;
  readonly pillow: string;
  readonly torch: string;
}

// SAFETY: written by test/python/makeVideoFixture.py.
const cases = JSON.parse(
  fs.readFileSync(path.join("test", "fixtures", "video", "resize.json"), "utf8"),
) as GoldenCase[];

function bytes(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, "base64"));
}

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  assert.equal(a.length, b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? 0))), 0);
}

for (const c of cases) {
  const name = `${c.width}x${c.height} to ${c.outWidth}x${c.outHeight}${c.hard ? ", hard edges" : ""}`;
  test(`within 1/255 of torch and Pillow: ${name}`, () => {
    const out = createResizer(c.width, c.height, c.outWidth, c.outHeight).resize(bytes(c.input));
    assert.ok(largestDifference(out, bytes(c.torch)) <= 1);
    if (!c.hard) assert.ok(largestDifference(out, bytes(c.pillow)) <= 1);
  });
}

test("same size gives the same bytes; a constant frame stays constant", () => {
  const size = fc.integer({ min: 1, max: 40 });
  fc.assert(
    fc.property(size, size, size, size, fc.integer({ min: 0, max: 255 }), (w, h, ow, oh, value) => {
      const frame = new Uint8Array(w * h * 3).map((_, i) => (i * 37 + value) % 256);
      assert.deepEqual(createResizer(w, h, w, h).resize(frame), frame);
      const flat = createResizer(w, h, ow, oh).resize(new Uint8Array(w * h * 3).fill(value));
      assert.ok(flat.every((byte) => byte === value));
    }),
    { numRuns: 50 },
  );
});

test("every value is the weighted sum in floating point of 64 bits, rows first, rounded once", () => {
  const size = fc.integer({ min: 1, max: 60 });
  fc.assert(
    fc.property(size, size, size, size, fc.nat(), (w, h, ow, oh, seed) => {
      const frame = new Uint8Array(w * h * 3).map((_, i) => (Math.imul(i + seed, 2_654_435_761) >>> 13) % 256);
      assert.deepEqual(createResizer(w, h, ow, oh).resize(frame), plainResize(frame, [w, h], [ow, oh]));
    }),
    { numRuns: 60 },
  );
});

/** The same in the plainest words. */
function plainResize(frame: Uint8Array, [w, h]: [number, number], [ow, oh]: [number, number]): Uint8Array {
  const across = weightsOf(w, ow);
  const out = new Uint8ClampedArray(ow * oh * 3);
  weightsOf(h, oh).forEach((rows, y) => {
    const row = Array.from({ length: w * 3 }, (_, x) =>
      rows.reduce((sum, { at, weight }) => sum + weight * (frame[at * w * 3 + x] ?? 0), 0),
    );
    across.forEach((columns, x) => {
      for (let c = 0; c < 3; c++) {
        out[(y * ow + x) * 3 + c] = columns.reduce((sum, { at, weight }) => sum + weight * (row[at * 3 + c] ?? 0), 0);
      }
    });
  });
  return new Uint8Array(out.buffer);
}

/** Keys' cubic, a = -0.5, as wide as the scale, over the pixels that are there. */
function weightsOf(size: number, outSize: number): { at: number; weight: number }[][] {
  const scale = size / outSize;
  const widen = Math.max(scale, 1);
  return Array.from({ length: outSize }, (_, i) => {
    const center = (i + 0.5) * scale;
    const from = Math.max(Math.trunc(center - 2 * widen + 0.5), 0);
    const to = Math.min(Math.trunc(center + 2 * widen + 0.5), size);
    const raw = Array.from({ length: to - from }, (_, k) => cubic((k + from - center + 0.5) / widen));
    const sum = raw.reduce((total, weight) => total + weight, 0);
    return raw.map((weight, k) => ({ at: from + k, weight: weight / sum }));
  });
}

function cubic(x: number): number {
  const t = Math.abs(x);
  if (t < 1) return (1.5 * t - 2.5) * t * t + 1;
  return t < 2 ? (((t - 5) * t + 8) * t - 4) * -0.5 : 0;
}

test("a frame cut out of a larger buffer, and an output inside one, are respected", () => {
  const frame = new Uint8Array(8 * 6 * 3).map((_, i) => (i * 11) % 256);
  const expected = createResizer(8, 6, 4, 3).resize(frame);
  const within = new Uint8Array(frame.length + 5);
  within.set(frame, 5);
  const out = new Uint8Array(expected.length + 9).fill(77);
  createResizer(8, 6, 4, 3).resize(within.subarray(5), out.subarray(2, 2 + expected.length));
  assert.deepEqual(out.slice(2, 2 + expected.length), expected);
  assert.deepEqual([out[0], out[1], out[2 + expected.length]], [77, 77, 77]);
  assert.throws(() => createResizer(8, 6, 4, 3).resize(frame.subarray(1)), RangeError);
});

import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { boxIou, got10kIou } from "../../../src/engine/metrics/boxes.ts";
import { averageOverlap, got10kIous, successRate, trackIous } from "../../../src/engine/metrics/track.ts";

const side = fc.tuple(fc.integer({ min: 0, max: 19 }), fc.integer({ min: 1, max: 20 })).map(([a, b]) => {
  const to = Math.min(20, a + b);
  return [a / 20, to / 20] as const;
});
const box = fc.tuple(side, side).map(([[x0, x1], [y0, y1]]) => ({ x0, y0, x1, y1 }));

test("boxIou of known pairs", () => {
  const left = { x0: 0, y0: 0, x1: 0.5, y1: 1 };
  assert.equal(boxIou(left, { x0: 0, y0: 0, x1: 1, y1: 1 }), 0.5);
  assert.equal(boxIou(left, { x0: 0.5, y0: 0, x1: 1, y1: 1 }), 0);
  assert.equal(boxIou(left, { x0: 0.5, y0: 1, x1: 0, y1: 0 }), 0);
  assert.equal(boxIou(left, { x0: 0.2, y0: 0.2, x1: 0.2, y1: 0.8 }), 0);
  assert.equal(boxIou(left, { x0: -1, y0: -1, x1: 0.5, y1: 2 }), 1); // clipped to the frame
  assert.equal(boxIou(left, { x0: 100, y0: 100, x1: 200, y1: 200 }), 0); // pixels
});

test("boxIou is symmetric, in [0, 1], 1 for itself, and equals a count of grid cells", () => {
  fc.assert(
    fc.property(box, box, (a, b) => {
      const iou = boxIou(a, b);
      assert.ok(iou >= 0 && iou <= 1);
      assert.equal(iou, boxIou(b, a));
      assert.ok(boxIou(a, a) > 1 - 1e-12);
      const [inA, inB] = [cells(a), cells(b)];
      const both = [...inA].filter((c) => inB.has(c)).length;
      assert.ok(Math.abs(iou - both / (inA.size + inB.size - both)) < 1e-9);
    }),
  );
});

test("GOT-10k: frames without cover and the given box are left out, frames are pooled, success is strictly above", () => {
  const full = { x0: 0, y0: 0, x1: 1, y1: 1 };
  const half = { x0: 0, y0: 0, x1: 0.5, y1: 1 };
  const seen = (box: typeof full, cover?: number) => ({ timestampSec: 0, box, cover });
  // Two sequences as the toolkit reads them: cover [8, 8, 0, 3] and [8, 8].
  const first = got10kIous([full, half, full, full], [seen(full), seen(full), seen(full, 0), seen(full, 3)]);
  const second = got10kIous([half, full], [seen(full), seen(full)]);
  assert.deepEqual([first, second], [[0.5, 1], [1]]);
  assert.equal(averageOverlap([first, second]), 2.5 / 3);
  assert.equal(successRate([first, second], 0.5), 2 / 3);
  assert.equal(successRate([first, second], 0.75), 2 / 3);
  assert.deepEqual(got10kIous([full], [seen(full), seen(full)]), [0]); // missing
  assert.equal(averageOverlap([got10kIous([full], [seen(full)])]), 0); // nothing is scored
});

test("GOT-10k moves a box that begins outside the frame and keeps its size, where ours cuts it", () => {
  const truth = { x0: 0, y0: 0, x1: 0.3, y1: 1 };
  const begun = { x0: -0.1, y0: 0, x1: 0.2, y1: 1 };
  assert.ok(Math.abs(got10kIou(begun, truth) - 1) < 1e-12);
  assert.ok(Math.abs(boxIou(begun, truth) - 2 / 3) < 1e-12);
  const ended = { x0: 0.8, y0: 0, x1: 1.4, y1: 1 };
  assert.ok(Math.abs(got10kIou(ended, { x0: 0.8, y0: 0, x1: 1, y1: 1 }) - 1) < 1e-12);
});

test("a track is as long as its truth: missing boxes score 0", () => {
  const full = { x0: 0, y0: 0, x1: 1, y1: 1 };
  assert.deepEqual(trackIous([full], [full, full]), [1, 0]);
  assert.deepEqual(trackIous([full, full, full], [full]), [1]);
});

function cells(b: { x0: number; y0: number; x1: number; y1: number }): Set<number> {
  const found = new Set<number>();
  for (let x = Math.round(b.x0 * 20); x < Math.round(b.x1 * 20); x++) {
    for (let y = Math.round(b.y0 * 20); y < Math.round(b.y1 * 20); y++) found.add(x * 20 + y);
  }
  return found;
}

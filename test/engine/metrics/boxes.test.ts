import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { boxIou } from "../../../src/engine/metrics/boxes.ts";
import { averageOverlap, successRate, trackIous } from "../../../src/engine/metrics/track.ts";

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

test("average overlap leaves the given box out and pools frames; success is strictly above the threshold", () => {
  const long = [1, 0.5, 0.5, 0.5]; // three frames count
  const short = [1, 1]; // one frame counts
  assert.equal(averageOverlap([long, short]), (0.5 * 3 + 1) / 4);
  assert.equal(successRate([long, short], 0.5), 1 / 4);
  assert.equal(successRate([long, short], 0.49), 1);
  assert.equal(averageOverlap([[1]]), 0);
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

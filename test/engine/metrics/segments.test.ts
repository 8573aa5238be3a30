import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  coveredSec,
  hullOf,
  mergeSegments,
  nextGqaOverlap,
  segmentSetIou,
  sharedSec,
  tIou,
} from "../../../src/engine/metrics/segments.ts";

const segment = fc
  .tuple(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 1, max: 300 }))
  .map(([start, length]) => ({ startSec: start / 10, endSec: (start + length) / 10 }));
const segments = fc.array(segment, { maxLength: 12 });
const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

test("tIou of known pairs", () => {
  const truth = { startSec: 5, endSec: 10 };
  assert.equal(tIou({ startSec: 5, endSec: 10 }, truth), 1);
  assert.equal(tIou({ startSec: 5, endSec: 7.5 }, truth), 0.5);
  assert.equal(tIou({ startSec: 0, endSec: 20 }, truth), 0.25);
  assert.equal(tIou({ startSec: 10, endSec: 20 }, truth), 0);
  assert.equal(tIou({ startSec: 10, endSec: 5 }, truth), 0);
  assert.equal(tIou({ startSec: 5, endSec: 5 }, { startSec: 5, endSec: 5 }), 0);
});

test("tIou is symmetric, in [0, 1], 1 for itself, and does not change when both are shifted or stretched", () => {
  fc.assert(
    fc.property(segment, segment, fc.integer({ min: 1, max: 50 }), (a, b, factor) => {
      const iou = tIou(a, b);
      assert.ok(iou >= 0 && iou <= 1);
      assert.equal(iou, tIou(b, a));
      assert.equal(tIou(a, a), 1);
      const moved = (s: typeof a): typeof a => ({ startSec: s.startSec * factor + 7, endSec: s.endSec * factor + 7 });
      near(tIou(moved(a), moved(b)), iou);
    }),
  );
});

test("merged segments are sorted and disjoint and cover what was given, counted on a grid", () => {
  fc.assert(
    fc.property(segments, segments, (a, b) => {
      const merged = mergeSegments(a);
      merged.forEach((s, i) => assert.ok(i === 0 || s.startSec > (merged[i - 1]?.endSec ?? Infinity)));
      // Tenths of a second as a set: the same counts without any interval arithmetic.
      const cells = (list: typeof a): Set<number> =>
        new Set(list.flatMap((s) => range(Math.round(s.startSec * 10), Math.round(s.endSec * 10))));
      const [inA, inB] = [cells(a), cells(b)];
      const both = [...inA].filter((c) => inB.has(c)).length;
      const either = new Set([...inA, ...inB]).size;
      near(coveredSec(a), inA.size / 10);
      near(sharedSec(a, b), both / 10);
      near(segmentSetIou(a, b), either === 0 ? 0 : both / either);
    }),
  );
});

test("saying a segment many times is worth no more than once", () => {
  const truth = [{ startSec: 5, endSec: 10 }];
  const once = { startSec: 5, endSec: 7.5 };
  assert.equal(
    segmentSetIou(
      Array.from({ length: 100 }, () => once),
      truth,
    ),
    segmentSetIou([once], truth),
  );
  assert.equal(
    segmentSetIou(
      Array.from({ length: 100 }, () => ({ startSec: 6, endSec: 6 })),
      truth,
    ),
    0,
  );
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

test("NExT-GQA: the best true segment of one window, for IoU and for IoP apart", () => {
  const window = { startSec: 10, endSec: 20 };
  // Worked by hand from eval_ground.py: IoU 10/30 and 2/10, IoP 1 and 0.2 for the first and the second true segment.
  const truth = [
    { startSec: 0, endSec: 30 },
    { startSec: 18, endSec: 20 },
  ];
  assert.deepEqual(nextGqaOverlap(window, truth), { iou: 10 / 30, iop: 1 });
  assert.deepEqual(nextGqaOverlap(window, truth.slice(1)), { iou: 0.2, iop: 0.2 });
  assert.deepEqual(nextGqaOverlap({ startSec: 40, endSec: 50 }, truth), { iou: 0, iop: 0 });
  assert.deepEqual(nextGqaOverlap(null, truth), { iou: 0, iop: 0 });
});

test("several segments are one window from the first start to the last end", () => {
  const hull = hullOf([
    { startSec: 12, endSec: 14 },
    { startSec: 2, endSec: 5 },
    { startSec: 3, endSec: 3 },
  ]);
  assert.deepEqual(hull, { startSec: 2, endSec: 14 });
  assert.equal(hullOf([{ startSec: 3, endSec: 3 }]), null);
});

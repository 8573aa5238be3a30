import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { BoundingBox, Segment } from "../../src/protocol/tasks.ts";
import {
  axisTimes,
  boxIou,
  boxIous,
  containsTime,
  fractionToTime,
  mean,
  nearestIndex,
  segmentsIou,
  tIou,
  timeToFraction,
} from "../../webview/rollouts/geometry.ts";

const segment = (startSec: number, endSec: number): Segment => ({ startSec, endSec });
const box = (x0: number, y0: number, x1: number, y1: number): BoundingBox => ({ x0, y0, x1, y1 });
const near = (actual: number, expected: number): void => {
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);
};

test("tIoU of worked examples", () => {
  near(tIou(segment(3, 5), segment(3.1, 5.2)), 1.9 / 2.2);
  near(tIou(segment(0, 10), segment(2, 7)), 0.5);
  assert.equal(tIou(segment(0, 1), segment(1, 2)), 0);
  assert.equal(tIou(segment(5, 3), segment(3, 5)), 0); // an inverted segment is empty
  assert.equal(tIou(segment(1, 1), segment(1, 1)), 0);
});

test("tIoU of sets counts overlaps within a set once", () => {
  near(segmentsIou([segment(0, 4), segment(2, 6)], [segment(0, 6)]), 1);
  near(segmentsIou([segment(0, 1), segment(4, 5)], [segment(0, 2), segment(4, 6)]), 0.5);
  assert.equal(segmentsIou([], [segment(0, 1)]), 0);
});

test("box IoU of worked examples, clipped to the frame", () => {
  near(boxIou(box(0, 0, 0.5, 0.5), box(0.25, 0.25, 0.75, 0.75)), 0.0625 / 0.4375);
  near(boxIou(box(-1, 0, 0.5, 1), box(0, 0, 0.5, 1)), 1);
  assert.equal(boxIou(box(0.5, 0.5, 0.2, 0.2), box(0, 0, 1, 1)), 0);
});

test("a missing box scores 0 at its position", () => {
  const truth = [0, 1].map((timestampSec) => ({ timestampSec, box: box(0, 0, 1, 1) }));
  assert.deepEqual(boxIous([box(0, 0, 1, 1)], truth), [1, 0]);
  assert.equal(mean([1, 0]), 0.5);
  assert.equal(mean([]), 0);
});

const segments = fc
  .tuple(fc.double({ min: 0, max: 100, noNaN: true }), fc.double({ min: 0.01, max: 50, noNaN: true }))
  .map(([startSec, lengthSec]) => segment(startSec, startSec + lengthSec));

test("tIoU is symmetric, within [0, 1], and 1 for the same segment", () => {
  fc.assert(
    fc.property(segments, segments, (a, b) => {
      const value = tIou(a, b);
      assert.ok(value >= 0 && value <= 1);
      near(value, tIou(b, a));
      near(tIou(a, a), 1);
    }),
  );
});

test("times go to positions and back", () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 60, noNaN: true }), (timeSec) => {
      near(fractionToTime(timeToFraction(timeSec, 60), 60), timeSec);
    }),
  );
  assert.equal(timeToFraction(70, 60), 1);
  assert.equal(timeToFraction(1, 0), 0);
});

test("the nearest index is the earlier one of two equally near", () => {
  assert.equal(nearestIndex([0, 1, 2], 1.4), 1);
  assert.equal(nearestIndex([0, 1, 2], 0.5), 0);
  assert.equal(nearestIndex([0.017, 1.017], 0.517), 0); // half-way but for rounding
  assert.equal(nearestIndex([], 1), -1);
});

test("axis labels are round and few", () => {
  assert.deepEqual(axisTimes(8, 7), [0, 2, 4, 6, 8]);
  assert.deepEqual(axisTimes(65, 7), [0, 15, 30, 45, 60]);
  fc.assert(
    fc.property(fc.double({ min: 0.1, max: 40000, noNaN: true }), (durationSec) => {
      assert.ok(axisTimes(durationSec, 7).length <= 8);
    }),
  );
});

test("a segment contains its ends", () => {
  assert.equal(containsTime([segment(1, 2)], 2), true);
  assert.equal(containsTime([segment(1, 2)], 2.01), false);
});

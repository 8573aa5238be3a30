import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  averageFps,
  fixedFrameCount,
  isVariableRate,
  linspaceFloat32,
  frameSize,
  maxPixelsPerFrame,
  pickFrames,
  roundHalfToEven,
  smartFrameCount,
  smartResize,
  visualTokens,
} from "../../../src/engine/video/pickFrames.ts";

const qwen = { fps: 2, minFrames: 4, maxFrames: 768 };
const constant = (count: number, fps: number): number[] => Array.from({ length: count }, (_, i) => i / fps);
const toMs = (times: readonly number[]): number[] => times.map((t) => Math.round(t * 1000) / 1000);

describe("number of frames", () => {
  const table: [total: number, fps: number, video: typeof qwen, count: number][] = [
    [1800, 30, qwen, 120],
    [1798, 30000 / 1001, qwen, 118], // 119.99 is rounded down
    [90, 30, qwen, 6],
    [30, 30, qwen, 4], // 2, raised to minFrames
    [3, 30, qwen, 2], // never more than the video has
    [30000, 30, qwen, 768],
    [100, 10, { fps: 2, minFrames: 5, maxFrames: 768 }, 20],
    [40, 30, { fps: 2, minFrames: 5, maxFrames: 768 }, 6], // 5 rounded up
    [1800, 30, { fps: 2, minFrames: 4, maxFrames: 17 }, 16], // 17 rounded down
  ];
  for (const [total, fps, video, count] of table) {
    test(`${total} frames at ${fps.toFixed(2)} give ${count}`, () => {
      assert.equal(smartFrameCount(total, fps, video), count);
    });
  }

  test("errors outside [2, T]; nframes rounds half to even", () => {
    assert.throws(() => smartFrameCount(1, 30, qwen), RangeError);
    assert.throws(() => pickFrames([0], 0.04, qwen), RangeError);
    assert.equal(fixedFrameCount(100, 5), 4);
    assert.equal(fixedFrameCount(100, 7), 8);
    assert.throws(() => fixedFrameCount(100, 1), RangeError);
    assert.throws(() => fixedFrameCount(100, 102), RangeError);
  });
});

/** What qwen-vl-utils itself chooses: test/python/makeVideoFixture.py. */
interface QwenChoices {
  readonly frames: readonly (Pick<typeof qwen, "fps" | "minFrames" | "maxFrames"> & {
    readonly total: number;
    readonly videoFps: number;
    readonly indices: readonly number[];
  })[];
  readonly sizes: readonly {
    readonly factor: number;
    readonly size: readonly [heightPx: number, widthPx: number];
    readonly limits: readonly [minPixels: number, maxPixels: number];
    readonly resized: readonly [heightPx: number, widthPx: number];
  }[];
}

// SAFETY: written by makeVideoFixture.py.
const choices = JSON.parse(fs.readFileSync(path.join("test", "fixtures", "video", "qwen.json"), "utf8")) as QwenChoices;

test("frames and sizes are those of qwen-vl-utils, at 0.5 to 6 frames a second, for patches of 14 and 16", () => {
  assert.ok(choices.frames.length >= 36 && choices.sizes.length >= 80);
  for (const { total, videoFps, indices, ...video } of choices.frames) {
    const picked = pickFrames(constant(total, videoFps), 1 / videoFps, video);
    assert.deepEqual(picked, indices, `${total} frames at ${videoFps}, sampled at ${video.fps}`);
  }
  for (const { factor, size, limits, resized } of choices.sizes) {
    const [minPixels, maxPixels] = limits;
    const { heightPx, widthPx } = smartResize(size[0], size[1], { factor, minPixels, maxPixels });
    assert.deepEqual([heightPx, widthPx], resized, `${size.join(" x ")} in units of ${factor}`);
  }
});

describe("indices", () => {
  test("equal torch.linspace(0, T - 1, n).round()", () => {
    const file = path.join("test", "fixtures", "video", "linspace.json");
    // SAFETY: written by makeVideoFixture.py.
    const golden = JSON.parse(fs.readFileSync(file, "utf8")) as { total: number; indices: number[] }[];
    for (const { total, indices } of golden) {
      assert.deepEqual(linspaceFloat32(0, total - 1, indices.length).map(roundHalfToEven), indices);
    }
  });

  test("constant rate: both ends, strictly ascending, even number, by Qwen's count", () => {
    const rates = fc.constantFrom(10, 12.5, 24, 24000 / 1001, 25, 29, 30, 30000 / 1001, 50, 59.94, 60000 / 1001, 60);
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 3000 }),
        rates,
        fc.integer({ min: 2, max: 64 }),
        (total, fps, maxFrames) => {
          const video = { ...qwen, maxFrames };
          const picked = pickFrames(constant(total, fps), 1 / fps, video);
          assert.equal(picked.length, smartFrameCount(total, fps, video));
          assert.equal(picked.length % 2, 0);
          assert.equal(picked[0], 0);
          assert.equal(picked.at(-1), total - 1);
          assert.ok(picked.every((index, i) => i === 0 || index > (picked[i - 1] ?? 0)));
          // Millisecond timestamps (Matroska) and 90 kHz ones (MPEG-TS) give the same frames.
          assert.deepEqual(pickFrames(toMs(constant(total, fps)), 1 / fps, video), picked);
          const ticks = constant(total, fps).map((t) => Math.round(t * 90000) / 90000);
          assert.deepEqual(pickFrames(ticks, 1 / fps, video), picked);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("variable rate: the nearest frame to each instant, ends included", () => {
    const intervals = fc.array(fc.constantFrom(1 / 60, 1 / 30, 0.1, 0.5, 3), { minLength: 8, maxLength: 200 });
    fc.assert(
      fc.property(intervals, (steps) => {
        const times = [0];
        for (const step of steps) times.push((times.at(-1) ?? 0) + step);
        fc.pre(isVariableRate(times));
        const picked = pickFrames(times, 1 / 30, { ...qwen, maxFrames: 32 });
        assert.equal(picked[0], 0);
        assert.equal(picked.at(-1), times.length - 1);
        picked.forEach((index, k) => {
          const instant = ((times.at(-1) ?? 0) * k) / (picked.length - 1);
          const distance = Math.min(...times.map((t) => Math.abs(t - instant)));
          assert.ok(Math.abs((times[index] ?? 0) - instant) <= distance + 1e-9);
        });
      }),
      { numRuns: 100 },
    );
  });

  test("a rate that changes is seen; rounding to milliseconds is none", () => {
    assert.equal(isVariableRate(toMs(constant(100, 60))), false);
    assert.equal(isVariableRate([...constant(30, 30), ...constant(10, 10).map((t) => t + 1)]), true);
    assert.equal(averageFps(toMs(constant(299, 30)), 0.033), 30);
    assert.equal(averageFps(toMs(constant(299, 30000 / 1001)), 0.033), 30000 / 1001);
    assert.ok(Math.abs(averageFps(constant(100, 7.3), 0.1) - 7.3) < 1e-9);
    assert.equal(averageFps([0, 1, 1.5, 4], 2), 4 / 6);
  });
});

describe("sizes", () => {
  const limits = { minPixels: 784, maxPixels: 602112 };
  const table: [width: number, height: number, maxPixels: number, outWidth: number, outHeight: number][] = [
    [1280, 720, 602112, 1008, 560],
    [1280, 720, 128 * 784, 420, 224],
    [1280, 720, 256 * 784, 588, 336],
    [1920, 1080, 235200, 644, 336],
    [640, 480, 12544, 112, 84],
    [28, 28, 602112, 28, 28],
    [42, 70, 602112, 56, 56], // 1.5 and 2.5 units: halves go to the even one
    [2000, 20, 1600, 392, 28], // the fork's max(factor, …)
  ];
  for (const [width, height, maxPixels, outWidth, outHeight] of table) {
    test(`${width} x ${height} under ${maxPixels} pixels becomes ${outWidth} x ${outHeight}`, () => {
      const size = smartResize(height, width, { ...limits, maxPixels });
      assert.deepEqual(size, { widthPx: outWidth, heightPx: outHeight });
    });
  }

  test("multiples of 28 within the limits; narrow strips are an error", () => {
    assert.throws(() => smartResize(10, 2010, limits), RangeError);
    assert.throws(() => smartResize(0, 10, limits), RangeError);
    const side = fc.integer({ min: 28, max: 3000 });
    fc.assert(
      fc.property(side, side, fc.integer({ min: 784 * 4, max: 602112 }), (width, height, maxPixels) => {
        fc.pre(Math.max(width, height) / Math.min(width, height) < 4);
        const size = smartResize(height, width, { minPixels: 784, maxPixels });
        assert.equal(size.widthPx % 28, 0);
        assert.equal(size.heightPx % 28, 0);
        assert.ok(size.widthPx * size.heightPx <= maxPixels);
      }),
    );
    const raised = smartResize(30, 30, { minPixels: 12544, maxPixels: 602112 });
    assert.deepEqual(raised, { widthPx: 112, heightPx: 112 });
  });

  test("many frames share Qwen's total of pixels", () => {
    const video = { minPixels: 784, maxPixels: 602112 };
    assert.equal(maxPixelsPerFrame(120, video), 602112);
    assert.equal(maxPixelsPerFrame(768, video), (128000 * 784 * 0.9 * 2) / 768);
    assert.equal(maxPixelsPerFrame(768, { ...video, maxPixels: 12544 }), 12544);
    assert.deepEqual(smartResize(1080, 1920, { minPixels: 784, maxPixels: maxPixelsPerFrame(768, video) }), {
      widthPx: 644,
      heightPx: 336,
    });
    assert.equal(visualTokens(768, { widthPx: 644, heightPx: 336 }), 384 * 276);
  });

  test("a total of pixels that is given is shared by the frames of a clip", () => {
    // VideoChat-R1: 3584 tokens. 60 frames: 93,662 pixels each, beta = sqrt(921600 / 93662) = 3.137, so 229.5 by 408.1.
    const video = { minPixels: 12_544, maxPixels: 602_112, totalPixels: 3584 * 784 };
    const source = { widthPx: 1280, heightPx: 720 };
    assert.deepEqual(frameSize(source, 60, video), { widthPx: 392, heightPx: 224 });
    // 8 frames: 702,464 each, more than a frame may have.
    assert.deepEqual(frameSize(source, 8, video), { widthPx: 1008, heightPx: 560 });
    // 600 frames: 9,366 each, fewer than 1.05 * minPixels = 13,171, which are 86.1 by 153.0.
    assert.deepEqual(frameSize(source, 600, video), { widthPx: 140, heightPx: 84 });
    assert.equal(maxPixelsPerFrame(600, video), 13_171);
  });
});

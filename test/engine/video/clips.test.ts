import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { UserError } from "../../../src/protocol/errors.ts";
import type { VideoSpec } from "../../../src/protocol/spec.ts";
import { passthroughArgs } from "../../../src/engine/video/decodeArgs.ts";
import { locateFfmpeg, type Ffmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { openClip, openFrameFiles } from "../../../src/engine/video/frameCache.ts";
import { clipFrames, pickFrames } from "../../../src/engine/video/pickFrames.ts";
import { readBarcodes, writeClip } from "./barcodeClips.ts";

const video: VideoSpec = {
  fps: 2,
  minFrames: 4,
  maxFrames: 8,
  minPixels: 784,
  maxPixels: 12544,
  onBadVideo: "skip",
};
const constant = (frames: number, fps: number): number[] => Array.from({ length: frames }, (_, n) => n / fps);

describe("frames of a clip", () => {
  /**
   * Indices and sample_fps of qwen-vl-utils' calculate_video_frame_range and smart_nframes, worked out by hand:
   * [frames, fps, start, end] to [first, last].
   */
  const cases: readonly (readonly [readonly [number, number, number, number], readonly [number, number]])[] = [
    [
      [300, 30, 2, 5],
      [60, 150],
    ],
    [
      [300, 30, 0, 10],
      [0, 299], // floor(10 * 30) = 300 is one too many
    ],
    [
      [300, 30, 2.01, 4.99],
      [61, 149], // ceil(60.3), floor(149.7)
    ],
    [
      [300, 30, 8, 60],
      [240, 299],
    ],
    [
      [100, 25, 0.5, 1.1],
      [13, 27], // ceil(12.5), floor(27.5)
    ],
  ];
  for (const [[frames, fps, startSec, endSec], [first, last]] of cases) {
    test(`${startSec} to ${endSec} s of ${frames} frames at ${fps}`, () => {
      const times = constant(frames, fps);
      assert.deepEqual(clipFrames(times, 1 / fps, { startSec, endSec }), { first, last });
      const picked = pickFrames(times, 1 / fps, video, { startSec, endSec });
      assert.deepEqual([picked[0], picked.at(-1)], [first, last]);
      assert.equal(picked.length % 2, 0);
    });
  }

  test("a clip of all frames picks what no clip picks", () => {
    for (const [frames, fps] of [
      [90, 30],
      [61, 24],
      [500, 30000 / 1001],
    ] as const) {
      const times = constant(frames, fps);
      const whole = pickFrames(times, 1 / fps, video);
      assert.deepEqual(pickFrames(times, 1 / fps, video, { startSec: 0, endSec: frames / fps }), whole);
    }
  });

  test("beyond the end, and between two frames, there is nothing", () => {
    const times = constant(90, 30);
    for (const [startSec, endSec] of [
      [3, 4],
      [5, 6],
      [1.01, 1.02],
    ] as const) {
      assert.throws(
        () => pickFrames(times, 1 / 30, video, { startSec, endSec }),
        /expected at least 2 frames from .* in a video of 3 s/,
      );
    }
  });

  test("variable rate: by the times of the frames", () => {
    const times = [0, 0.1, 0.2, 0.3, 1, 2, 3, 3.1, 3.2, 3.3];
    assert.deepEqual(clipFrames(times, 0.1, { startSec: 0.25, endSec: 3.1 }), { first: 3, last: 7 });
    assert.deepEqual(pickFrames(times, 0.1, { ...video, maxFrames: 4 }, { startSec: 0.25, endSec: 3.1 }), [3, 4, 5, 7]);
  });
});

describe("clips of files", () => {
  let dir = "";
  let ffmpeg: Ffmpeg;
  let file = "";
  before(async () => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-clips-"));
    ffmpeg = await locateFfmpeg();
    file = await writeClip(ffmpeg, path.join(dir, "clip.mp4"), { frames: 300 });
  });
  after(() => fs.rmSync(dir, { recursive: true, force: true }));

  test("only frames between the bounds; times and length are the clip's, as the policy is told", async () => {
    const cacheDir = path.join(dir, "cache");
    const clip = { startSec: 2.5, endSec: 4.5 };
    const { seen, pixels_FHWC } = await openClip({ path: file, video, ffmpeg, cacheDir, clip });
    assert.deepEqual(seen.frameIndices, [75, 95, 115, 135]);
    assert.deepEqual(readBarcodes(pixels_FHWC, seen.widthPx, seen.heightPx), [...seen.frameIndices]);
    assert.deepEqual(seen.clip, clip);
    seen.timestampsSec.forEach((t, i) => assert.ok(Math.abs(t - (i * 2) / 3) < 1e-5, `${t}`));
    // 61 frames at 30 fps, of which 4 are picked: sample_fps, which the policy's time axis rests on, is 4 / 61 * 30.
    assert.ok(Math.abs(seen.durationSec - 61 / 30) < 1e-5);
    const sampleFps = seen.frameIndices.length / seen.durationSec;
    assert.ok(Math.abs(sampleFps - (4 / 61) * 30) < 1e-5);
  });

  test("the cache tells clips apart, and makes the images of a clip again", async () => {
    const cacheDir = path.join(dir, "cache");
    const params = { path: file, video: { ...video, maxFrames: 4 }, ffmpeg, cacheDir };
    const [whole, all, part] = [
      await openClip(params),
      await openClip({ ...params, clip: { startSec: 0, endSec: 10 } }),
      await openClip({ ...params, clip: { startSec: 5, endSec: 10 } }),
    ];
    assert.deepEqual(all.pixels_FHWC, whole.pixels_FHWC);
    assert.equal(new Set([whole, all, part].map(({ seen }) => seen.frameSet)).size, 3);
    fs.rmSync(path.join(cacheDir, "frames"), { recursive: true });
    const images = await openFrameFiles({ seen: part.seen, ffmpeg, cacheDir });
    assert.ok(images.every((image) => image.includes(part.seen.frameSet)));
    const index: unknown = JSON.parse(fs.readFileSync(path.join(path.dirname(images[0] ?? ""), "index.json"), "utf8"));
    assert.deepEqual((index as { timestampsSec: number[] }).timestampsSec, part.seen.timestampsSec);
  });

  test("bounds beyond the video name both", async () => {
    const clip = { startSec: 12, endSec: 15 };
    await assert.rejects(openClip({ path: file, video, ffmpeg, cacheDir: path.join(dir, "cache"), clip }), (error) => {
      assert.ok(UserError.is(error, "bad-video"));
      assert.match(error.message, /from 12 to 15 s, found 0 in a video of 10 s/);
      return true;
    });
  });

  test("variable rate: true times, counted from the start of the clip", async () => {
    const output = ["-vf", "select='lt(n,60)+not(mod(n,10))'", ...passthroughArgs(ffmpeg), "-enc_time_base", "-1"];
    const uneven = await writeClip(ffmpeg, path.join(dir, "uneven.mp4"), { frames: 150, output });
    const clip = { startSec: 1, endSec: 4 };
    const { seen, pixels_FHWC } = await openClip({
      path: uneven,
      video,
      ffmpeg,
      cacheDir: path.join(dir, "cache"),
      clip,
    });
    const numbers = readBarcodes(pixels_FHWC, seen.widthPx, seen.heightPx);
    assert.ok(numbers.length >= 4);
    numbers.forEach((number, i) => assert.ok(Math.abs((seen.timestampsSec[i] ?? 0) - (number / 30 - 1)) < 1e-4));
    assert.ok(seen.timestampsSec.every((t) => t >= 0 && t <= 3));
  });
});

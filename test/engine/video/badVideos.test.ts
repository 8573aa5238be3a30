import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { UserError } from "../../../src/protocol/errors.ts";
import type { VideoSpec } from "../../../src/protocol/spec.ts";
import { locateFfmpeg, runFfmpeg, type Ffmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { openClip } from "../../../src/engine/video/frameCache.ts";
import { readBarcodes, writeClip, writePart, writeRotated, x264 } from "./barcodeClips.ts";

const video: VideoSpec = {
  fps: 2,
  minFrames: 4,
  maxFrames: 8,
  minPixels: 784,
  maxPixels: 12544,
  onBadVideo: "skip",
};

let dir = "";
let ffmpeg: Ffmpeg;
let cacheDir = "";

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-bad-"));
  cacheDir = path.join(dir, "cache");
  ffmpeg = await locateFfmpeg();
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

const inDir = (name: string): string => path.join(dir, name);
const open = (file: string, changes: Partial<VideoSpec> = {}) =>
  openClip({ path: file, video: { ...video, ...changes }, ffmpeg, cacheDir });

async function make(name: string, args: readonly string[]): Promise<string> {
  await runFfmpeg(ffmpeg, ["-loglevel", "error", "-y", ...args, inDir(name)]);
  return inDir(name);
}

const picture = (size = "160x96", seconds = 1): string[] => [
  "-f",
  "lavfi",
  "-i",
  `testsrc=s=${size}:r=30:d=${seconds}`,
];
const tone = ["-f", "lavfi", "-i", "sine=440:d=1"];

describe("unusual videos that are read", () => {
  test("ten hours with a frame every half hour: frames at their true times", async () => {
    const tenHours = ["-f", "lavfi", "-i", "testsrc=s=160x96:r=1/1800:d=36000"];
    const file = await make("long.mp4", [
      ...tenHours,
      "-c:v",
      "libx264",
      "-pix_fmt",
      "yuv420p",
      "-video_track_timescale",
      "1000",
    ]);
    const { seen } = await open(file);
    assert.deepEqual([seen.durationSec, seen.videoFps], [36_000, 1 / 1800]);
    assert.deepEqual(
      seen.timestampsSec,
      seen.frameIndices.map((n) => n * 1800),
    );
    assert.equal(seen.frameIndices.at(-1), 19);
  });

  test("two frames, and three", async () => {
    for (const frames of [2, 3]) {
      const { seen } = await open(await writeClip(ffmpeg, inDir(`${frames}.mp4`), { frames }));
      assert.deepEqual(seen.frameIndices, [0, frames - 1]);
    }
  });

  test("ten bits a sample, and turned by a quarter: the same frames as with eight, upright", async () => {
    const encoder = [...x264, "-pix_fmt", "yuv420p10le"];
    const ten = await open(await writeClip(ffmpeg, inDir("ten.mp4"), { frames: 60, encoder }));
    assert.deepEqual(readBarcodes(ten.pixels_FHWC, ten.seen.widthPx, ten.seen.heightPx), [...ten.seen.frameIndices]);
    const turned = await open(writeRotated(inDir("ten.mp4"), inDir("turned.mp4")));
    assert.deepEqual(
      [turned.seen.sourceWidthPx, turned.seen.sourceHeightPx],
      [ten.seen.sourceHeightPx, ten.seen.sourceWidthPx],
    );
  });

  test("an animated GIF", async () => {
    const { seen } = await open(await make("moving.gif", picture()));
    assert.deepEqual([seen.frameIndices[0], seen.frameIndices.at(-1), seen.frameIndices.length], [0, 29, 4]);
  });
});

describe("videos that are refused, each with its reason", () => {
  const zeroRate = async (): Promise<string> => {
    const file = await writeClip(ffmpeg, inDir("steady.mp4"), { frames: 30, encoder: [...x264, "-bf", "0"] });
    const bytes = fs.readFileSync(file);
    // The table of durations has one entry, 30 frames of so many ticks; without ticks all frames are at 0.
    const table = bytes.indexOf("stts");
    assert.equal(bytes.readUInt32BE(table + 8), 1);
    bytes.writeUInt32BE(0, table + 16);
    fs.writeFileSync(inDir("zero.mp4"), bytes);
    return inDir("zero.mp4");
  };
  const cut = async (name: string, encoder: readonly string[]): Promise<string> =>
    writePart(await make(`whole-${name}`, [...picture("320x240", 4), ...encoder]), inDir(name), 0, 0.5);

  const cases: Record<string, [make: () => Promise<string>, message: RegExp, changes?: Partial<VideoSpec>]> = {
    "0 frames a second": [zeroRate, /^expected frames at different times, found 30 at 0 s$/],
    "a still picture": [() => make("still.png", [...picture(), "-frames:v", "1"]), /at least 2 frames, found 1/],
    "a GIF of one frame": [() => make("still.gif", [...picture(), "-frames:v", "1"]), /at least 2 frames, found 1/],
    "sound in a container of videos": [() => make("sound.webm", [...tone, "-c:a", "libopus"]), /no video track/],
    "sound with a cover picture": [
      () =>
        make("cover.mp3", [
          ...tone,
          ...picture("64x64", 0.04),
          "-map",
          "0:a",
          "-map",
          "1:v",
          "-c:v",
          "mjpeg",
          "-disposition:v",
          "attached_pic",
        ]),
      /no video track/,
    ],
    "Matroska that is cut off": [
      () => cut("cut.mkv", ["-c:v", "libx264"]),
      /^expected 4 s of video as its header says, found [\d.]+ s$/,
    ],
    "AVI that is cut off": [
      () => cut("cut.avi", ["-c:v", "mpeg4"]),
      /^expected 4 s of video as its header says, found [\d.]+ s$/,
    ],
    "fragmented MP4 that is cut off": [
      () => cut("cut.mp4", ["-c:v", "libx264", "-g", "15", "-movflags", "frag_keyframe+empty_moov"]),
      /^expected \d+ frames as its index says, found \d+ that decode$/,
    ],
    "a strip": [
      () => make("strip.mp4", [...picture("1002x4"), "-c:v", "libx264", "-pix_fmt", "yuv420p"]),
      /aspect ratio of at most 200, found 1002 x 4/,
    ],
    "a text that is called a video": [
      async () => {
        fs.writeFileSync(inDir("notes.mkv"), "no video\n".repeat(500));
        return inDir("notes.mkv");
      },
      /Invalid data/,
    ],
  };
  for (const [name, [write, message, changes]] of Object.entries(cases)) {
    test(name, async () => {
      const file = await write();
      await assert.rejects(open(file, changes), (error: unknown) => {
        assert.ok(UserError.is(error, "bad-video"), String(error));
        assert.match(error.message, message);
        assert.equal(error.where, file);
        return true;
      });
    });
  }
});

import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { UserError } from "../../../src/protocol/errors.ts";
import type { VideoSpec } from "../../../src/protocol/spec.ts";
import { createClipLoader } from "../../../src/engine/video/clipLoader.ts";
import { locateFfmpeg, runFfmpeg, type Ffmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { openClip, openFrameFiles } from "../../../src/engine/video/frameCache.ts";
import { isWholeImage, pictureOnly, readImageHeader } from "../../../src/engine/video/imageHeader.ts";
import { barcodeHeight, barcodeWidth, readBarcodes, writeClip } from "./barcodeClips.ts";

const video: VideoSpec = {
  fps: 2,
  minFrames: 4,
  maxFrames: 8,
  minPixels: 784,
  maxPixels: 12544,
  onBadVideo: "skip",
};
const noFfmpeg = (): Promise<Ffmpeg> => Promise.reject(new Error("nothing must be decoded here"));

let dir = "";
let ffmpeg: Ffmpeg;
let source = "";
let count = 0;
const fresh = (name: string): string => path.join(dir, `${name}-${++count}`);

/** A folder with the first frames of a clip as images; their names as the pattern says. */
async function writeFrames(frames: number, pattern: string, options: readonly string[] = []): Promise<string> {
  const folder = fresh("frames");
  fs.mkdirSync(folder);
  const args = ["-loglevel", "error", "-i", source, "-frames:v", String(frames), ...options];
  await runFfmpeg(ffmpeg, [...args, path.join(folder, pattern)]);
  return folder;
}

const open = (folder: string, frameRate?: number, cacheDir = fresh("cache")) =>
  openClip({ path: folder, video, ffmpeg, cacheDir, frameRate });

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-frames-"));
  ffmpeg = await locateFfmpeg();
  source = await writeClip(ffmpeg, path.join(dir, "clip.mp4"), { frames: 40 });
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

describe("a folder of frames is a video", () => {
  test("JPEG at a given rate: Qwen's frames, times and pixels; the second time without ffmpeg", async () => {
    const folder = await writeFrames(30, "%08d.jpg", ["-q:v", "2"]);
    fs.writeFileSync(path.join(folder, "groundtruth.txt"), "0,0,1,1\n");
    const cacheDir = fresh("cache");
    const { seen, pixels_FHWC } = await open(folder, 10, cacheDir);
    // 30 frames at 10 fps are 3 s, of which 2 fps give 6: round(linspace(0, 29, 6)).
    assert.deepEqual(seen.frameIndices, [0, 6, 12, 17, 23, 29]);
    assert.deepEqual(seen.timestampsSec, [0, 0.6, 1.2, 1.7, 2.3, 2.9]);
    assert.deepEqual([seen.videoFps, seen.durationSec, seen.clip], [10, 3, undefined]);
    assert.deepEqual([seen.sourceWidthPx, seen.sourceHeightPx], [barcodeWidth, barcodeHeight]);
    assert.deepEqual(readBarcodes(pixels_FHWC, seen.widthPx, seen.heightPx), [...seen.frameIndices]);
    const again = await openClip({ path: folder, video, ffmpeg: noFfmpeg, cacheDir, frameRate: 10 });
    assert.deepEqual(again, { seen, pixels_FHWC });
  });

  test("PNG, names that sort by number only, the default rate of one a second", async () => {
    const folder = await writeFrames(12, "frame %d.png");
    const { seen, pixels_FHWC } = await open(folder);
    assert.deepEqual([seen.durationSec, seen.videoFps, seen.frameIndices], [12, 1, [0, 2, 3, 5, 6, 8, 9, 11]]);
    assert.deepEqual(readBarcodes(pixels_FHWC, seen.widthPx, seen.heightPx), [...seen.frameIndices]);
  });

  test("another rate is another set of the same bytes; a changed frame is another video", async () => {
    const folder = await writeFrames(8, "%d.jpg");
    const cacheDir = fresh("cache");
    const slow = await open(folder, 1, cacheDir);
    const fast = await open(folder, 2, cacheDir);
    assert.equal(slow.seen.hash, fast.seen.hash);
    assert.notEqual(slow.seen.frameSet, fast.seen.frameSet);
    fs.renameSync(path.join(folder, "8.jpg"), path.join(folder, "9.jpg"));
    assert.notEqual((await open(folder, 1, cacheDir)).seen.hash, slow.seen.hash);
    await assert.rejects(
      openFrameFiles({ seen: { ...slow.seen, frameSet: "0".repeat(40) }, ffmpeg, cacheDir }),
      /changed since/,
    );
  });

  test("images for people are made again at the rate that the record says", async () => {
    const folder = await writeFrames(8, "%d.jpg");
    const cacheDir = fresh("cache");
    const { seen } = await open(folder, 4, cacheDir);
    fs.rmSync(path.join(cacheDir, "frames"), { recursive: true });
    const images = await openFrameFiles({ seen, ffmpeg, cacheDir });
    assert.equal(images.length, seen.frameIndices.length);
    assert.ok(images.every((image) => fs.existsSync(image) && image.includes(seen.frameSet)));
  });

  test("previews and comments inside JPEG files are no frames", async () => {
    const folder = await writeFrames(4, "%d.jpg");
    for (const name of fs.readdirSync(folder)) {
      const bytes = fs.readFileSync(path.join(folder, name));
      const preview = Buffer.concat([Buffer.from("Exif\0\0"), bytes]);
      const segment = Buffer.concat([
        Buffer.of(0xff, 0xe1, (preview.length + 2) >> 8, (preview.length + 2) & 255),
        preview,
      ]);
      fs.writeFileSync(path.join(folder, name), Buffer.concat([bytes.subarray(0, 2), segment, bytes.subarray(2)]));
    }
    const { seen, pixels_FHWC } = await open(folder);
    assert.deepEqual(readBarcodes(pixels_FHWC, seen.widthPx, seen.heightPx), [0, 1, 2, 3]);
  });

  test("the loader opens folders and clips of them beside files", async () => {
    const folder = await writeFrames(30, "%08d.jpg");
    const loader = createClipLoader({ ffmpeg, cacheDir: fresh("cache"), video });
    const shown = { videoPath: folder, frameRate: 10, clip: { startSec: 1, endSec: 2 } };
    const [whole, part, file] = await Promise.all([
      loader.load({ videoPath: folder, frameRate: 10 }),
      loader.load(shown),
      loader.load(source),
    ]);
    assert.deepEqual([whole.seen.durationSec, part.seen.durationSec], [3, 1.1]);
    assert.deepEqual(part.seen.frameIndices, [10, 13, 17, 20]);
    assert.deepEqual(readBarcodes(part.pixels_FHWC, part.seen.widthPx, part.seen.heightPx), [10, 13, 17, 20]);
    assert.equal(file.seen.path, source);
    await loader.close();
  });
});

describe("folders that are no video", () => {
  const cases: Record<string, [make: (folder: string) => Promise<void> | void, where: string, message: RegExp]> = {
    "without images": [(folder) => fs.writeFileSync(path.join(folder, "a.txt"), ""), "", /folder without JPEG or PNG/],
    "with one image": [
      async (folder) => fs.copyFileSync(path.join(await writeFrames(1, "%d.jpg"), "1.jpg"), path.join(folder, "1.jpg")),
      "",
      /at least 2 frames, found 1/,
    ],
    "with text named as an image": [
      async (folder) => {
        fs.cpSync(await writeFrames(4, "%d.jpg"), folder, { recursive: true });
        fs.writeFileSync(path.join(folder, "3.jpg"), "not an image");
      },
      "3.jpg",
      /expected a JPEG or PNG image/,
    ],
    "with an image that is cut off": [
      async (folder) => {
        fs.cpSync(await writeFrames(4, "%d.jpg"), folder, { recursive: true });
        const file = path.join(folder, "4.jpg");
        fs.truncateSync(file, Math.floor(fs.statSync(file).size / 2));
      },
      "4.jpg",
      /cut off/,
    ],
    "with an image of another size": [
      async (folder) => {
        fs.cpSync(await writeFrames(4, "%d.jpg"), folder, { recursive: true });
        const small = await writeFrames(2, "%d.jpg", ["-vf", "scale=80:48"]);
        fs.copyFileSync(path.join(small, "2.jpg"), path.join(folder, "2.jpg"));
      },
      "2.jpg",
      /expected 160 x 96 pixels as the first frame, found 80 x 48/,
    ],
    "with two kinds of images": [
      async (folder) => {
        fs.cpSync(await writeFrames(4, "%d.jpg"), folder, { recursive: true });
        fs.copyFileSync(path.join(await writeFrames(2, "%d.png"), "2.png"), path.join(folder, "5.png"));
      },
      "5.png",
      /expected jpeg as the first frame, found png/,
    ],
    "with an image whose data are damaged": [
      async (folder) => {
        fs.cpSync(await writeFrames(4, "%d.png"), folder, { recursive: true });
        const file = path.join(folder, "2.png");
        const bytes = fs.readFileSync(file);
        bytes.fill(0, bytes.indexOf("IDAT") + 4, bytes.indexOf("IDAT") + 300);
        fs.writeFileSync(file, bytes);
      },
      "2.png",
      /expected an image that ffmpeg can decode/,
    ],
  };
  for (const [name, [make, where, message]] of Object.entries(cases)) {
    test(name, async () => {
      const folder = fresh("bad");
      fs.mkdirSync(folder);
      await make(folder);
      await assert.rejects(open(folder), (error: unknown) => {
        assert.ok(UserError.is(error, "bad-video"), String(error));
        assert.match(error.message, message);
        assert.equal(error.where, path.join(folder, where));
        return true;
      });
    });
  }
});

test("headers of images: sizes, progressive and plain, and what is none", async () => {
  const folder = await writeFrames(1, "%d.jpg");
  const jpeg = fs.readFileSync(path.join(folder, "1.jpg"));
  const png = fs.readFileSync(path.join(await writeFrames(1, "%d.png"), "1.png"));
  assert.deepEqual(readImageHeader(jpeg), { kind: "jpeg", widthPx: barcodeWidth, heightPx: barcodeHeight });
  assert.deepEqual(readImageHeader(png), { kind: "png", widthPx: barcodeWidth, heightPx: barcodeHeight });
  assert.deepEqual([isWholeImage(jpeg, "jpeg"), isWholeImage(png, "png")], [true, true]);
  assert.deepEqual(
    [isWholeImage(jpeg.subarray(0, -2), "jpeg"), isWholeImage(png.subarray(0, -9), "png")],
    [false, false],
  );
  assert.equal(pictureOnly(png), png);
  assert.ok(pictureOnly(jpeg).length <= jpeg.length);
  for (const bytes of ["", "GIF89a", "\u00ff\u00d8", "\u00ff\u00d8\u00ff\u00e0\u00ff\u00ff"]) {
    assert.equal(readImageHeader(Buffer.from(bytes, "latin1")), null);
  }
});

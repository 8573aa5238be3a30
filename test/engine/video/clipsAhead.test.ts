import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { VideoSpec } from "../../../src/protocol/spec.ts";
import { createClipsAhead } from "../../../src/engine/video/clipsAhead.ts";
import { locateFfmpeg, type Ffmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { cacheClip, openClip } from "../../../src/engine/video/frameCache.ts";
import { frameSetDir } from "../../../src/engine/video/frameStore.ts";
import { readBarcodes, writeClip } from "./barcodeClips.ts";

const video: VideoSpec = {
  ...{ fps: 2, minFrames: 4, maxFrames: 8, minPixels: 784, maxPixels: 12544 },
  onBadVideo: "skip",
};
const noFfmpeg = (): Promise<Ffmpeg> => Promise.reject(new Error("nothing must be decoded here"));

let dir = "";
let ffmpeg: Ffmpeg;
let clipFile = "";
let cacheCount = 0;
const newCache = (): string => path.join(dir, `cache-${++cacheCount}`);

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-ahead-"));
  ffmpeg = await locateFfmpeg();
  clipFile = await writeClip(ffmpeg, path.join(dir, "clip.mp4"), { frames: 90 });
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

describe("createClipsAhead", () => {
  test("what is expected is in the cache before it is asked for; what cannot be read is passed over", async () => {
    const cacheDir = newCache();
    const folder = path.join(cacheDir, "frames");
    const ahead = createClipsAhead({ ffmpeg, cacheDir, video });
    const part = { videoPath: clipFile, clip: { startSec: 1, endSec: 2 } };
    ahead.expect([{ videoPath: path.join(dir, "nowhere.mp4") }, { videoPath: clipFile }, part]);
    await until(
      () => fs.existsSync(folder) && fs.readdirSync(folder).filter((n) => !n.startsWith("new-")).length === 2,
    );
    await ahead.close();
    for (const { videoPath, clip } of [{ videoPath: clipFile, clip: undefined }, part]) {
      const { seen, pixels_FHWC } = await openClip({ path: videoPath, clip, video, ffmpeg: noFfmpeg, cacheDir });
      assert.deepEqual(readBarcodes(pixels_FHWC, seen.widthPx, seen.heightPx), [...seen.frameIndices]);
    }
  });

  test("nothing is done for clips that are there; a torn set is whole again when it is opened", async () => {
    const cacheDir = newCache();
    const { seen } = await openClip({ path: clipFile, video, ffmpeg, cacheDir });
    await cacheClip({ path: clipFile, video, ffmpeg: noFfmpeg, cacheDir });
    fs.truncateSync(path.join(frameSetDir(cacheDir, seen.frameSet), "pixels.rgb"), 10);
    await assert.rejects(cacheClip({ path: clipFile, video, ffmpeg: noFfmpeg, cacheDir }), /nothing must be decoded/);
    await cacheClip({ path: clipFile, video, ffmpeg, cacheDir });
    await openClip({ path: clipFile, video, ffmpeg: noFfmpeg, cacheDir });
  });

  test("a clip that is about to be opened is not decoded twice at a time, and one that was not begun is left alone", async () => {
    const cacheDir = newCache();
    let decoded = 0;
    const counted = (): Promise<Ffmpeg> => {
      decoded++;
      return Promise.resolve(ffmpeg);
    };
    const second = path.join(dir, "second.mp4");
    await writeClip(ffmpeg, second, { frames: 40 });
    const ahead = createClipsAhead({ ffmpeg: counted, cacheDir, video });
    const [begun, waiting] = [{ videoPath: clipFile }, { videoPath: second }];
    ahead.expect([begun, waiting]);
    await ahead.handOver([waiting, begun]);
    // What was under way is there; what was not is for its user to decode.
    await openClip({ path: clipFile, video, ffmpeg: noFfmpeg, cacheDir });
    await assert.rejects(openClip({ path: second, video, ffmpeg: noFfmpeg, cacheDir }), /nothing must be decoded/);
    assert.equal(decoded, 1);
    await ahead.close();
  });

  test("close ends the decoder and leaves nothing half made", async () => {
    const cacheDir = newCache();
    const ahead = createClipsAhead({ ffmpeg, cacheDir, video });
    ahead.expect([{ videoPath: clipFile }, { videoPath: path.join(dir, "other.mp4") }]);
    await until(() => fs.existsSync(path.join(cacheDir, "frames")));
    await ahead.close();
    assert.deepEqual(
      fs.readdirSync(path.join(cacheDir, "frames")).filter((name) => name.startsWith("new-")),
      [],
    );
    ahead.expect([{ videoPath: clipFile }]);
    await ahead.close();
  });
});

async function until(isTrue: () => boolean): Promise<void> {
  for (let i = 0; i < 600 && !isTrue(); i++) await delay(50);
  assert.ok(isTrue());
}

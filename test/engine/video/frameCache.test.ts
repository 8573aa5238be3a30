import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { UserError } from "../../../src/protocol/errors.ts";
import { recordVersion, type FrameSetRecord } from "../../../src/protocol/records.ts";
import type { VideoSpec } from "../../../src/protocol/spec.ts";
import { locateFfmpeg, runFfmpeg } from "../../../src/engine/video/ffmpeg.ts";
import type { Ffmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { createClipLoader } from "../../../src/engine/video/clipLoader.ts";
import { passthroughArgs } from "../../../src/engine/video/decodeArgs.ts";
import { openClip, openFrameFiles } from "../../../src/engine/video/frameCache.ts";
import { evict, frameSetDir, resolveCacheDir } from "../../../src/engine/video/frameStore.ts";
import { barcodeHeight, barcodeWidth, readBarcode, readBarcodes, writeClip, writePart } from "./barcodeClips.ts";

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
let clipFile = "";
let cacheCount = 0;
const newCache = (): string => path.join(dir, `cache-${++cacheCount}`);

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-cache-"));
  ffmpeg = await locateFfmpeg();
  clipFile = await writeClip(ffmpeg, path.join(dir, "clip.mp4"), { frames: 90 });
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

async function imageNumber(file: string, widthPx: number, heightPx: number): Promise<number> {
  const chunks: Uint8Array[] = [];
  const args = ["-loglevel", "error", "-i", file, "-pix_fmt", "rgb24", "-f", "rawvideo", "-"];
  await runFfmpeg(ffmpeg, args, { onStdout: (chunk) => void chunks.push(chunk) });
  return readBarcode(Buffer.concat(chunks), widthPx, heightPx);
}

describe("openClip", () => {
  test("Qwen's frames and size, what was seen, and pixels that show those frames", async () => {
    const { seen, pixels_FHWC } = await openClip({ path: clipFile, video, ffmpeg, cacheDir: newCache() });
    assert.deepEqual(seen.frameIndices, [0, 18, 36, 53, 71, 89]);
    assert.deepEqual([seen.widthPx, seen.heightPx, seen.visualTokens], [140, 84, 45]);
    assert.deepEqual([seen.sourceWidthPx, seen.sourceHeightPx], [barcodeWidth, barcodeHeight]);
    assert.deepEqual([seen.videoFps, seen.durationSec, seen.path], [30, 3, clipFile]);
    seen.timestampsSec.forEach((t, i) => assert.ok(Math.abs(t - (seen.frameIndices[i] ?? 0) / 30) < 1e-5));
    assert.match(seen.hash, /^[0-9a-f]{64}$/);
    assert.equal(pixels_FHWC.length, 6 * 84 * 140 * 3);
    assert.deepEqual(readBarcodes(pixels_FHWC, 140, 84), [...seen.frameIndices]);
  });

  test("for a policy of other patches both sides are multiples of its unit, and the frame set is another", async () => {
    const cacheDir = newCache();
    const { seen } = await openClip({ path: clipFile, video, ffmpeg, cacheDir });
    const other = (await openClip({ path: clipFile, video, ffmpeg, cacheDir, pixelFactor: 32 })).seen;
    assert.deepEqual([other.widthPx % 32, other.heightPx % 32], [0, 0]);
    assert.equal(other.visualTokens, (other.frameIndices.length / 2) * (other.widthPx / 32) * (other.heightPx / 32));
    assert.deepEqual(other.frameIndices, seen.frameIndices);
    assert.notEqual(other.frameSet, seen.frameSet);
  });

  test("the second time it needs no ffmpeg and gives the same; other settings are another set", async () => {
    const cacheDir = newCache();
    const first = await openClip({ path: clipFile, video, ffmpeg, cacheDir });
    const second = await openClip({ path: clipFile, video, ffmpeg: noFfmpeg, cacheDir });
    assert.deepEqual(second, first);
    const copy = path.join(dir, "copy.mp4");
    fs.copyFileSync(clipFile, copy);
    const third = await openClip({ path: copy, video, ffmpeg: noFfmpeg, cacheDir });
    assert.deepEqual(third, { ...first, seen: { ...first.seen, path: copy } });
    const smaller = await openClip({ path: clipFile, video: { ...video, maxPixels: 6272 }, ffmpeg, cacheDir });
    assert.notEqual(smaller.seen.frameSet, first.seen.frameSet);
  });

  test("torn entries are noticed and made again", async () => {
    const cacheDir = newCache();
    const whole = await openClip({ path: clipFile, video, ffmpeg, cacheDir });
    const entry = frameSetDir(cacheDir, whole.seen.frameSet);
    const tear: Record<string, () => void> = {
      "pixels cut off": () => fs.truncateSync(path.join(entry, "pixels.rgb"), 1000),
      "pixels of the right size": () =>
        fs.writeFileSync(
          path.join(entry, "pixels.rgb"),
          whole.pixels_FHWC.map(() => 0),
        ),
      "no entry": () => fs.rmSync(path.join(entry, "entry.json")),
      "half an entry": () => fs.truncateSync(path.join(entry, "entry.json"), 20),
      "half a probe": () => {
        fs.truncateSync(path.join(cacheDir, "probes", `${whole.seen.hash}.json`), 50);
        fs.rmSync(entry, { recursive: true });
      },
    };
    for (const [name, damage] of Object.entries(tear)) {
      damage();
      assert.deepEqual(await openClip({ path: clipFile, video, ffmpeg, cacheDir }), whole, name);
      assert.deepEqual(await openClip({ path: clipFile, video, ffmpeg: noFfmpeg, cacheDir }), whole, name);
    }
    assert.deepEqual(fs.readdirSync(path.join(cacheDir, "frames")), [whole.seen.frameSet]);
  });

  test("several at once make one set", async () => {
    const cacheDir = newCache();
    const open = (): ReturnType<typeof openClip> => openClip({ path: clipFile, video, ffmpeg, cacheDir });
    const [a, b, c] = await Promise.all([open(), open(), open()]);
    assert.deepEqual(a, b);
    assert.deepEqual(a, c);
    assert.deepEqual(fs.readdirSync(path.join(cacheDir, "frames")), [a.seen.frameSet]);
    assert.deepEqual(await openClip({ path: clipFile, video, ffmpeg: noFfmpeg, cacheDir }), a);
  });

  test("variable rate: frames near evenly spread instants, one repeated where frames are sparse", async () => {
    const setpts = "settb=1/90000,setpts='if(lt(N,40),N/30,40/30+(N-40)*2)/TB'";
    const file = await writeClip(ffmpeg, path.join(dir, "vfr.mp4"), {
      frames: 44,
      output: [
        "-vf",
        setpts,
        ...passthroughArgs(ffmpeg),
        "-enc_time_base",
        "1:90000",
        "-video_track_timescale",
        "90000",
      ],
    });
    const { seen, pixels_FHWC } = await openClip({ path: file, video, ffmpeg, cacheDir: newCache() });
    // The last frame is at 7.333 s, so the instants are 1.048 s apart.
    assert.deepEqual(seen.frameIndices, [0, 31, 40, 41, 41, 42, 42, 43]);
    const expected = [0, 31 / 30, 4 / 3, 10 / 3, 10 / 3, 16 / 3, 16 / 3, 22 / 3];
    seen.timestampsSec.forEach((t, i) => assert.ok(Math.abs(t - (expected[i] ?? 0)) < 0.001));
    assert.deepEqual(readBarcodes(pixels_FHWC, seen.widthPx, seen.heightPx), [...seen.frameIndices]);
  });

  test("a transport stream that starts between key frames is listed by what decodes", async () => {
    const whole = await writeClip(ffmpeg, path.join(dir, "whole.ts"), { frames: 300 });
    const bytes = fs.readFileSync(whole);
    // Without its first packets it starts with frames that lack their key frame.
    const packets = Math.floor(bytes.length / 188);
    const late = path.join(dir, "late.ts");
    fs.writeFileSync(late, bytes.subarray(188 * Math.floor(packets * 0.02)));
    const { seen, pixels_FHWC } = await openClip({ path: late, video, ffmpeg, cacheDir: newCache() });
    const shown = readBarcodes(pixels_FHWC, seen.widthPx, seen.heightPx);
    const offset = 299 - (seen.frameIndices.at(-1) ?? 0);
    assert.ok(offset > 0);
    assert.deepEqual(
      shown,
      seen.frameIndices.map((n) => n + offset),
    );
  });
});

describe("bad videos", () => {
  const cases: Record<string, [make: (file: string) => void, message: RegExp]> = {
    "missing.mp4": [() => {}, /no such file/],
    "folder.mp4": [(file) => fs.mkdirSync(file), /found a folder/],
    "empty.mp4": [(file) => fs.writeFileSync(file, ""), /empty file/],
    "text.mp4": [(file) => fs.writeFileSync(file, "not a video\n".repeat(50)), /Invalid data/],
    "no-index.mp4": [(file) => writePart(clipFile, file, 0, 0.6), /moov atom not found|Invalid data/],
  };
  for (const [name, [make, message]] of Object.entries(cases)) {
    test(name, async () => {
      const file = path.join(dir, name);
      make(file);
      await assert.rejects(openClip({ path: file, video, ffmpeg, cacheDir: newCache() }), (error: unknown) => {
        assert.ok(UserError.is(error, "bad-video"), String(error));
        assert.equal(error.where, file);
        assert.match(error.message, message);
        return true;
      });
    });
  }

  test("cut off after its index: the counts are named, half a download is no short clip", async () => {
    const output = ["-movflags", "+faststart"];
    const whole = await writeClip(ffmpeg, path.join(dir, "faststart.mp4"), { frames: 90, output });
    const cut = writePart(whole, path.join(dir, "cut.mp4"), 0, 0.7);
    const run = openClip({ path: cut, video, ffmpeg, cacheDir: newCache() });
    await assert.rejects(run, (error: unknown) => {
      assert.ok(UserError.is(error, "bad-video"));
      assert.match(error.message, /^expected 90 frames as its index says, found \d+ that decode$/);
      return true;
    });
  });

  test("one frame, and sound alone", async () => {
    const one = await writeClip(ffmpeg, path.join(dir, "one.mp4"), { frames: 1 });
    const run = openClip({ path: one, video, ffmpeg, cacheDir: newCache() });
    await assert.rejects(run, /expected a video of at least 2 frames, found 1/);
    const sound = path.join(dir, "sound.mp4");
    await runFfmpeg(ffmpeg, ["-loglevel", "error", "-f", "lavfi", "-i", "sine=440:d=1", "-c:a", "aac", sound]);
    const silent = openClip({ path: sound, video, ffmpeg, cacheDir: newCache() });
    await assert.rejects(
      silent,
      (error: unknown) => UserError.is(error, "bad-video") && /no video track/.test(error.message),
    );
  });
});

describe("openFrameFiles", () => {
  test("images of the frames at display size, with an index; made again when evicted", async () => {
    const cacheDir = newCache();
    const { seen } = await openClip({ path: clipFile, video, ffmpeg, cacheDir });
    const files = await openFrameFiles({ seen, ffmpeg: noFfmpeg, cacheDir });
    const entry = frameSetDir(cacheDir, seen.frameSet);
    // SAFETY: written by the code under test; its fields are compared below.
    const index = JSON.parse(fs.readFileSync(path.join(entry, "index.json"), "utf8")) as FrameSetRecord;
    assert.deepEqual(index, {
      version: recordVersion,
      videoHash: seen.hash,
      frameIndices: seen.frameIndices,
      timestampsSec: seen.timestampsSec,
      widthPx: barcodeWidth,
      heightPx: barcodeHeight,
      files: files.map((file) => path.basename(file)),
    });
    assert.ok(files.every((file) => path.dirname(file) === entry));
    assert.equal(await imageNumber(files[3] ?? "", barcodeWidth, barcodeHeight), seen.frameIndices[3]);
    fs.rmSync(entry, { recursive: true });
    assert.deepEqual(await openFrameFiles({ seen, ffmpeg, cacheDir }), files);
    fs.truncateSync(files[2] ?? "", 10);
    assert.deepEqual(await openFrameFiles({ seen, ffmpeg, cacheDir }), files);
    assert.equal(await imageNumber(files[2] ?? "", barcodeWidth, barcodeHeight), seen.frameIndices[2]);
    assert.deepEqual((await openClip({ path: clipFile, video, ffmpeg: noFfmpeg, cacheDir })).seen, seen);
  });

  test("a file that changed since is an error, not other frames; a missing one too", async () => {
    const cacheDir = newCache();
    const file = path.join(dir, "changing.mp4");
    fs.copyFileSync(clipFile, file);
    const { seen } = await openClip({ path: file, video, ffmpeg, cacheDir });
    fs.rmSync(path.join(cacheDir, "frames"), { recursive: true });
    fs.appendFileSync(file, "more");
    const bad = (error: unknown): boolean => UserError.is(error, "bad-video") && error.where === file;
    await assert.rejects(openFrameFiles({ seen, ffmpeg, cacheDir }), bad);
    fs.rmSync(file);
    await assert.rejects(openFrameFiles({ seen, ffmpeg, cacheDir }), bad);
  });
});

describe("the cache's bounds", () => {
  test("what was used least recently goes first, what dead writers left goes too", async () => {
    const cacheDir = newCache();
    const keys: string[] = [];
    for (const maxPixels of [12544, 9408, 6272]) {
      const { seen } = await openClip({ path: clipFile, video: { ...video, maxPixels }, ffmpeg, cacheDir });
      keys.push(seen.frameSet);
    }
    const usage = keys.map((key) => path.join(frameSetDir(cacheDir, key), "usage"));
    const hour = 3600;
    const now = Date.now() / 1000;
    [2, 3, 1].forEach((age, i) => fs.utimesSync(usage[i] ?? "", now - age * hour, now - age * hour));
    const left = path.join(cacheDir, "frames", "new-left");
    fs.mkdirSync(left);
    fs.utimesSync(left, now - 48 * hour, now - 48 * hour);
    const sizes = usage.map((file) => Number(fs.readFileSync(file, "utf8")));
    const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
    await evict(cacheDir, total + 100_000);
    assert.ok(!fs.existsSync(left));
    assert.equal(fs.readdirSync(path.join(cacheDir, "frames")).length, 3);
    await evict(cacheDir, total - 1);
    assert.deepEqual(fs.readdirSync(path.join(cacheDir, "frames")).sort(), [keys[0], keys[2]].sort());
    // A write past the limit makes room by itself, and what was just written stays.
    const { seen } = await openClip({ path: clipFile, video, ffmpeg, cacheDir: newCache(), maxCacheBytes: 1 });
    assert.equal(seen.frameSet, keys[0]);
  });

  test("the folder comes from the caller, then the environment, then the system", () => {
    const former = process.env["VIDEO_RFT_CACHE"];
    try {
      process.env["VIDEO_RFT_CACHE"] = path.join(dir, "from-env");
      assert.equal(resolveCacheDir(path.join(dir, "given")), path.join(dir, "given"));
      assert.equal(resolveCacheDir(null), path.join(dir, "from-env"));
      delete process.env["VIDEO_RFT_CACHE"];
      assert.ok(path.isAbsolute(resolveCacheDir()));
    } finally {
      if (former === undefined) delete process.env["VIDEO_RFT_CACHE"];
      else process.env["VIDEO_RFT_CACHE"] = former;
    }
  });
});

describe("createClipLoader", () => {
  test("loads of a clip share one decode; a video that is not there fails its own load", async () => {
    let located = 0;
    const counted = (): Promise<Ffmpeg> => {
      located++;
      return Promise.resolve(ffmpeg);
    };
    const other = path.join(dir, "loader.mp4");
    await writeClip(ffmpeg, other, { frames: 40 });
    const loader = createClipLoader({ ffmpeg: counted, cacheDir: newCache(), video, concurrency: 1 });
    const [a, b, c] = await Promise.all([loader.load(other), loader.load(clipFile), loader.load(clipFile)]);
    assert.equal(b, c);
    assert.deepEqual(readBarcodes(a.pixels_FHWC, a.seen.widthPx, a.seen.heightPx), [...a.seen.frameIndices]);
    assert.equal(await loader.load(clipFile), b);
    assert.equal(located, 2);
    await assert.rejects(loader.load(path.join(dir, "nowhere.mp4")), (error: unknown) =>
      UserError.is(error, "bad-video"),
    );
    await loader.close();
    await assert.rejects(loader.load(clipFile), (error: unknown) => UserError.is(error, "cancelled"));
  });

  test("memory is bounded; what is dropped comes back from the disk", async () => {
    const cacheDir = newCache();
    const copies = ["m1.mp4", "m2.mp4"].map((name) => path.join(dir, name));
    for (const copy of copies) fs.copyFileSync(clipFile, copy);
    const bytes = 6 * 84 * 140 * 3;
    const loader = createClipLoader({ ffmpeg, cacheDir, video, maxMemoryBytes: bytes });
    const [first = "", second = ""] = copies;
    const clip = await loader.load(first);
    assert.equal(await loader.load(first), clip);
    await loader.load(second);
    const again = await loader.load(first);
    assert.notEqual(again, clip);
    assert.deepEqual(again, clip);
    await loader.close();
  });

  test("close stops what is under way and leaves no scratch folder", async () => {
    const cacheDir = newCache();
    let enter: () => void = () => {};
    const entered = new Promise<void>((resolve) => (enter = resolve));
    const located = (): Promise<Ffmpeg> => {
      enter();
      return Promise.resolve(ffmpeg);
    };
    const loader = createClipLoader({ ffmpeg: located, cacheDir, video, concurrency: 1 });
    const pending = [loader.load(clipFile), loader.load(path.join(dir, "loader.mp4"))];
    await entered;
    const settled = Promise.allSettled(pending);
    await loader.close();
    for (const result of await settled) {
      assert.equal(result.status, "rejected");
      assert.ok(result.status === "rejected" && UserError.is(result.reason, "cancelled"));
    }
    const frames = path.join(cacheDir, "frames");
    assert.deepEqual(fs.existsSync(frames) ? fs.readdirSync(frames) : [], []);
    await loader.close();
  });
});

test("many who ask at once for an evicted set all get it", async () => {
  const cacheDir = newCache();
  const { seen } = await openClip({ path: clipFile, video, ffmpeg, cacheDir });
  fs.rmSync(frameSetDir(cacheDir, seen.frameSet), { recursive: true });
  const opened = await Promise.all(Array.from({ length: 5 }, () => openFrameFiles({ seen, ffmpeg, cacheDir })));
  for (const files of opened) {
    assert.equal(files.length, seen.frameIndices.length);
    assert.ok(files.every((file) => fs.existsSync(file)));
  }
});

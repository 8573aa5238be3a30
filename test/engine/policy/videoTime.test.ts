import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { readPolicyConfig } from "../../../src/engine/policy/config.ts";
import { secondsPerGrid, timePositions } from "../../../src/engine/policy/visuals.ts";
import { locateFfmpeg, runFfmpeg, type Ffmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { openClip } from "../../../src/engine/video/frameCache.ts";
import { writeClip } from "../video/barcodeClips.ts";
import { checkpointDir, readJson } from "./tinyPolicy.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-time-"));
after(() => fs.rmSync(dir, { recursive: true, force: true }));
let ffmpeg: Ffmpeg;
before(async () => {
  ffmpeg = await locateFfmpeg();
});
const file = path.join(checkpointDir("policy/tied"), "config.json");
const tied = readPolicyConfig(readJson(file), file);
const config = { ...tied, vision: { ...tied.vision, tokensPerSecond: 2 } };

async function positionsOf(video: string): Promise<readonly number[]> {
  const wish = { fps: 2, minFrames: 4, maxFrames: 64, minPixels: 784, maxPixels: 12544, onBadVideo: "fail" } as const;
  const { seen } = await openClip({ path: video, video: wish, ffmpeg, cacheDir: path.join(dir, "cache") });
  return timePositions(seen.frameIndices.length / 2, secondsPerGrid(seen, config), config);
}

// qwen-vl-utils: sample_fps = frames picked / frames of the file * its rate, exactly 2 here.
const everySecond = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18];

test("positions do not depend on how a container rounds its times", async () => {
  for (const [name, fps] of [
    ["24.mp4", 24],
    ["24.mkv", 24],
    ["60.mkv", 60],
  ] as const) {
    const video = await writeClip(ffmpeg, path.join(dir, name), { frames: 10 * fps, fps: String(fps) });
    assert.deepEqual(await positionsOf(video), everySecond, name);
  }
});

test("nor on sound that begins before the picture", async () => {
  const video = await writeClip(ffmpeg, path.join(dir, "silent.mp4"), { frames: 250, fps: "25" });
  const late = path.join(dir, "late.mp4");
  const sound = ["-f", "lavfi", "-i", "sine=duration=12", "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac"];
  await runFfmpeg(ffmpeg, ["-loglevel", "error", "-itsoffset", "2", "-i", video, ...sound, late]);
  assert.deepEqual(await positionsOf(late), everySecond);
});

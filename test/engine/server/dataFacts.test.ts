import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { readDataset } from "../../../src/engine/data/readDataset.ts";
import { lintDataset } from "../../../src/engine/lint/dataLint.ts";
import { pixelFactorOfSpec, probeVideos, videosOf } from "../../../src/engine/server/dataFacts.ts";
import { locateFfmpeg, runFfmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { shownKey } from "../../../src/protocol/video.ts";
import { openClip } from "../../../src/engine/video/frameCache.ts";
import { writeClip } from "../video/barcodeClips.ts";

const video = {
  fps: 2,
  minFrames: 4,
  maxFrames: 8,
  minPixels: 784,
  maxPixels: 12544,
  onBadVideo: "skip",
} as const;

test("facts are about what is shown: a clip, a folder of frames, a clip beyond its file", async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-facts-"));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const ffmpeg = await locateFfmpeg();
  const clip = await writeClip(ffmpeg, path.join(dir, "a.mp4"), { frames: 180 });
  fs.mkdirSync(path.join(dir, "b"));
  await runFfmpeg(ffmpeg, ["-loglevel", "error", "-i", clip, "-frames:v", "30", path.join(dir, "b", "%d.jpg")]);
  const event = { question: "it rains" };
  const rows = [
    { ...event, id: "clip", video: "a", segment: [2, 3], start: 2, end: 4 },
    { ...event, id: "frames", video: "b", segment: [1, 2], frameRate: 10, duration: 3 },
    { ...event, id: "other length", video: "a", segment: [1, 2], duration: 9 },
    { ...event, id: "beyond", video: "a", segment: [8, 9], start: 8, end: 9.5 },
  ];
  fs.writeFileSync(path.join(dir, "own.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  const spec = {
    id: "d",
    task: "temporal-grounding",
    format: "jsonl",
    path: "own.jsonl",
    videos: ".",
    weight: 1,
  } as const;
  const dataset = await readDataset(spec, dir);
  const { all } = videosOf([dataset], null);
  const probing = { shown: all, video, ffmpeg: () => Promise.resolve(ffmpeg) };
  const facts = await probeVideos({ ...probing, pixelFactor: 28 });
  const lengths = dataset.examples.map((example) => {
    const found = facts.get(shownKey(example));
    return found?.ok === true ? Number(found.durationSec.toFixed(3)) : found?.message;
  });
  assert.deepEqual(lengths.slice(0, 3), [2, 3, 6]);
  assert.match(String(lengths[3]), /from 8 to 9.5 s, found 0 in a video of 6 s/);
  const findings = lintDataset(dataset, { usedFor: "training", videos: facts, video });
  assert.deepEqual(
    findings.map(({ example, code }) => `${example} ${code}`),
    ["other length duration-differs", "beyond unreadable-video"],
  );

  // Frames are those of the policy at hand: Qwen3-VL's tokens are 32 pixels wide.
  const [first] = all;
  assert.ok(first !== undefined);
  for (const pixelFactor of [28, 32]) {
    const found = (await probeVideos({ ...probing, pixelFactor })).get(shownKey(first));
    const { seen } = await openClip({
      path: first.videoPath,
      clip: first.clip,
      video,
      ffmpeg,
      cacheDir: dir,
      pixelFactor,
    });
    assert.ok(found?.ok === true);
    assert.deepEqual(found.seen?.size, { widthPx: seen.widthPx, heightPx: seen.heightPx });
    assert.deepEqual([found.seen.tokenPx, seen.widthPx % pixelFactor], [pixelFactor, 0]);
  }
});

test("the size of a visual token is that of the specification's policy", async () => {
  const factorOf = (model: string) =>
    pixelFactorOfSpec({ policy: { model } }, path.resolve("test", "fixtures", "policy"));
  assert.deepEqual([await factorOf("qwen2-vl"), await factorOf("qwen3-vl"), await factorOf("nowhere")], [28, 32, 28]);
});

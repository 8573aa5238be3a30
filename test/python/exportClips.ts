import fs from "node:fs/promises";
import path from "node:path";
import { openClip } from "../../src/engine/video/frameCache.ts";
import { frameGraph, passthroughArgs } from "../../src/engine/video/decodeArgs.ts";
import { locateFfmpeg, runFfmpeg } from "../../src/engine/video/ffmpeg.ts";
import { barcodeHeight, barcodeWidth, writeClip } from "../engine/video/barcodeClips.ts";

/**
 * Clips as the policy sees them, beside all frames of their files at full size: checkClips.py has qwen-vl-utils pick and
 * resize the same frames. `npm run test:python`.
 */
const files = [
  { name: "30.mp4", frames: 95, fps: "30" },
  { name: "film.mp4", frames: 120, fps: "24000/1001" },
  { name: "pal.mkv", frames: 61, fps: "25" },
  { name: "film.mkv", frames: 120, fps: "24" },
] as const;
const wishes = [
  { fps: 0.5, minFrames: 4, maxFrames: 768, maxPixels: 768 * 784, patchSize: 14 },
  { fps: 2, minFrames: 4, maxFrames: 768, maxPixels: 12 * 784, patchSize: 14 },
  { fps: 6, minFrames: 4, maxFrames: 16, maxPixels: 6 * 1024, patchSize: 16 },
  { fps: 2, minFrames: 4, maxFrames: 768, maxPixels: 768 * 784, totalPixels: 30 * 784, patchSize: 14 },
] as const;

const [out = ""] = process.argv.slice(2);
const ffmpeg = await locateFfmpeg();
for (const { name, frames, fps } of files) {
  const file = await writeClip(ffmpeg, path.join(out, name), { frames, fps });
  await fs.writeFile(path.join(out, `${name}.frames`), await allFrames(file));
  for (const [i, { patchSize, ...wish }] of wishes.entries()) {
    const video = { ...wish, minPixels: 4 * (2 * patchSize) ** 2 };
    const params = { path: file, cacheDir: path.join(out, "cache"), ffmpeg, pixelFactor: 2 * patchSize };
    const { seen, pixels_FHWC } = await openClip({ ...params, video: { ...video, onBadVideo: "fail" } });
    await fs.writeFile(path.join(out, `${name}.${i}.pixels`), pixels_FHWC);
    const facts = { file, source: [frames, barcodeHeight, barcodeWidth], video, patchSize, seen };
    await fs.writeFile(path.join(out, `${name}.${i}.clip.json`), JSON.stringify(facts));
  }
}

/** RGB [F, H, W, 3] at full size, with the colour conversion that clips have. */
async function allFrames(file: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const source = { widthPx: barcodeWidth, heightPx: barcodeHeight, codec: "avc" };
  const graph = ["-filter_complex", frameGraph(source, { select: null, withJpeg: false }), "-map", "[p]"];
  const args = ["-loglevel", "error", "-i", file, ...graph, ...passthroughArgs(ffmpeg), "-f", "rawvideo", "-"];
  await runFfmpeg(ffmpeg, args, { onStdout: (chunk) => void chunks.push(chunk) });
  return Buffer.concat(chunks);
}

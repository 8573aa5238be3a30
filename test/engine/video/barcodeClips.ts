import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { runFfmpeg } from "../../../src/engine/video/ffmpeg.ts";
import type { Ffmpeg } from "../../../src/engine/video/ffmpeg.ts";

/** Clips whose frames carry their number: ten bars, one a bit, in the upper half; a box that moves below. */
export const barcodeWidth = 160;
export const barcodeHeight = 96;
const bits = 10;

export interface ClipRecipe {
  readonly frames: number;
  readonly fps?: string;
  /** Arguments between input and output; the encoder's by default x264 with B-frames. */
  readonly output?: readonly string[];
  readonly encoder?: readonly string[];
  readonly withAudio?: boolean;
}

export const x264 = ["-c:v", "libx264", "-preset", "veryfast", "-g", "24", "-bf", "2", "-pix_fmt", "yuv420p"];

export async function writeClip(ffmpeg: Ffmpeg, file: string, recipe: ClipRecipe): Promise<string> {
  const { frames, fps = "30", output = [], encoder = x264, withAudio = false } = recipe;
  const size = `${barcodeWidth}x${barcodeHeight}`;
  const video = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", size, "-r", fps, "-i", "-"];
  const audio = withAudio ? ["-f", "lavfi", "-i", "sine=440:sample_rate=48000", "-shortest", "-c:a", "aac"] : [];
  const args = ["-loglevel", "error", "-y", ...video, ...audio, "-threads", "1", ...encoder, ...output, file];
  await runFfmpeg(ffmpeg, args, { input: barcodeFrames(frames) });
  return file;
}

function* barcodeFrames(count: number): Generator<Uint8Array> {
  for (let n = 0; n < count; n++) {
    const frame = new Uint8Array(barcodeWidth * barcodeHeight).fill(64);
    for (let y = 0; y < barcodeHeight / 2; y++) {
      for (let x = 0; x < barcodeWidth; x++) {
        const bit = Math.floor((x * bits) / barcodeWidth);
        frame[y * barcodeWidth + x] = (n >> bit) & 1 ? 235 : 16;
      }
    }
    for (let y = 60; y < 80; y++) frame.fill(200, y * barcodeWidth + (n % 130), y * barcodeWidth + (n % 130) + 20);
    yield frame;
  }
}

/** The number in a frame of any size, RGB [H, W, 3]; fails when a bar is neither dark nor bright. */
export function readBarcode(pixels_HW3: Uint8Array, widthPx: number, heightPx: number): number {
  let number = 0;
  for (let bit = 0; bit < bits; bit++) {
    const x = Math.floor(((bit + 0.5) * widthPx) / bits);
    const value = pixels_HW3[(Math.floor(heightPx / 4) * widthPx + x) * 3] ?? 0;
    assert.ok(value < 80 || value > 170, `bar ${bit} has the value ${value}`);
    if (value > 128) number |= 1 << bit;
  }
  return number;
}

export function readBarcodes(pixels_FHW3: Uint8Array, widthPx: number, heightPx: number): number[] {
  const bytes = widthPx * heightPx * 3;
  const frames = Array.from({ length: pixels_FHW3.length / bytes }, (_, i) =>
    pixels_FHW3.subarray(i * bytes, (i + 1) * bytes),
  );
  return frames.map((frame) => readBarcode(frame, widthPx, heightPx));
}

/** Copies an mp4 and marks its first track as to be turned for display, by default by 90 degrees clockwise. */
export function writeRotated(from: string, to: string, [a, b, c, d] = [0, 1, -1, 0]): string {
  const bytes = fs.readFileSync(from);
  const matrixAt = bytes.indexOf("tkhd") + 4 + 40;
  const matrix = [a, b, 0, c, d, 0, 0, 0, 0x4000];
  matrix.forEach((value = 0, i) => bytes.writeInt32BE(value * 0x10000, matrixAt + i * 4));
  fs.writeFileSync(to, bytes);
  return to;
}

/** Copies a part of a file. */
export function writePart(from: string, to: string, startShare: number, endShare: number): string {
  const bytes = fs.readFileSync(from);
  const at = (share: number): number => Math.floor(bytes.length * share);
  fs.writeFileSync(to, bytes.subarray(at(startShare), at(endShare)));
  return to;
}

export function inFolder(folder: string): (name: string) => string {
  return (name) => path.join(folder, name);
}

import fs from "node:fs";
import path from "node:path";
import { defaultFrameRate } from "../../protocol/video.ts";
import type { FrameTableMismatch } from "./decodeErrors.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import { runFfmpeg } from "./ffmpeg.ts";
import { badVideo, RunFailure } from "./ffmpegErrors.ts";
import { isWholeImage, pictureOnly, readImageHeader, type ImageHeader } from "./imageHeader.ts";
import type { VideoProbe } from "./probe.ts";

const frameName = /\.(?:jpe?g|png)$/i;

export function isFrameFolder(file: string): boolean {
  return fs.statSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Absolute paths of the frames in a folder: its JPEG or PNG files, by the numbers in their names, so that 10.jpg comes after
 * 9.jpg. Throws UserError "bad-video" when there are none.
 */
export function listFrames(folder: string): string[] {
  const collator = new Intl.Collator("en", { numeric: true });
  const names = fs.readdirSync(folder).filter((name) => frameName.test(name) && !name.startsWith("."));
  if (names.length > 0) return names.sort(collator.compare).map((name) => path.join(folder, name));
  const found = "expected a video or a folder of frames, found a folder without JPEG or PNG files";
  throw badVideo(folder, found, "Check the path and the videos folder of the dataset.");
}

/**
 * Frames of a folder as a video of constant rate: frame n is at n / frameRate seconds. Only the first is looked at; that the
 * others are like it is checked when they are decoded. Throws UserError "bad-video".
 */
export function probeFrameFolder(folder: string, frameRate = defaultFrameRate): VideoProbe {
  const files = listFrames(folder);
  const [first = folder] = files;
  if (files.length < 2) throw badVideo(folder, `expected a video of at least 2 frames, found ${files.length}`);
  const header = headerOf(first, fs.readFileSync(first));
  return {
    timestampsSec: files.map((_, n) => n / frameRate),
    startSec: 0,
    keyFrames: files.map((_, n) => n),
    durationSec: files.length / frameRate,
    averageFps: frameRate,
    widthPx: header.widthPx,
    heightPx: header.heightPx,
    codec: header.kind,
    container: "frames",
    method: "frames",
  };
}

/** Bytes of some frames one after the other, for ffmpeg's pipe. Throws UserError "bad-video" that names the image. */
export async function* readFrames(folder: string, probe: VideoProbe, indices: readonly number[]) {
  const files = listFrames(folder);
  if (files.length !== probe.timestampsSec.length) {
    throw badVideo(folder, `expected ${probe.timestampsSec.length} frames, found ${files.length}`);
  }
  for (const index of indices) {
    const file = files[index] ?? folder;
    const bytes = await fs.promises.readFile(file);
    const { kind, widthPx, heightPx } = headerOf(file, bytes);
    if (kind !== probe.codec) throw badVideo(file, `expected ${probe.codec} as the first frame, found ${kind}`);
    if (widthPx !== probe.widthPx || heightPx !== probe.heightPx) {
      const sizes = `${probe.widthPx} x ${probe.heightPx} pixels as the first frame, found ${widthPx} x ${heightPx}`;
      throw badVideo(file, `expected ${sizes}`, "Frames of a video have one size.");
    }
    yield pictureOnly(bytes);
  }
}

/** The error of frames that did not come out of ffmpeg as they should: names the first image that it cannot decode alone. */
export async function badFrameOf(
  ffmpeg: Ffmpeg,
  folder: string,
  probe: VideoProbe,
  indices: readonly number[],
  mismatch: FrameTableMismatch,
): Promise<Error> {
  const files = listFrames(folder);
  for (const index of indices) {
    const input = readFrames(folder, probe, [index]);
    const args = ["-v", "error", "-xerror", ...pipeArgs(probe), "-f", "null", "-"];
    try {
      await runFfmpeg(ffmpeg, args, { input });
    } catch (error) {
      if (!(error instanceof RunFailure)) throw error;
      return badVideo(files[index] ?? folder, "expected an image that ffmpeg can decode", "Replace it.", error);
    }
  }
  return badVideo(folder, `its frames cannot be told apart: ${mismatch.message}`, undefined, mismatch);
}

/** Input of images through a pipe, a second each. */
export function pipeArgs(probe: VideoProbe): string[] {
  return ["-framerate", "1", "-f", probe.codec === "png" ? "png_pipe" : "jpeg_pipe", "-i", "pipe:0"];
}

function headerOf(file: string, bytes: Uint8Array): ImageHeader {
  const header = readImageHeader(bytes);
  if (header === null) throw badVideo(file, "expected a JPEG or PNG image, found something else", "Replace it.");
  if (!isWholeImage(bytes, header.kind)) {
    throw badVideo(file, "expected a whole image, found one that is cut off", "Copy it again.");
  }
  return header;
}

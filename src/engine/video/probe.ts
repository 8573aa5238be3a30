import fs from "node:fs";
import type { Ffmpeg } from "./ffmpeg.ts";
import { badVideo } from "./ffmpegErrors.ts";
import { isFrameFolder, probeFrameFolder } from "./frameFolder.ts";
import { averageFps, medianIntervalSec } from "./pickFrames.ts";
import { probeByDecoding, probeByFfprobe } from "./probeFfmpeg.ts";
import { probeByPackets } from "./probePackets.ts";

/** Every frame of a video's first video track: entry n is the frame that ffmpeg numbers n. */
export interface VideoProbe {
  /** Presentation times, ascending, relative to the start of the file. */
  readonly timestampsSec: readonly number[];
  /** Time of the container that the timestamps start from; ffmpeg's raw timestamp is `timestampsSec[n] + startSec`. */
  readonly startSec: number;
  /** Frames that can be decoded without others, ascending; null when not known. */
  readonly keyFrames: readonly number[] | null;
  /** End of the last frame. */
  readonly durationSec: number;
  readonly averageFps: number;
  /** As displayed: after rotation; pixels are taken to be square, as qwen-vl-utils' readers take them. */
  readonly widthPx: number;
  readonly heightPx: number;
  /** "avc", "hevc", "vp9", "av1", …, or ffmpeg's name of the codec; "jpeg" or "png". */
  readonly codec: string;
  /** "mp4", "mov", "matroska", "webm", "mpegts", …, or ffmpeg's name of the format; "frames" for a folder. */
  readonly container: string;
  /** Where the table comes from; "decoder" counts what ffmpeg really gives and cannot disagree with it, "frames" is a folder. */
  readonly method: "packets" | "ffprobe" | "decoder" | "frames";
}

/** What the readers return; the rest follows from it. */
export interface FrameTable {
  readonly frames: readonly { readonly rawSec: number; readonly isKey: boolean }[];
  readonly startSec: number;
  readonly lastDurationSec: number;
  /** How long the header says that the video is, where it says so of this track; absent else. */
  readonly promisedSec?: number | undefined;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly codec: string;
  readonly container: string;
}

/** A file that holds less than it promises is used when at least so much of it is there. */
export const leastWholeShare = 0.95;

export interface ProbeOptions {
  readonly signal?: AbortSignal | undefined;
  /** "decoder" decodes the whole file and lists what comes out: slow, for files whose tables are wrong. */
  readonly method?: "auto" | "decoder" | undefined;
  /** Frames a second of a folder of images. */
  readonly frameRate?: number | undefined;
}

/** An ffmpeg, or how to get one, so that work which needs none does not fail for want of it. */
export type FfmpegSource = Ffmpeg | (() => Promise<Ffmpeg>);

export async function resolveFfmpeg(source: FfmpegSource): Promise<Ffmpeg> {
  return typeof source === "function" ? await source() : source;
}

/**
 * Reads the times of all frames without decoding: the packet table (mediabunny, no program needed), else ffprobe beside
 * ffmpeg, else ffmpeg's own listing. A folder of images is a video of the given rate.
 * Throws UserError "bad-video" when the file is missing, is no video, or holds fewer than two frames.
 */
export async function probeVideo(file: string, ffmpeg: FfmpegSource, options: ProbeOptions = {}): Promise<VideoProbe> {
  if (isFrameFolder(file)) return probeFrameFolder(file, options.frameRate);
  checkFile(file);
  if (options.method !== "decoder") {
    const table = await probeByPackets(file, options.signal);
    if (table !== null) return probeOf(file, table, "packets");
    const program = await resolveFfmpeg(ffmpeg);
    const listed = await probeByFfprobe(file, program, options.signal);
    if (listed !== null) return probeOf(file, listed, "ffprobe");
  }
  return probeOf(file, await probeByDecoding(file, await resolveFfmpeg(ffmpeg), options.signal), "decoder");
}

/** Throws UserError "bad-video" unless the path is a file that is not empty. */
export function checkFile(file: string): fs.Stats {
  let stats: fs.Stats;
  try {
    stats = fs.statSync(file);
  } catch (error) {
    // SAFETY: errors of node:fs carry a code.
    const { code } = error as NodeJS.ErrnoException;
    const found = code === "ENOENT" || code === "ENOTDIR" ? "no such file" : `the file cannot be read (${code})`;
    throw badVideo(file, `expected a video, ${found}`, "Check the path and the videos folder of the dataset.", error);
  }
  if (!stats.isFile()) throw badVideo(file, "expected a video file, found a folder");
  if (stats.size === 0) throw badVideo(file, "expected a video, found an empty file", "Copy the file again.");
  return stats;
}

function probeOf(file: string, table: FrameTable, method: VideoProbe["method"]): VideoProbe {
  const { startSec, widthPx, heightPx, codec, container } = table;
  const sorted = [...table.frames].sort((a, b) => a.rawSec - b.rawSec);
  const timestampsSec = sorted.map((frame) => Math.max(0, frame.rawSec - startSec));
  const last = timestampsSec.at(-1);
  if (last === undefined || timestampsSec.length < 2) {
    throw badVideo(file, `expected a video of at least 2 frames, found ${timestampsSec.length}`);
  }
  if (last <= (timestampsSec[0] ?? 0)) {
    const hint = "Its frame rate is written as 0 or not at all. Re-encode it with a rate.";
    throw badVideo(file, `expected frames at different times, found ${timestampsSec.length} at ${last} s`, hint);
  }
  checkWhole(file, table, last);
  if (!(widthPx >= 1 && heightPx >= 1)) {
    throw badVideo(file, `expected frames with a size, found ${widthPx} x ${heightPx} pixels`);
  }
  const lastDurationSec = table.lastDurationSec > 0 ? table.lastDurationSec : medianIntervalSec(timestampsSec);
  return {
    timestampsSec,
    startSec,
    keyFrames: sorted.flatMap((frame, n) => (frame.isKey ? [n] : [])),
    durationSec: last + lastDurationSec,
    averageFps: averageFps(timestampsSec, lastDurationSec),
    widthPx,
    heightPx,
    codec,
    container,
    method,
  };
}

/** Half a download is no short clip. */
function checkWhole(file: string, { promisedSec, lastDurationSec }: FrameTable, lastSec: number): void {
  const foundSec = lastSec + Math.max(0, lastDurationSec);
  if (promisedSec === undefined || foundSec >= promisedSec * leastWholeShare) return;
  const lengths = `${Number(promisedSec.toFixed(2))} s of video as its header says, found ${Number(foundSec.toFixed(2))} s`;
  throw badVideo(file, `expected ${lengths}`, "The file is damaged or cut off. Copy it again or re-encode it.");
}

import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { frameGraph, graphArgs, passthroughArgs, selectExpression } from "./decodeArgs.ts";
import { FrameTableMismatch } from "./decodeErrors.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import { runFfmpeg } from "./ffmpeg.ts";
import { RunFailure, asBadVideo } from "./ffmpegErrors.ts";
import { badFrameOf, pipeArgs, readFrames } from "./frameFolder.ts";
import { PpmReader } from "./ppm.ts";
import type { VideoProbe } from "./probe.ts";
import { ShowinfoReader } from "./showinfo.ts";

export interface DecodeRequest {
  readonly ffmpeg: Ffmpeg;
  readonly file: string;
  readonly probe: VideoProbe;
  /** Frames wanted: ascending, each once. */
  readonly indices: readonly number[];
  /** Existing folder that gets one JPEG of each frame (jpegName), at most 640 pixels wide; null for none. */
  readonly jpegDir: string | null;
  /** One call a frame with its position in `indices`, in any order; full size, RGB, valid during the call only. */
  readonly onFrame: (position: number, pixels_HW3: Uint8Array) => void;
  readonly signal?: AbortSignal | undefined;
  /** By default the cheaper one: one pass over the file, or a seek for each frame. */
  readonly mode?: "sequential" | "seek" | undefined;
}

/** File name of the JPEG of the frame at a position. */
export function jpegName(position: number): string {
  return `${String(position + 1).padStart(6, "0")}.jpg`;
}

/**
 * Decodes exactly the wanted frames, in one pass or by a seek each. That they are the right ones is checked by their
 * times. Frames that were handed out before an error must be thrown away.
 * Throws FrameTableMismatch (decodeErrors.ts), UserError "bad-video", "cancelled" or "disk-full".
 */
export async function decodeFrames(request: DecodeRequest): Promise<void> {
  const mode = request.mode ?? cheaperMode(request.probe, request.indices);
  try {
    if (request.probe.method === "frames") await decodeImages(request);
    else if (mode === "sequential") await decodeInOnePass(request);
    else await decodeBySeeks(request);
  } catch (error) {
    if (error instanceof RunFailure) throw asBadVideo(request.file, error);
    throw error;
  }
}

/** Containers whose seeks land where they should; in MPEG-TS they are off by up to a hundred frames. */
const seekable = new Set(["mp4", "mov", "matroska", "webm"]);
/** Starting ffmpeg and opening the file costs about as much as decoding so many frames. */
const seekCostFrames = 16;
const leastSeekSpacingSec = 2;

/** Seeks when frames are wanted rarely and the key frames before them are near enough. */
export function cheaperMode(probe: VideoProbe, indices: readonly number[]): "sequential" | "seek" {
  const { keyFrames, timestampsSec } = probe;
  const [first, last] = [indices[0], indices.at(-1)];
  if (first === undefined || last === undefined || indices.length < 2) return "sequential";
  if (keyFrames === null || probe.method === "decoder" || !seekable.has(probe.container)) return "sequential";
  const spacingSec = ((timestampsSec[last] ?? 0) - (timestampsSec[first] ?? 0)) / (indices.length - 1);
  if (spacingSec <= leastSeekSpacingSec) return "sequential";
  let cost = 0;
  let key = 0;
  for (const index of indices) {
    while ((keyFrames[key + 1] ?? Infinity) <= index) key++;
    cost += index - (keyFrames[key] ?? 0) + 1 + seekCostFrames;
  }
  return cost < last + 1 + seekCostFrames ? "seek" : "sequential";
}

/** Only the wanted images are read, and given to one ffmpeg. */
async function decodeImages(request: DecodeRequest): Promise<void> {
  const { ffmpeg, file, probe, indices } = request;
  const graph = ["-filter_complex", frameGraph(probe, { select: null, withJpeg: request.jpegDir !== null })];
  const input = { args: pipeArgs(probe), bytes: readFrames(file, probe, indices) };
  const expected = indices.map((_, position) => position);
  try {
    await runDecode(request, { before: [], input, graph, expected, firstPosition: 0 });
  } catch (error) {
    if (!(error instanceof FrameTableMismatch)) throw error;
    throw await badFrameOf(ffmpeg, file, probe, indices, error);
  }
}

async function decodeInOnePass(request: DecodeRequest): Promise<void> {
  const { ffmpeg, probe, indices } = request;
  const graph = frameGraph(probe, { select: selectExpression(indices), withJpeg: request.jpegDir !== null });
  const expected = indices.map((index) => rawTime(probe, index));
  const script = await graphArgs(ffmpeg, graph, () => fs.mkdtemp(path.join(os.tmpdir(), "video-rft-graph-")));
  try {
    await runDecode(request, { before: [...threadArgs(), "-copyts"], graph: script.args, expected, firstPosition: 0 });
  } finally {
    await script.dispose();
  }
}

async function decodeBySeeks(request: DecodeRequest): Promise<void> {
  const { probe, indices } = request;
  const graph = ["-filter_complex", frameGraph(probe, { select: null, withJpeg: request.jpegDir !== null })];
  let next = 0;
  const stop = new AbortController();
  const signal = request.signal === undefined ? stop.signal : AbortSignal.any([request.signal, stop.signal]);
  const work = async (): Promise<void> => {
    for (let position = next++; position < indices.length; position = next++) {
      // Half a millisecond early, since a seek to the exact time is sometimes rounded past its frame.
      const from = rawTime(probe, indices[position] ?? 0) - 0.0005;
      const before = from > 0 ? ["-seek_timestamp", "1", "-ss", from.toFixed(6)] : ["-copyts"];
      const expected = [from > 0 ? 0.0005 : from + 0.0005];
      await runDecode(
        { ...request, signal },
        { before: ["-threads", "1", ...before], graph, expected, firstPosition: position },
      );
    }
  };
  const workers = Array.from({ length: Math.min(os.availableParallelism(), 8, indices.length) }, work);
  try {
    await Promise.all(workers);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(workers);
    throw error;
  }
}

interface DecodeRun {
  /** Arguments before the input. */
  readonly before: readonly string[];
  /** In place of the file: what comes through a pipe. */
  readonly input?: { readonly args: readonly string[]; readonly bytes: AsyncIterable<Uint8Array> } | undefined;
  readonly graph: readonly string[];
  /** Times that ffmpeg must report for the frames, in its clock of this run. */
  readonly expected: readonly number[];
  readonly firstPosition: number;
}

/** The table and ffmpeg agree within the rounding of time bases: 1 ms in Matroska. */
const toleranceSec = 0.0015;

async function runDecode(request: DecodeRequest, run: DecodeRun): Promise<void> {
  const { ffmpeg, file, probe, jpegDir } = request;
  const count = run.expected.length;
  let decoded = 0;
  const pixels = new PpmReader((frame, widthPx, heightPx) => {
    if (widthPx !== probe.widthPx || heightPx !== probe.heightPx) {
      const sizes = `${probe.widthPx} x ${probe.heightPx} pixels, found ${widthPx} x ${heightPx}`;
      throw new FrameTableMismatch(`expected frames of ${sizes}`, decoded);
    }
    request.onFrame(run.firstPosition + decoded++, frame);
  });
  const shown = new ShowinfoReader();
  const output = [...passthroughArgs(ffmpeg), "-frames:v", String(count)];
  const args = [
    "-nostats",
    "-loglevel",
    "info",
    ...run.before,
    ...(run.input?.args ?? ["-i", `file:${file}`]),
    ...run.graph,
  ];
  args.push("-map", "[p]", ...output, "-c:v", "ppm", "-f", "image2pipe", "pipe:1");
  if (jpegDir !== null) {
    const start = ["-start_number", String(run.firstPosition + 1)];
    args.push("-map", "[j]", ...output, "-c:v", "mjpeg", "-q:v", "3", "-f", "image2", ...start, "%06d.jpg");
  }
  await runFfmpeg(ffmpeg, args, {
    input: run.input?.bytes,
    cwd: jpegDir ?? undefined,
    signal: request.signal,
    onStdout: (chunk) => pixels.push(chunk),
    onStderr: (text) => shown.push(text),
  });
  if (decoded < count) throw new FrameTableMismatch(`expected ${count} frames, found ${decoded}`, decoded);
  run.expected.forEach((expectedSec, i) => {
    const foundSec = shown.frames[i]?.rawSec ?? NaN;
    if (Math.abs(foundSec - expectedSec) <= toleranceSec) return;
    throw new FrameTableMismatch(`expected a frame at ${expectedSec} s, found one at ${foundSec} s`, decoded);
  });
}

/** One thread more than ffmpeg takes by itself keeps the decoder busy while its main thread converts a frame. */
function threadArgs(): string[] {
  return ["-threads", String(Math.min(os.availableParallelism() + 2, 16))];
}

function rawTime(probe: VideoProbe, index: number): number {
  const time = probe.timestampsSec[index];
  if (time === undefined) throw new Error(`internal: frame ${index} of ${probe.timestampsSec.length}`);
  return time + probe.startSec;
}

import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import { frameGraph, graphArgs, passthroughArgs, selectFrames, selectTimes } from "./decodeArgs.ts";
import { FrameTableMismatch } from "./decodeErrors.ts";
import type { Ffmpeg } from "./ffmpeg.ts";
import { runFfmpeg } from "./ffmpeg.ts";
import { RunFailure, asBadVideo } from "./ffmpegErrors.ts";
import { badFrameOf, pipeArgs, readFrames } from "./frameFolder.ts";
import { sievePackets } from "./packetSieve.ts";
import type { PacketSieve } from "./packetSieve.ts";
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
  /** By default the cheaper one: all of the file up to the last frame, or only the packets that the frames need. */
  readonly mode?: "whole" | "sieved" | undefined;
}

/** File name of the JPEG of the frame at a position. */
export function jpegName(position: number): string {
  return `${String(position + 1).padStart(6, "0")}.jpg`;
}

/**
 * Decodes exactly the wanted frames. That they are the right ones is checked by their times. Frames that were handed out
 * before an error must be thrown away; some may be handed out twice, the second time right.
 * Throws FrameTableMismatch (decodeErrors.ts), UserError "bad-video", "cancelled" or "disk-full".
 */
export async function decodeFrames(request: DecodeRequest): Promise<void> {
  const mode = request.mode ?? cheaperMode(request.probe, request.indices);
  try {
    if (request.probe.method === "frames") await decodeImages(request);
    else if (mode === "whole" || !(await decodeSieved(request))) await decodeWhole(request);
  } catch (error) {
    if (error instanceof RunFailure) throw asBadVideo(request.file, error);
    throw error;
  }
}

/** The table and ffmpeg agree within the rounding of time bases: 1 ms in Matroska. */
const toleranceSec = 0.0015;
/** Containers whose packets can be given to ffmpeg one by one. */
const sieved = new Set(["mp4", "mov", "matroska", "webm"]);
/** Codecs that say of a packet whether others need it. */
const withDiscardable = new Set(["avc", "hevc"]);
const othersSieved = new Set(["vp8", "vp9", "av1"]);
/** Sieving pays when it leaves out so much. */
const leastSaving = 0.1;

/** Sieves where a frame in two or fewer is wanted and packets can be left out. */
export function cheaperMode(probe: VideoProbe, indices: readonly number[]): "whole" | "sieved" {
  const last = indices.at(-1);
  if (last === undefined || probe.method !== "packets" || !sieved.has(probe.container)) return "whole";
  if (leastSpacing(probe, last) <= 2 * toleranceSec || indices.length > (last + 1) / 2) return "whole";
  if (withDiscardable.has(probe.codec)) return "sieved";
  const between = othersSieved.has(probe.codec) ? framesBetween(probe.keyFrames ?? [], indices) : 0;
  return between > (last + 1) * leastSaving ? "sieved" : "whole";
}

/** Two frames nearer to each other than the clock of the sieved stream tells apart must not be confused. */
function leastSpacing({ timestampsSec }: VideoProbe, last: number): number {
  let least = Infinity;
  for (let n = 1; n <= last; n++) least = Math.min(least, (timestampsSec[n] ?? 0) - (timestampsSec[n - 1] ?? 0));
  return least;
}

/** Frames from a wanted one to the key frame of the next, over all. */
function framesBetween(keyFrames: readonly number[], indices: readonly number[]): number {
  let [count, key, former] = [0, 0, -1];
  for (const index of indices) {
    while ((keyFrames[key + 1] ?? Infinity) <= index) key++;
    count += Math.max(0, (keyFrames[key] ?? 0) - former - 1);
    former = index;
  }
  return count;
}

/** Only the wanted images are read, and given to one ffmpeg. */
async function decodeImages(request: DecodeRequest): Promise<void> {
  const { ffmpeg, file, probe, indices } = request;
  const graph = ["-filter_complex", frameGraph(probe, { select: null, withJpeg: request.jpegDir !== null })];
  const input = { args: pipeArgs(probe), bytes: readFrames(file, probe, indices) };
  const expected = indices.map((_, position) => position);
  try {
    await runDecode(request, { before: [], input, graph, expected });
  } catch (error) {
    if (!(error instanceof FrameTableMismatch)) throw error;
    throw await badFrameOf(ffmpeg, file, probe, indices, error);
  }
}

async function decodeWhole(request: DecodeRequest): Promise<void> {
  const { probe, indices } = request;
  const expected = indices.map((index) => rawTime(probe, index));
  await decodeInOnePass(request, { before: ["-copyts"], expected }, selectFrames(indices));
}

/** False when the whole file has to be given to ffmpeg after all. */
async function decodeSieved(request: DecodeRequest): Promise<boolean> {
  const { file, probe, indices, signal } = request;
  const wantedSec = indices.map((index) => rawTime(probe, index));
  let sieve: PacketSieve | null = null;
  try {
    sieve = await sievePackets(file, wantedSec);
    if (sieve === null) return false;
    const { shiftSec, bytes } = sieve;
    const expected = wantedSec.map((timeSec) => timeSec + shiftSec);
    const input = { args: ["-f", "matroska", "-i", "pipe:0"], bytes };
    const run = { before: ["-copyts"], input, refusesErrors: true, expected } as const;
    await decodeInOnePass(request, run, selectTimes(expected, toleranceSec), sieve.turn);
    return true;
  } catch (error) {
    // A file that the sieve misunderstands, or that is damaged: ffmpeg's answer to all of it decides.
    if (signal?.aborted || UserError.is(error, "disk-full")) throw error;
    return false;
  } finally {
    sieve?.dispose();
  }
}

/** @param turn filters that show the frames as the file has them shown, where ffmpeg does not see that */
async function decodeInOnePass(
  request: DecodeRequest,
  run: Omit<DecodeRun, "graph">,
  select: string,
  turn: readonly string[] = [],
): Promise<void> {
  const { ffmpeg, probe, jpegDir } = request;
  const graph = frameGraph(probe, { select, turn, withJpeg: jpegDir !== null });
  const script = await graphArgs(ffmpeg, graph, () => fs.mkdtemp(path.join(os.tmpdir(), "video-rft-graph-")));
  try {
    await runDecode(request, { ...run, before: [...threadArgs(), ...run.before], graph: script.args });
  } finally {
    await script.dispose();
  }
}

interface DecodeRun {
  /** Arguments before the input. */
  readonly before: readonly string[];
  /** In place of the file: what comes through a pipe. */
  readonly input?: { readonly args: readonly string[]; readonly bytes: AsyncIterable<Uint8Array> } | undefined;
  readonly graph: readonly string[];
  /** A frame that ffmpeg patched up, or any other error in its log, is a mismatch. */
  readonly refusesErrors?: boolean;
  /** Times that ffmpeg must report for the frames, in its clock of this run. */
  readonly expected: readonly number[];
}

async function runDecode(request: DecodeRequest, run: DecodeRun): Promise<void> {
  const { ffmpeg, file, probe, jpegDir } = request;
  const count = run.expected.length;
  let decoded = 0;
  const pixels = new PpmReader((frame, widthPx, heightPx) => {
    if (widthPx !== probe.widthPx || heightPx !== probe.heightPx) {
      const sizes = `${probe.widthPx} x ${probe.heightPx} pixels, found ${widthPx} x ${heightPx}`;
      throw new FrameTableMismatch(`expected frames of ${sizes}`, decoded);
    }
    request.onFrame(decoded++, frame);
  });
  const shown = new ShowinfoReader();
  const output = [...passthroughArgs(ffmpeg), "-frames:v", String(count)];
  const input = run.input?.args ?? ["-i", `file:${file}`];
  const args = [
    "-nostats",
    "-loglevel",
    run.refusesErrors === true ? "level+info" : "info",
    ...run.before,
    ...input,
    ...run.graph,
  ];
  args.push("-map", "[p]", ...output, "-c:v", "ppm", "-f", "image2pipe", "pipe:1");
  if (jpegDir !== null) {
    args.push("-map", "[j]", ...output, "-c:v", "mjpeg", "-q:v", "3", "-f", "image2", "%06d.jpg");
  }
  await runFfmpeg(ffmpeg, args, {
    input: run.input?.bytes,
    cwd: jpegDir ?? undefined,
    signal: request.signal,
    onStdout: (chunk) => pixels.push(chunk),
    onStderr: (text) => shown.push(text),
  });
  if (run.refusesErrors === true && shown.errors > 0) throw new FrameTableMismatch("ffmpeg logged errors", decoded);
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

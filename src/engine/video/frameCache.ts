import { createHash } from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";
import type { UserError } from "../../protocol/errors.ts";
import { recordVersion } from "../../protocol/records.ts";
import type { FrameSetRecord, SeenVideo } from "../../protocol/records.ts";
import type { VideoSpec } from "../../protocol/spec.ts";
import type { Segment } from "../../protocol/tasks.ts";
import { defaultFrameRate } from "../../protocol/video.ts";
import type { Clip } from "./clip.ts";
import { decodeFrames, jpegName } from "./decode.ts";
import { jpegSize } from "./decodeArgs.ts";
import { FrameTableMismatch } from "./decodeErrors.ts";
import { badVideo } from "./ffmpegErrors.ts";
import { isFrameFolder, probeFrameFolder } from "./frameFolder.ts";
import {
  defaultMaxCacheBytes,
  evict,
  makeScratchDir,
  readImagePaths,
  readJson,
  hasPixels,
  readPixels,
  storeFrameSet,
  touch,
  writeFileAtomic,
} from "./frameStore.ts";
import { clipFrames, frameSize, pickFrames, visualTokens } from "./pickFrames.ts";
import type { SizePx } from "./pickFrames.ts";
import { leastWholeShare, probeVideo, resolveFfmpeg } from "./probe.ts";
import type { FfmpegSource, VideoProbe } from "./probe.ts";
import { createResizer } from "./resize.ts";
import { hashVideo } from "./videoHash.ts";

/** Goes up when the same frames would come out with other pixels. */
const decoderVersion = 1;

/** Where frames come from and where they are kept. */
export interface FrameSource {
  /** Asked for only when something must be decoded. */
  readonly ffmpeg: FfmpegSource;
  readonly cacheDir: string;
  readonly signal?: AbortSignal | undefined;
  readonly maxCacheBytes?: number | undefined;
}

export interface OpenClipParams extends FrameSource {
  /** A file, or a folder of frames. */
  readonly path: string;
  readonly video: VideoSpec;
  /** Side of a token's square of pixels: patch size times merge size of the policy; 28 by default. */
  readonly pixelFactor?: number | undefined;
  /** In seconds of the file; all of it when absent. */
  readonly clip?: Segment | undefined;
  /** Frames a second of a folder of frames. */
  readonly frameRate?: number | undefined;
}

export interface OpenFrameFilesParams extends FrameSource {
  readonly seen: SeenVideo;
}

/**
 * The frames of a video as the policy sees them: picked and sized by Qwen's rules (pickFrames.ts), decoded once and
 * then read from the cache. Images of the same frames for people are stored beside them.
 * Throws UserError "bad-video", "no-ffmpeg", "disk-full" or "cancelled".
 */
export async function openClip(params: OpenClipParams): Promise<Clip> {
  const file = path.resolve(params.path);
  const source: Source = { ...params, file, hash: await hashVideo(file, params.cacheDir, params.signal) };
  let probe = await cachedProbe(source);
  let plan = planFrames(source, probe, params);
  const stored = await readPixels(params.cacheDir, plan.key, pixelBytes(plan));
  if (stored !== null) return { seen: seenVideo(source, probe, plan, params), pixels_FHWC: stored };
  let pixels_FHWC: Uint8Array;
  try {
    pixels_FHWC = await decodeAndStore(source, probe, plan);
  } catch (error) {
    probe = await probeAgain(source, probe, error);
    plan = planFrames(source, probe, params);
    pixels_FHWC = await decodeListed(source, probe, plan);
  }
  return { seen: seenVideo(source, probe, plan, params), pixels_FHWC };
}

/** Puts the frames of a video into the cache, if they are not there yet; nothing is read that is. Throws as openClip. */
export async function cacheClip(params: OpenClipParams): Promise<void> {
  const file = path.resolve(params.path);
  const source: Source = { ...params, file, hash: await hashVideo(file, params.cacheDir, params.signal) };
  const plan = planFrames(source, await cachedProbe(source), params);
  if (!(await hasPixels(params.cacheDir, plan.key, pixelBytes(plan)))) await openClip(params);
}

/**
 * Absolute paths of the images of the frames that a policy saw, in their order; decoded again when they were evicted.
 * Throws as openClip; "bad-video" also when the file is no longer the one that the policy saw.
 */
export async function openFrameFiles(params: OpenFrameFilesParams): Promise<string[]> {
  const { seen, cacheDir } = params;
  const stored = await readImagePaths(cacheDir, seen.frameSet);
  if (stored !== null) return stored;
  const hash = await hashVideo(seen.path, cacheDir, params.signal);
  if (hash !== seen.hash) {
    const hint = "Put the former file back, or look at a run that was made with this one.";
    throw badVideo(seen.path, "expected the video that the policy saw, the file has changed since", hint);
  }
  const { clip, videoFps: frameRate } = seen;
  const source: Source = { ...params, file: seen.path, hash, clip, frameRate };
  const plan = { ...seen, indices: seen.frameIndices, key: frameSetKey(source, seen.frameIndices, seen) };
  const probe = await cachedProbe(source);
  try {
    await decodeAndStore(source, probe, plan);
  } catch (error) {
    await decodeListed(source, await probeAgain(source, probe, error), plan);
  }
  const images = await readImagePaths(cacheDir, plan.key);
  if (images === null) throw new Error(`internal: frame set ${plan.key} is gone as soon as it was written`);
  return images;
}

/**
 * Cache key of a frame set: the bytes of the video, the frames, their size, and how they are made. The clip and the rate of a
 * folder are part of it too, since the index of a set holds the frames' times.
 */
function frameSetKey(source: Source, indices: readonly number[], size: SizePx): string {
  const { hash, clip, frameRate } = source;
  const content: (string | number)[] = [decoderVersion, hash, indices.join(","), size.widthPx, size.heightPx];
  if (clip !== undefined) content.push(`clip ${clip.startSec} ${clip.endSec}`);
  if (isFrameFolder(source.file)) content.push(`rate ${frameRate ?? defaultFrameRate}`);
  return createHash("sha256").update(content.join("|")).digest("hex").slice(0, 40);
}

interface Source extends FrameSource {
  readonly file: string;
  readonly hash: string;
  readonly clip?: Segment | undefined;
  readonly frameRate?: number | undefined;
}

interface FramePlan extends SizePx {
  readonly indices: readonly number[];
  readonly key: string;
}

function planFrames(
  source: Source,
  probe: VideoProbe,
  { video, pixelFactor: factor }: Pick<OpenClipParams, "video" | "pixelFactor">,
): FramePlan {
  try {
    const indices = pickFrames(probe.timestampsSec, lastDurationOf(probe), video, source.clip);
    const size = frameSize(probe, indices.length, video, factor);
    return { indices, ...size, key: frameSetKey(source, indices, size) };
  } catch (error) {
    if (error instanceof RangeError) throw badVideo(source.file, error.message, undefined, error);
    throw error;
  }
}

function pixelBytes(plan: FramePlan): number {
  return plan.indices.length * plan.heightPx * plan.widthPx * 3;
}

function seenVideo(
  source: Source,
  probe: VideoProbe,
  plan: FramePlan,
  { pixelFactor }: Pick<OpenClipParams, "pixelFactor">,
): SeenVideo {
  return {
    path: source.file,
    hash: source.hash,
    ...(source.clip === undefined ? {} : { clip: source.clip }),
    ...lengthOf(probe, source.clip),
    videoFps: probe.averageFps,
    frameIndices: plan.indices,
    timestampsSec: timesOf(source, probe, plan),
    widthPx: plan.widthPx,
    heightPx: plan.heightPx,
    sourceWidthPx: probe.widthPx,
    sourceHeightPx: probe.heightPx,
    visualTokens: visualTokens(plan.indices.length, plan, pixelFactor),
    frameSet: plan.key,
  };
}

/** A whole video lasts from the start of its file, which may be sound; a clip from its first frame. */
function lengthOf(probe: VideoProbe, clip: Segment | undefined): Pick<SeenVideo, "durationSec" | "framesSec"> {
  const { timestampsSec, averageFps, durationSec } = probe;
  if (clip === undefined) return { durationSec, framesSec: timestampsSec.length / averageFps };
  const { first, last } = clipFrames(timestampsSec, lastDurationOf(probe), clip);
  const timeAt = (index: number): number => timestampsSec[index] ?? durationSec;
  return { durationSec: timeAt(last + 1) - timeAt(first), framesSec: (last + 1 - first) / averageFps };
}

function lastDurationOf(probe: VideoProbe): number {
  return probe.durationSec - (probe.timestampsSec.at(-1) ?? 0);
}

/** Times of the frames, counted from the start of the clip. */
function timesOf(source: Source, probe: VideoProbe, plan: FramePlan): number[] {
  const startSec = source.clip?.startSec ?? 0;
  return plan.indices.map((index) => Math.max(0, (probe.timestampsSec[index] ?? 0) - startSec));
}

/** The probe of a file, remembered by its content. That of a folder is quick, and depends on the rate. */
async function cachedProbe(source: Source): Promise<VideoProbe> {
  if (isFrameFolder(source.file)) return probeFrameFolder(source.file, source.frameRate);
  const file = probeFile(source);
  // SAFETY: our own file, replaced as a whole; one of another version is not read.
  const stored = (await readJson(file)) as { version: number; probe: VideoProbe } | null;
  if (stored?.version === decoderVersion) {
    await touch(file);
    return stored.probe;
  }
  return await storeProbe(source, await probeVideo(source.file, source.ffmpeg, { signal: source.signal }));
}

function probeFile(source: Source): string {
  return path.join(source.cacheDir, "probes", `${source.hash}.json`);
}

async function storeProbe(source: Source, probe: VideoProbe): Promise<VideoProbe> {
  const round = (sec: number): number => Math.round(sec * 1e6) / 1e6;
  const rounded = {
    ...probe,
    timestampsSec: probe.timestampsSec.map(round),
    startSec: round(probe.startSec),
    durationSec: round(probe.durationSec),
  };
  await writeFileAtomic(probeFile(source), JSON.stringify({ version: decoderVersion, probe: rounded }));
  return rounded;
}

/**
 * After ffmpeg gave other frames than the table promised (damaged frames that it drops, a wrong index): lists what it
 * gives. A file that holds much less than it promises is bad, so that half a download is not taken for a short clip.
 */
async function probeAgain(source: Source, former: VideoProbe, error: unknown): Promise<VideoProbe> {
  if (!(error instanceof FrameTableMismatch)) throw error;
  if (former.method === "decoder") throw badFrames(source, error);
  const probe = await probeVideo(source.file, source.ffmpeg, { signal: source.signal, method: "decoder" });
  // A stream recorded from the middle starts with frames that lack their key frame; nothing is missing there.
  const lead = former.container === "mpegts" ? (former.keyFrames?.[0] ?? 0) : 0;
  const promised = former.timestampsSec.length - lead;
  const found = probe.timestampsSec.length;
  if (found >= promised * leastWholeShare) return await storeProbe(source, probe);
  const hint = "The file is damaged or cut off. Copy it again or re-encode it.";
  throw badVideo(source.file, `expected ${promised} frames as its index says, found ${found} that decode`, hint, error);
}

/** Decodes by a table that ffmpeg itself listed; a file that contradicts that as well is too damaged to use. */
async function decodeListed(source: Source, probe: VideoProbe, plan: FramePlan): Promise<Uint8Array> {
  try {
    return await decodeAndStore(source, probe, plan);
  } catch (error) {
    throw error instanceof FrameTableMismatch ? badFrames(source, error) : error;
  }
}

function badFrames(source: Source, error: FrameTableMismatch): UserError {
  const hint = "The file is damaged. Re-encode it or replace it.";
  return badVideo(source.file, `its frames cannot be told apart: ${error.message}`, hint, error);
}

/** Decodes each picked frame once, at both sizes, and stores the set. Returns the policy's pixels, [F, H, W, 3]. */
async function decodeAndStore(source: Source, probe: VideoProbe, plan: FramePlan): Promise<Uint8Array> {
  const { cacheDir, signal, file } = source;
  const ffmpeg = await resolveFfmpeg(source.ffmpeg);
  const distinct = [...new Set(plan.indices)];
  if (distinct.some((index) => index >= probe.timestampsSec.length)) {
    throw new FrameTableMismatch(
      `expected frame ${Math.max(...distinct)}, found ${probe.timestampsSec.length} frames`,
      0,
    );
  }
  const frameBytes = plan.heightPx * plan.widthPx * 3;
  const frames = new Uint8Array(distinct.length * frameBytes);
  const resizer = createResizer(probe.widthPx, probe.heightPx, plan.widthPx, plan.heightPx);
  const scratchDir = await makeScratchDir(cacheDir);
  try {
    await decodeFrames({
      ffmpeg,
      file,
      probe,
      indices: distinct,
      jpegDir: scratchDir,
      signal,
      onFrame: (position, pixels_HW3) =>
        void resizer.resize(pixels_HW3, frames.subarray(position * frameBytes, (position + 1) * frameBytes)),
    });
    const positions = plan.indices.map((index) => distinct.indexOf(index));
    const pixels = distinct.length === plan.indices.length ? frames : repeatFrames(frames, positions, frameBytes);
    const index = frameSetRecord(source, probe, plan, positions);
    await storeFrameSet(cacheDir, plan.key, scratchDir, { pixels, index });
    await evictSometimes(cacheDir, pixels.length, source.maxCacheBytes ?? defaultMaxCacheBytes);
    return pixels;
  } finally {
    await fs.rm(scratchDir, { recursive: true, force: true });
  }
}

function frameSetRecord(
  source: Source,
  probe: VideoProbe,
  plan: FramePlan,
  positions: readonly number[],
): FrameSetRecord {
  return {
    version: recordVersion,
    videoHash: source.hash,
    frameIndices: plan.indices,
    timestampsSec: timesOf(source, probe, plan),
    ...jpegSize(probe),
    files: positions.map(jpegName),
  };
}

/** Where a variable rate makes one frame stand for several instants. */
function repeatFrames(frames: Uint8Array, positions: readonly number[], frameBytes: number): Uint8Array {
  const pixels = new Uint8Array(positions.length * frameBytes);
  positions.forEach((position, i) =>
    pixels.set(frames.subarray(position * frameBytes, (position + 1) * frameBytes), i * frameBytes),
  );
  return pixels;
}

const writtenSinceScan = new Map<string, number>();

/** Looks at the whole cache at the first write of a process and after each twentieth of the limit. */
async function evictSometimes(cacheDir: string, bytes: number, maxBytes: number): Promise<void> {
  const written = (writtenSinceScan.get(cacheDir) ?? Infinity) + bytes;
  if (written < maxBytes / 20) {
    writtenSinceScan.set(cacheDir, written);
    return;
  }
  writtenSinceScan.set(cacheDir, 0);
  await evict(cacheDir, maxBytes);
}

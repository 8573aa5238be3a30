import type { VideoSpec } from "../../protocol/spec.ts";
import type { Segment } from "../../protocol/tasks.ts";

/**
 * Which frames of a video the policy sees, and at which size: the rules of qwen-vl-utils (vision_process.py:
 * smart_nframes, smart_resize, FRAME_FACTOR 2). Pure.
 */
export const frameFactor = 2;
/** Side of a token's square of pixels where patches are of 14: Qwen2-VL and Qwen2.5-VL. Qwen3-VL's is 32. */
export const pixelFactor = 28;
const maxAspectRatio = 200;
/** qwen-vl-utils' default total_pixels: 90 % of 128,000 tokens. */
const totalTokens = 128_000 * 0.9;

export interface SizePx {
  readonly widthPx: number;
  readonly heightPx: number;
}

/**
 * Number of frames (smart_nframes with `fps`): T / videoFps * fps, at least minFrames rounded up to even, at most
 * maxFrames rounded down to even, at most T, rounded down to even.
 * Throws RangeError unless the result lies in [2, T].
 */
export function smartFrameCount(
  totalFrames: number,
  videoFps: number,
  video: Pick<VideoSpec, "fps" | "minFrames" | "maxFrames">,
): number {
  const fewest = Math.ceil(video.minFrames / frameFactor) * frameFactor;
  const most = Math.floor(video.maxFrames / frameFactor) * frameFactor;
  const wanted = (totalFrames / videoFps) * video.fps;
  const count = floorToFrameFactor(Math.min(Math.max(wanted, fewest), most, totalFrames));
  if (!(count >= frameFactor && count <= totalFrames)) {
    throw new RangeError(`expected at least ${frameFactor} frames to pick from, found ${totalFrames}`);
  }
  return count;
}

/** qwen-vl-utils' `nframes` in place of `fps`: rounded half to even to a multiple of 2. Throws as smartFrameCount. */
export function fixedFrameCount(totalFrames: number, nframes: number): number {
  const count = roundHalfToEven(nframes / frameFactor) * frameFactor;
  if (!(count >= frameFactor && count <= totalFrames)) {
    throw new RangeError(`expected a number of frames in [${frameFactor}, ${totalFrames}], found ${count}`);
  }
  return count;
}

/**
 * Indices of the frames that the policy sees, ascending. `timestampsSec` are those of all frames, ascending;
 * `lastDurationSec` is how long the last one is shown.
 *
 * Constant rate: round(linspace(0, T - 1, n)) as torch computes it, so both ends are included.
 * Variable rate (isVariableRate): the frame nearest to each of n instants spread evenly from the first timestamp to
 * the last. qwen-vl-utils spreads by index there, which puts frames up to seconds away from the time that the model is
 * told; its position encoding takes the spacing to be even. Where frames are sparse, one may be picked more than once.
 *
 * Of a clip (seconds of the file), the same between its first and its last frame (clipFrames).
 */
export function pickFrames(
  timestampsSec: readonly number[],
  lastDurationSec: number,
  video: Pick<VideoSpec, "fps" | "minFrames" | "maxFrames">,
  clip?: Segment,
): number[] {
  const all = timestampsSec.length;
  if (all < frameFactor) throw new RangeError(`expected at least ${frameFactor} frames, found ${all}`);
  const { first, last } = clipFrames(timestampsSec, lastDurationSec, clip);
  const count = smartFrameCount(last - first + 1, averageFps(timestampsSec, lastDurationSec), video);
  return isVariableRate(timestampsSec)
    ? nearestFrames(timestampsSec.slice(first, last + 1), count).map((index) => first + index)
    : linspaceFloat32(first, last, count).map(roundHalfToEven);
}

/** First and last frame of what is shown, both included. */
export interface FrameRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Frames of a clip, by qwen-vl-utils' rule for video_start and video_end (calculate_video_frame_range): both are cut to
 * [0, T / fps]; the first frame is ceil(start * fps), the last min(floor(end * fps), T - 1). With a variable rate, the frames
 * whose times lie in the clip. All frames without a clip. Throws RangeError when fewer than two are left.
 */
export function clipFrames(timestampsSec: readonly number[], lastDurationSec: number, clip?: Segment): FrameRange {
  const total = timestampsSec.length;
  if (clip === undefined) return { first: 0, last: total - 1 };
  const fps = averageFps(timestampsSec, lastDurationSec);
  const { startSec, endSec } = clip;
  const inVideo = (sec: number): number => Math.min(Math.max(sec, 0), total / fps);
  const range = isVariableRate(timestampsSec)
    ? { first: countBefore(timestampsSec, startSec), last: countUpTo(timestampsSec, endSec) - 1 }
    : { first: Math.ceil(inVideo(startSec) * fps), last: Math.min(Math.floor(inVideo(endSec) * fps), total - 1) };
  if (range.first < range.last) return range;
  const durationSec = Number(((timestampsSec.at(-1) ?? 0) + lastDurationSec).toFixed(3));
  throw new RangeError(
    `expected at least ${frameFactor} frames from ${startSec} to ${endSec} s, found ${Math.max(0, range.last - range.first + 1)} in a video of ${durationSec} s`,
  );
}

/** Some interval between frames is off by more than half of the median one. */
export function isVariableRate(timestampsSec: readonly number[]): boolean {
  const intervals = intervalsOf(timestampsSec);
  const median = medianOf(intervals);
  return intervals.some((interval) => Math.abs(interval - median) > median / 2);
}

/**
 * Frames a second over the whole video. On constant-rate files the nominal rate (30, 30000/1001, …) where the
 * timestamps agree with it within their resolution: Qwen's frame count is rounded down, so 29.9999 in place of 30
 * would change it.
 */
export function averageFps(timestampsSec: readonly number[], lastDurationSec: number): number {
  const first = timestampsSec[0] ?? 0;
  const span = (timestampsSec.at(-1) ?? 0) - first;
  if (timestampsSec.length < 2 || span <= 0) return lastDurationSec > 0 ? 1 / lastDurationSec : 1;
  if (isVariableRate(timestampsSec)) return timestampsSec.length / (span + Math.max(lastDurationSec, 0));
  const fps = (timestampsSec.length - 1) / span;
  // Matroska and FLV round to milliseconds, MPEG-TS to 1/90000 s.
  const resolutionSec = timestampsSec.every((t) => Math.abs(t * 1000 - Math.round(t * 1000)) < 1e-6) ? 0.001 : 2e-5;
  const tolerance = fps * (resolutionSec / span) * 1.01;
  const best = nominalRates(fps).sort((a, b) => Math.abs(a - fps) - Math.abs(b - fps))[0] ?? fps;
  return Math.abs(best - fps) <= tolerance ? best : fps;
}

/** Median of the intervals between frames, 0 when there are none. */
export function medianIntervalSec(timestampsSec: readonly number[]): number {
  return medianOf(intervalsOf(timestampsSec));
}

type FrameLimits = Pick<VideoSpec, "minPixels" | "maxPixels" | "totalPixels">;

/**
 * Size after resizing, both sides multiples of `factor` (smart_resize of qwen-vl-utils, Qwen2.5-VL fork, whose order
 * is height, width): rounded to the nearest multiple, then scaled down or up with the aspect ratio kept when that has
 * more than maxPixels or fewer than minPixels. Throws RangeError when one side is over 200 times the other.
 */
export function smartResize(
  heightPx: number,
  widthPx: number,
  limits: { readonly factor?: number; readonly minPixels: number; readonly maxPixels: number },
): SizePx {
  const { factor = pixelFactor, minPixels, maxPixels } = limits;
  const ratio = Math.max(heightPx, widthPx) / Math.min(heightPx, widthPx);
  if (!(ratio <= maxAspectRatio)) {
    throw new RangeError(`expected an aspect ratio of at most ${maxAspectRatio}, found ${widthPx} x ${heightPx}`);
  }
  const rounded = (side: number): number => Math.max(factor, roundHalfToEven(side / factor) * factor);
  const height = rounded(heightPx);
  const width = rounded(widthPx);
  if (height * width > maxPixels) {
    const beta = Math.sqrt((heightPx * widthPx) / maxPixels);
    const fit = (side: number): number => Math.max(factor, Math.floor(side / beta / factor) * factor);
    return { heightPx: fit(heightPx), widthPx: fit(widthPx) };
  }
  if (height * width < minPixels) {
    const beta = Math.sqrt(minPixels / (heightPx * widthPx));
    const fit = (side: number): number => Math.ceil((side * beta) / factor) * factor;
    return { heightPx: fit(heightPx), widthPx: fit(widthPx) };
  }
  return { heightPx: height, widthPx: width };
}

/**
 * Most pixels of each of `frames` frames. `video.maxPixels` is qwen-vl-utils' per-frame `max_pixels` (its default
 * there for patches of 14, 768 * 28 * 28, is the default here; a larger one is not cut back to that). As there, many
 * frames share `total_pixels`: a pair of frames gets total / frames * 2, and never less than 1.05 * minPixels. The default,
 * 0.9 * 128000 * factor^2, binds above 299 frames of the default size.
 */
export function maxPixelsPerFrame(frames: number, video: FrameLimits, factor = pixelFactor): number {
  const totalPixels = video.totalPixels ?? totalTokens * factor * factor;
  const share = Math.max((totalPixels / frames) * frameFactor, Math.floor(video.minPixels * 1.05));
  return Math.min(video.maxPixels, share);
}

/** Size of so many frames of a video as a policy sees them: smart_resize within the budget of the whole clip. */
export function frameSize(source: SizePx, frames: number, video: FrameLimits, factor = pixelFactor): SizePx {
  const maxPixels = maxPixelsPerFrame(frames, video, factor);
  return smartResize(source.heightPx, source.widthPx, { factor, minPixels: video.minPixels, maxPixels });
}

/** Tokens of a clip in the language model: a token is 2 frames of factor x factor pixels. */
export function visualTokens(frames: number, size: SizePx, factor = pixelFactor): number {
  return (frames / frameFactor) * (size.heightPx / factor) * (size.widthPx / factor);
}

/** Python's round: ties go to the even neighbour. */
export function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/**
 * torch.linspace in float32 on the CPU: counted up from the start in the first half and down from the end in the
 * second, each value rounded to float32 once (fused multiply-add). It decides which way exact ties of the index fall.
 */
export function linspaceFloat32(start: number, end: number, count: number): number[] {
  const f = Math.fround;
  if (count === 1) return [f(start)];
  const step = f(f(f(end) - f(start)) / f(count - 1));
  const half = Math.floor(count / 2);
  return Array.from({ length: count }, (_, i) => (i < half ? f(start + step * i) : f(end - step * (count - i - 1))));
}

function floorToFrameFactor(value: number): number {
  return Math.floor(value / frameFactor) * frameFactor;
}

/** Of ascending times, how many are before one. */
function countBefore(timestampsSec: readonly number[], sec: number): number {
  const first = timestampsSec.findIndex((t) => t >= sec);
  return first < 0 ? timestampsSec.length : first;
}

/** Of ascending times, how many are not after one. */
function countUpTo(timestampsSec: readonly number[], sec: number): number {
  const first = timestampsSec.findIndex((t) => t > sec);
  return first < 0 ? timestampsSec.length : first;
}

function nearestFrames(timestampsSec: readonly number[], count: number): number[] {
  const first = timestampsSec[0] ?? 0;
  const last = timestampsSec.at(-1) ?? 0;
  const picked: number[] = [];
  let index = 0;
  for (let k = 0; k < count; k++) {
    const instant = first + ((last - first) * k) / (count - 1);
    // On a tie the earlier frame stays.
    for (;;) {
      const here = timestampsSec[index] ?? 0;
      const next = timestampsSec[index + 1];
      if (next === undefined || Math.abs(next - instant) >= Math.abs(here - instant)) break;
      index++;
    }
    picked.push(index);
  }
  return picked;
}

function intervalsOf(timestampsSec: readonly number[]): number[] {
  return timestampsSec.slice(1).map((t, i) => t - (timestampsSec[i] ?? 0));
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  if (sorted.length === 0) return 0;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}

/** Rates that cameras and tools write, near to a measured one: whole, half, and whole * 1000 / 1001. */
function nominalRates(fps: number): number[] {
  return [Math.round(fps), Math.round(fps * 2) / 2, (Math.round((fps * 1001) / 1000) * 1000) / 1001].filter(
    (r) => r > 0,
  );
}

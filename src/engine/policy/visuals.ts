import type { SeenVideo } from "../../protocol/records.ts";
import type { Clip } from "../video/clip.ts";
import { roundHalfToEven } from "../video/pickFrames.ts";
import type { PolicyConfig } from "./config.ts";
import { gridOf, visualTokenCount } from "./patches.ts";
import type { Grid, VisualSpan } from "./ropeIndex.ts";

/** A picture as the policy sees it. */
export interface Picture {
  /** Names the content, as a clip's frame set does. */
  readonly key: string;
  readonly widthPx: number;
  readonly heightPx: number;
  /** RGB, row-major [H, W, 3]. */
  readonly pixels_HWC: Uint8Array;
}

/** What a prompt shows. */
export type Visual =
  { readonly kind: "video"; readonly clip: Clip } | { readonly kind: "image"; readonly picture: Picture };

/** A visual as the vision tower takes it. */
export interface PreparedVisual {
  readonly visual: Visual;
  readonly grid: Grid;
}

/** @throws UserError "bad-checkpoint" when it does not divide into the policy's patches */
export function prepareVisual(visual: Visual, config: PolicyConfig): PreparedVisual {
  if (visual.kind === "image") {
    const { heightPx, widthPx } = visual.picture;
    return { visual, grid: gridOf(config.vision.temporalPatchSize, heightPx, widthPx, config.vision) };
  }
  const { frameIndices, heightPx, widthPx } = visual.clip.seen;
  return { visual, grid: gridOf(frameIndices.length, heightPx, widthPx, config.vision) };
}

/** Rows of its embedding. */
export function visualTokensOf({ grid }: PreparedVisual, config: PolicyConfig): number {
  return visualTokenCount(grid, config.vision);
}

/** Names its content and size. */
export function visualKey(visual: Visual): string {
  return visual.kind === "image" ? `image/${visual.picture.key}` : visual.clip.seen.frameSet;
}

/** RGB frames [F, H, W, 3]; a picture is a still for as long as a temporal patch. */
export function framesOf(visual: Visual, config: PolicyConfig): Uint8Array {
  if (visual.kind === "video") return visual.clip.pixels_FHWC;
  const { pixels_HWC } = visual.picture;
  const frames = new Uint8Array(pixels_HWC.length * config.vision.temporalPatchSize);
  for (let f = 0; f < config.vision.temporalPatchSize; f++) frames.set(pixels_HWC, f * pixels_HWC.length);
  return frames;
}

/** The runs of visual tokens that a visual is in a prompt, with the temporal positions of their patches. */
export function visualSpans({ visual, grid }: PreparedVisual, config: PolicyConfig): readonly VisualSpan[] {
  if (visual.kind === "image") return [{ grid, times: [0] }];
  switch (config.architecture.videoTime) {
    case "seconds":
      return [{ grid, times: timePositions(grid.t, secondsPerGrid(visual.clip.seen, config), config) }];
    case "count":
      return [{ grid, times: Array.from({ length: grid.t }, (_, t) => t) }];
    case "text":
      return Array.from({ length: grid.t }, () => ({ grid: { ...grid, t: 1 }, times: [0] }));
  }
}

/**
 * Seconds between temporal patches, second_per_grid_ts of Qwen2_5_VLProcessor: temporalPatchSize / sample fps, where the
 * sample fps of qwen-vl-utils is frames picked / frames shown * frames a second of the file. Durations are no substitute:
 * Matroska rounds its times, and a hair below a whole second moves positions.
 */
export function secondsPerGrid(
  { frameIndices, durationSec, framesSec }: Pick<SeenVideo, "frameIndices" | "durationSec" | "framesSec">,
  config: PolicyConfig,
): number {
  return (config.vision.temporalPatchSize * (framesSec ?? durationSec)) / frameIndices.length;
}

/**
 * Temporal positions of a video: its time in seconds times tokens_per_second, truncated, as get_rope_index of the
 * transformers release that came with Qwen2.5-VL (4.49). Later releases truncate the seconds before they multiply (5.0).
 */
export function timePositions(count: number, secondsPerGrid: number, { vision }: PolicyConfig): number[] {
  const perSecond = vision.tokensPerSecond ?? 1;
  // In float32, as there: a product just below a whole number must fall on the same side.
  return Array.from({ length: count }, (_, t) =>
    Math.trunc(Math.fround(Math.fround(t * Math.fround(secondsPerGrid)) * perSecond)),
  );
}

/**
 * Texts that stand before the temporal patches of a video where the prompt tells the time (Qwen3VLProcessor):
 * the middle of the first and last frame of each, in seconds with one digit. Null where it does not.
 */
export function timestampTexts(visual: Visual, config: PolicyConfig): readonly string[] | null {
  if (visual.kind === "image" || config.architecture.videoTime !== "text") return null;
  const times = frameTimes(visual.clip.seen);
  const frames = config.vision.temporalPatchSize;
  return Array.from({ length: times.length / frames }, (_, t) => {
    const middle = ((times[t * frames] ?? 0) + (times[(t + 1) * frames - 1] ?? 0)) / 2;
    return `<${oneDigit(middle)} seconds>`;
  });
}

/**
 * Seconds of the frames: index / fps as the processor has it, where the timestamps agree with it but for their own
 * resolution; else the timestamps, which on a video of variable rate are what index / fps is not.
 */
function frameTimes({ frameIndices, timestampsSec, videoFps }: SeenVideo): readonly number[] {
  const nominal = frameIndices.map((index) => index / videoFps);
  const isConstant = nominal.every((time, i) => Math.abs(time - (timestampsSec[i] ?? time)) < 2e-3);
  return isConstant ? nominal : timestampsSec;
}

/** As Python's format "%.1f": exact ties, which only quarters are, go to the even digit. */
function oneDigit(value: number): string {
  return Number.isInteger(value * 4) ? (roundHalfToEven(value * 10) / 10).toFixed(1) : value.toFixed(1);
}

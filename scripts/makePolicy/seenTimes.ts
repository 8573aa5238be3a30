import { clipFps, clipFrameCount } from "../../src/engine/samples/clip-format.ts";

/** Times of the 16 frames that Qwen's rule picks of a clip, in seconds. */
export const frameTimesSec: readonly number[] = Array.from(
  { length: 16 },
  (_, k) => Math.round((k * (clipFrameCount - 1)) / 15) / clipFps,
);

/** Between the two frames of a temporal patch: 0.53 s, as near as the frame rate allows. */
export const frameStepSec = (clipFrameCount - 1) / 15 / clipFps;

/** Middle of the two frames of each temporal patch: when a visual token is. */
export const patchTimesSec: readonly number[] = Array.from(
  { length: frameTimesSec.length / 2 },
  (_, patch) => ((frameTimesSec[2 * patch] ?? 0) + (frameTimesSec[2 * patch + 1] ?? 0)) / 2,
);

/** The temporal patch whose middle is nearest. */
export function patchAt(timeSec: number): number {
  const distances = patchTimesSec.map((t) => Math.abs(t - timeSec));
  return distances.indexOf(Math.min(...distances));
}

/**
 * The format of the generated clips. 64 frames at 8 fps: sampled at 2 fps they give 16 frames, and 8 boxes that are
 * spread from the first frame to the last fall on whole frames (every ninth). 112 px is 4 x 28.
 */
export const clipFps = 8;
export const clipFrameCount = 64;
export const clipDurationSec = clipFrameCount / clipFps;
export const frameSidePx = 112;

/** Times of the boxes of a tracking row in seconds: 0 to the time of the last frame. */
export const trackTimestampsSec: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7].map(
  (k) => (k * (clipFrameCount - 1)) / 7 / clipFps,
);

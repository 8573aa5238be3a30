import type { Clip } from "../../../src/engine/video/clip.ts";
import type { StepShape } from "./shape.ts";

/** Frames that nobody has filmed, two a second. */
export function randomClip({ frames, heightPx, widthPx }: Pick<StepShape, "frames" | "heightPx" | "widthPx">): Clip {
  const times = Array.from({ length: frames }, (_, i) => i / 2);
  const seen = {
    ...{ path: "bench.mp4", hash: "0".repeat(64), durationSec: frames / 2, videoFps: 2, visualTokens: 0 },
    ...{ frameIndices: times.map((_, i) => i), timestampsSec: times, frameSet: "bench" },
    ...{ widthPx, heightPx, sourceWidthPx: widthPx, sourceHeightPx: heightPx },
  };
  const pixels_FHWC = Uint8Array.from({ length: frames * heightPx * widthPx * 3 }, (_, i) => (i * 37) & 255);
  return { pixels_FHWC, seen };
}

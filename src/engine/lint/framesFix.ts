import type { SpecFix } from "../../protocol/diagnostics.ts";
import type { VideoSpec } from "../../protocol/spec.ts";
import { setFix } from "./setFix.ts";

/** Qwen's own limit of frames of a video. */
const mostFrames = 768;

/** Sampling so dense that two frames are at most so far apart; none where Qwen's limit of frames forbids it. */
export function framesFix(spacingSec: number, durationSec: number, video: VideoSpec): readonly SpecFix[] {
  const frames = 2 * Math.ceil((Math.floor(durationSec / spacingSec) + 2) / 2);
  if (!(spacingSec > 0) || frames > mostFrames) return [];
  const fps = Math.ceil((2 * frames) / durationSec) / 2;
  const changes = [
    ...(fps > video.fps ? [{ path: ["video", "fps"], value: fps }] : []),
    ...(frames > video.maxFrames ? [{ path: ["video", "maxFrames"], value: frames }] : []),
  ];
  return changes.length === 0 ? [] : [setFix(changes)];
}

/** Frames so large that a side of `boxPx` becomes a visual token wide; none where the video itself is too small. */
export function pixelsFix(
  boxPx: number,
  tokenPx: number,
  seen: { readonly widthPx: number; readonly heightPx: number; readonly frames: number },
  source: { readonly widthPx: number; readonly heightPx: number },
  video: VideoSpec,
): readonly SpecFix[] {
  const wanted = seen.widthPx * seen.heightPx * (tokenPx / boxPx) ** 2;
  const token = tokenPx * tokenPx;
  // Both sides are rounded to multiples of a token's, so a little more is needed.
  const maxPixels = token * Math.ceil((1.1 * wanted) / token);
  // A pair of frames gets its share of the clip's pixels.
  const totalPixels = (maxPixels * seen.frames) / 2;
  const changes = [
    ...(maxPixels > video.maxPixels ? [{ path: ["video", "maxPixels"], value: maxPixels }] : []),
    ...(totalPixels > (video.totalPixels ?? Infinity) ? [{ path: ["video", "totalPixels"], value: totalPixels }] : []),
  ];
  return wanted > source.widthPx * source.heightPx || changes.length === 0 ? [] : [setFix(changes)];
}

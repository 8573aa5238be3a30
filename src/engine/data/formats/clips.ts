import type { Segment } from "../../../protocol/tasks.ts";
import type { JsonPath } from "../example.ts";
import type { ReportProblem } from "./rowReader.ts";

/** The part of a video that a row is about, and how long what is shown lasts. */
export interface ReadClip {
  /** In seconds of the file; absent when all of it is shown. */
  readonly clip?: Segment;
  /** Of the clip, else of the file; null when nobody says. */
  readonly durationSec: number | null;
}

interface About {
  readonly example: string;
  readonly path: JsonPath;
  readonly report: ReportProblem;
}

/**
 * Clip of a row's bounds, in seconds of the file. A bound that is absent is that end of the video; an end beyond the video
 * is its end, as qwen-vl-utils has it. Null, and reported, when the bounds leave nothing.
 */
export function readClip(
  startSec: number | null | undefined,
  endSec: number | null | undefined,
  fileSec: number | null,
  { example, path, report }: About,
): ReadClip | null {
  if ((startSec ?? null) === null && (endSec ?? null) === null) return { durationSec: fileSec };
  const start = startSec ?? 0;
  const end = Math.min(endSec ?? fileSec ?? NaN, fileSec ?? Infinity);
  if (start >= 0 && end > start && end < Infinity) {
    return { clip: { startSec: start, endSec: end }, durationSec: end - start };
  }
  const message = Number.isNaN(end)
    ? "The clip has a start and neither an end nor the duration of the video; the row is left out."
    : `The clip goes from ${start} to ${endSec ?? end} s${fileSec === null ? "" : ` in a video of ${fileSec} s`}; the row is left out.`;
  report({ code: "bad-clip", isKept: false, example, message, path });
  return null;
}

/**
 * A true segment of the file as one of the clip. Null, and reported, when no part of it is in the clip; what stands out of the
 * clip is cut off and reported, since no answer can name it.
 */
export function segmentInClip(
  segment: Segment,
  { clip, durationSec }: ReadClip,
  { example, path, report }: About,
): Segment | null {
  if (clip === undefined || durationSec === null) return segment;
  const startSec = Math.max(0, segment.startSec - clip.startSec);
  const endSec = Math.min(durationSec, segment.endSec - clip.startSec);
  const texts = `The true segment from ${segment.startSec} to ${segment.endSec} s is`;
  const bounds = `the clip from ${clip.startSec} to ${clip.endSec} s`;
  if (endSec <= startSec) {
    const message = `${texts} outside ${bounds}; the row is left out.`;
    report({ code: "bad-clip", isKept: false, example, message, path });
    return null;
  }
  // Subtraction rounds; a segment that fills its clip is not beyond it.
  if (segment.startSec < clip.startSec || segment.endSec > clip.endSec) {
    const message = `${texts} partly outside ${bounds}; the part outside is left out.`;
    report({ code: "truth-beyond-video", isKept: true, example, message, path });
  }
  return { startSec, endSec };
}

import type { Segment } from "../../../protocol/tasks.ts";
import type { ReportProblem } from "./rowReader.ts";

/**
 * True segment of a pair of seconds, as annotated; null, and reported, when it has no length. An end after the duration is
 * reported and kept: clipping would change the scores that others report on the same file.
 */
export function readSegment(
  pair: readonly [number, number],
  durationSec: number | null,
  example: string,
  report: ReportProblem,
): Segment | null {
  const [startSec, endSec] = pair;
  if (endSec <= startSec || startSec < 0) {
    report(
      example,
      "zero-length",
      `The true segment goes from ${startSec} to ${endSec} s; the row is left out.`,
      false,
    );
    return null;
  }
  if (durationSec !== null && endSec > durationSec) {
    const message = `The true segment ends at ${endSec} s, the video at ${durationSec} s; it is kept as annotated.`;
    report(example, "truth-beyond-video", message, true);
  }
  return { startSec, endSec };
}

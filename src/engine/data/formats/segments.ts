import type { Segment } from "../../../protocol/tasks.ts";
import type { JsonPath } from "../example.ts";
import type { ReportProblem } from "./rowReader.ts";

/**
 * True segment of a pair of seconds, as annotated; null, and reported, when it has no length. An end after the duration is
 * reported and kept: clipping would change the scores that others report on the same file.
 */
export function readSegment(
  pair: readonly [number, number],
  durationSec: number | null,
  { example, path, report }: { readonly example: string; readonly path: JsonPath; readonly report: ReportProblem },
): Segment | null {
  const [startSec, endSec] = pair;
  // Written so that NaN fails too.
  if (!(endSec > startSec && startSec >= 0 && endSec < Infinity)) {
    const message = `The true segment goes from ${startSec} to ${endSec} s; the row is left out.`;
    report({ code: "zero-length", isKept: false, example, message, path });
    return null;
  }
  if (durationSec !== null && endSec > durationSec) {
    const message = `The true segment ends at ${endSec} s, the video at ${durationSec} s; it is kept as annotated.`;
    report({ code: "truth-beyond-video", isKept: true, example, message, path });
  }
  return { startSec, endSec };
}

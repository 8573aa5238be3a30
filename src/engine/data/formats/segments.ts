import type { Segment } from "../../../protocol/tasks.ts";
import type { JsonPath } from "../example.ts";
import type { ReportProblem } from "./rowReader.ts";

/** Durations are often computed (95.03999999999999). */
const toleranceSec = 1e-3;

/**
 * True segment of a pair of seconds, as annotated; null, and reported, when it has no length within the video. A start before
 * it or an end after its duration is reported and kept: clipping would change the scores that others report on the same file.
 */
export function readSegment(
  pair: readonly [number, number],
  durationSec: number | null,
  { example, path, report }: { readonly example: string; readonly path: JsonPath; readonly report: ReportProblem },
): Segment | null {
  const [startSec, endSec] = pair;
  // Written so that NaN fails too.
  if (!(endSec > startSec && endSec > 0 && endSec < Infinity && startSec > -Infinity)) {
    const message = `The true segment goes from ${startSec} to ${endSec} s; the row is left out.`;
    report({ code: "zero-length", isKept: false, example, message, path });
    return null;
  }
  const beyond = (what: string): void => {
    const message = `The true segment ${what}; it is kept as annotated.`;
    report({ code: "truth-beyond-video", isKept: true, example, message, path });
  };
  if (startSec < 0) beyond(`begins at ${startSec} s, before the video`);
  if (durationSec !== null && endSec > durationSec + toleranceSec)
    beyond(`ends at ${endSec} s, the video at ${durationSec} s`);
  return { startSec, endSec };
}

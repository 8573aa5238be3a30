import { z } from "zod";
import type { BoundingBox } from "../../../protocol/tasks.ts";
import type { ReadRow, ReportProblem, RowReaderInput } from "./rowReader.ts";
import { readList } from "./rowReader.ts";

const rowSchema = z.object({
  id: z.string().optional(),
  path: z.string().min(1),
  object: z.string().min(1),
  gt: z.array(z.tuple([z.number(), z.number(), z.number(), z.number()])).min(2),
  timestamps: z.array(z.number()).optional(),
  duration: z.number().positive().optional(),
});
type Row = z.infer<typeof rowSchema>;

/**
 * GOT-10k as VideoChat-R1 samples it: `[{path, object, gt: 8 x [x0, y0, x1, y1] normalised}]`. `path` is a video (or, as
 * published, a folder of frames, which is reported as missing). Our additions, both optional: `timestamps`, the seconds of
 * the boxes, and `duration`, over which the boxes are spread evenly, both ends included, when there are no timestamps.
 */
export function* readGot10kSampled(input: RowReaderInput): Iterable<ReadRow> {
  const { report } = input;
  for (const { row, id, entry } of readList(
    input,
    rowSchema,
    "a list of rows with path, object and gt",
    (r) => r.path,
  )) {
    const boxes = row.gt.map(([x0, y0, x1, y1]) => ({ x0, y0, x1, y1 }));
    if (!areUsable(boxes, id, report)) continue;
    const timestamps = boxTimes(row, id, report);
    if (timestamps === null) continue;
    const timed = boxes.map((box, i) => ({ timestampSec: timestamps[i] ?? 0, box }));
    const truth = { task: "tracking", boxes: timed } as const;
    yield {
      id,
      videoName: row.path,
      durationSec: row.duration ?? null,
      question: row.object.trim(),
      truth,
      row: entry,
    };
  }
}

function areUsable(boxes: readonly BoundingBox[], id: string, report: ReportProblem): boolean {
  const flat = boxes.findIndex((b) => b.x1 <= b.x0 || b.y1 <= b.y0);
  if (flat >= 0) {
    report(id, "bad-box", `The true box ${flat} has no area; the row is left out.`, false);
    return false;
  }
  const outside = boxes.findIndex((b) => [b.x0, b.y0, b.x1, b.y1].some((v) => v < 0 || v > 1));
  if (outside >= 0) {
    const message = `The true box ${outside} is not within [0, 1]; it is kept as annotated and clipped when it is scored.`;
    report(id, "box-out-of-range", message, true);
  }
  return true;
}

function boxTimes(row: Row, id: string, report: ReportProblem): readonly number[] | null {
  const count = row.gt.length;
  if (row.timestamps !== undefined) {
    const isRising = row.timestamps.every((t, i) => t >= 0 && (i === 0 || t > (row.timestamps?.[i - 1] ?? 0)));
    if (row.timestamps.length === count && isRising) return row.timestamps;
    report(id, "bad-row", `Expected ${count} rising timestamps, one a box, found ${row.timestamps.length}.`, false);
    return null;
  }
  if (row.duration === undefined) {
    const message = "Neither timestamps nor duration; the boxes are shown one second apart, scores do not change.";
    report(id, "unknown-box-times", message, true);
  }
  const lastSec = row.duration ?? count - 1;
  return row.gt.map((_, i) => (i * lastSec) / (count - 1));
}

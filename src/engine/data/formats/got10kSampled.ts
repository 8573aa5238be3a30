import path from "node:path";
import { z } from "zod";
import type { BoundingBox } from "../../../protocol/tasks.ts";
import { BoxForms } from "./boxForms.ts";
import type { ListedRow, ReadRow, ReportProblem, JsonReaderInput } from "./rowReader.ts";
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
 * GOT-10k as VideoChat-R1 samples it: `[{path, object, gt: 8 x [x0, y0, x1, y1] normalised}]`. `path` is a folder
 * of frames, as published, or a video. Our additions, both optional: `timestamps`, the seconds of
 * the boxes, and `duration`, over which the boxes are spread evenly, both ends included, when there are no timestamps.
 */
export function* readGot10kSampled(input: JsonReaderInput): Iterable<ReadRow> {
  const { report } = input;
  const forms = new BoxForms();
  try {
    for (const listed of readList(input, rowSchema, "a list of rows with path, object and gt", nameOf)) {
      const { row, id, entry, position } = listed;
      const place = [position, "gt"];
      row.gt.forEach((box, i) => forms.add(box, [...place, i]));
      const boxes = row.gt.map(([x0, y0, x1, y1]) => ({ x0, y0, x1, y1 }));
      if (!areUsable(boxes, listed, report)) continue;
      const timestamps = boxTimes(listed, report);
      if (timestamps === null) continue;
      const timed = boxes.map((box, i) => ({ timestampSec: timestamps[i] ?? 0, box }));
      const truth = { task: "tracking", boxes: timed } as const;
      const { path: videoName, duration: durationSec = null } = row;
      yield { id, videoName, durationSec, question: row.object.trim(), truth, row: entry, path: place };
    }
  } finally {
    // Also when no more rows are wanted: what was read says enough.
    forms.report(report);
  }
}

/** Published rows have absolute paths of another machine. */
function nameOf({ path: named }: Row): string {
  return path.isAbsolute(named) ? path.basename(named) : named;
}

/** Normalised numbers reach 1, a little over where an object leaves the frame; pixels and thousandths go far beyond. */
const mostNormalised = 2;

function areUsable(
  boxes: readonly BoundingBox[],
  { id: example, position }: ListedRow<Row>,
  report: ReportProblem,
): boolean {
  const about = (i: number) => ({ example, path: [position, "gt", i] });
  const flat = boxes.findIndex((b) => b.x1 <= b.x0 || b.y1 <= b.y0);
  if (flat >= 0) {
    const message = `The true box ${flat} has no area; the row is left out.`;
    report({ code: "bad-box", isKept: false, message, ...about(flat) });
    return false;
  }
  const outside = boxes.findIndex((b) => sides(b).some((v) => v < 0 || v > 1));
  const largest = Math.max(...boxes.flatMap(sides));
  if (largest > mostNormalised) {
    const message = `The true boxes reach ${largest}, expected numbers from 0 to 1: divide x by the width and y by the height of the video.`;
    report({ code: "boxes-in-pixels", isKept: true, message, ...about(outside) });
  } else if (outside >= 0) {
    const message = `The true box ${outside} is not within [0, 1]; it is kept as annotated and clipped when it is scored.`;
    report({ code: "box-out-of-range", isKept: true, message, ...about(outside) });
  }
  return true;
}

function sides(box: BoundingBox): number[] {
  return [box.x0, box.y0, box.x1, box.y1];
}

function boxTimes({ row, id: example, position }: ListedRow<Row>, report: ReportProblem): readonly number[] | null {
  const count = row.gt.length;
  if (row.timestamps !== undefined) {
    const isRising = row.timestamps.every((t, i) => t >= 0 && (i === 0 || t > (row.timestamps?.[i - 1] ?? 0)));
    if (row.timestamps.length === count && isRising) return row.timestamps;
    const message = `Expected ${count} rising timestamps, one a box, found ${row.timestamps.length}${isRising ? "" : " that do not rise"}; the row is left out.`;
    report({ code: "box-times-differ", isKept: false, example, message, path: [position, "timestamps"] });
    return null;
  }
  if (row.duration === undefined) {
    const message = "Neither timestamps nor duration; the boxes are shown one second apart, scores do not change.";
    report({ code: "unknown-box-times", isKept: true, example, message, path: [position, "gt"] });
  }
  const lastSec = row.duration ?? count - 1;
  return row.gt.map((_, i) => (i * lastSec) / (count - 1));
}

import { z } from "zod";
import type { BoundingBox, Segment, TaskId, TimedBox, Truth } from "../../../protocol/tasks.ts";
import { taskIds } from "../../../protocol/tasks.ts";
import type { JsonPath } from "../example.ts";
import { readClip, segmentInClip, type ReadClip } from "./clips.ts";
import { readJsonLines } from "./entries.ts";
import { noSuchOption, optionOf, plainOption } from "./options.ts";
import type { ReportProblem, RowReader, RowReaderInput } from "./rowReader.ts";
import { createIds, formatIssues } from "./rowReader.ts";
import { readSegment } from "./segments.ts";

const pair = z.tuple([z.number(), z.number()]);
const box = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const texts = z.array(z.string().min(1));

const rowSchema = z.object({
  id: z.union([z.string(), z.number()]).optional(),
  task: z.enum(taskIds).optional(),
  video: z.string().min(1),
  question: z.string().min(1),
  options: texts.min(2).max(26).optional(),
  answer: z.string().min(1).optional(),
  segment: pair.optional(),
  segments: z.array(pair).min(1).optional(),
  boxes: z.array(box).min(2).optional(),
  timestamps: z.array(z.number()).optional(),
  captions: texts.min(1).optional(),
  events: texts.optional(),
  duration: z.number().positive().optional(),
  start: z.number().optional(),
  end: z.number().optional(),
  frameRate: z.number().positive().optional(),
  categories: z.record(z.string(), z.string()).optional(),
});
type Row = z.infer<typeof rowSchema>;

/**
 * JSON lines of our own, for every task: `{id, task, video, question, …}` with what the task needs: `segment`; `boxes` and
 * `timestamps`; `options` and `answer`, with `segments` for grounded QA; `answer`; `captions` and `events`. `start` and `end`
 * bound the clip. All times are seconds of the file, also those of the truth of a clip. A row that names another task
 * belongs to another dataset of the same file.
 */
export const readOwnLines: RowReader = async function* ({ files, spec, report }: RowReaderInput) {
  const idOf = createIds();
  for await (const { position, value } of readJsonLines(files, report)) {
    const parsed = rowSchema.safeParse(value);
    if (!parsed.success) {
      const message = `${formatIssues(parsed.error.issues)}.`;
      report({ code: "bad-row", isKept: false, example: `line ${position + 1}`, message, path: [position] });
      continue;
    }
    const row = parsed.data;
    if (row.task !== undefined && row.task !== spec.task) continue;
    const about = { example: idOf(row.id, row.video), path: [position], report };
    const clip = readClip(row.start, row.end, row.duration ?? null, about);
    if (clip === null) continue;
    const found = truthReaders[spec.task](row, clip, about);
    if (found === null) continue;
    const frameRate = row.frameRate ?? spec.frameRate;
    yield {
      id: about.example,
      videoName: row.video,
      ...clip,
      ...(frameRate === undefined ? {} : { frameRate }),
      question: row.question.trim(),
      ...(row.options === undefined ? {} : { options: row.options.map(plainOption) }),
      truth: found.truth,
      categories: row.categories,
      row: value,
      path: [position, ...found.path],
    };
  }
};

interface About {
  readonly example: string;
  readonly path: JsonPath;
  readonly report: ReportProblem;
}

interface Found {
  readonly truth: Truth;
  /** In the row. */
  readonly path: JsonPath;
}

/** What each task takes from a row; null, and reported, when that is not there or wrong. */
const truthReaders: Readonly<Record<TaskId, (row: Row, clip: ReadClip, about: About) => Found | null>> = {
  "temporal-grounding": (row, clip, about) => {
    const pairs = row.segments ?? (row.segment === undefined ? undefined : [row.segment]);
    if (pairs?.length !== 1) return lacks("a segment [start, end]", about);
    const [segment] = readSegments(pairs, row, clip, about) ?? [];
    const path = [row.segment === undefined ? "segments" : "segment"];
    return segment === undefined ? null : { truth: { task: "temporal-grounding", segment }, path };
  },
  tracking: (row, clip, about) => {
    if (row.boxes === undefined) return lacks("boxes", about);
    const boxes = readBoxes(row.boxes, row, clip, about);
    return boxes === null ? null : { truth: { task: "tracking", boxes }, path: ["boxes"] };
  },
  "grounded-qa": (row, clip, about) => {
    const option = readOption(row, about);
    if (option === null) return null;
    if (row.segments === undefined) return lacks("segments [[start, end]]", about);
    const segments = readSegments(row.segments, row, clip, about);
    return segments === null ? null : { truth: { task: "grounded-qa", option, segments }, path: ["segments"] };
  },
  "multiple-choice": (row, _, about) => {
    const option = readOption(row, about);
    return option === null ? null : { truth: { task: "multiple-choice", option }, path: ["answer"] };
  },
  classification: ({ answer }, _, about) =>
    answer === undefined
      ? lacks("an answer", about)
      : { truth: { task: "classification", label: answer.trim() }, path: ["answer"] },
  captioning: ({ captions, answer, events = [] }, _, about) => {
    const given = captions ?? (answer === undefined ? undefined : [answer]);
    if (given === undefined) return lacks("captions", about);
    const path = [captions === undefined ? "answer" : "captions"];
    return { truth: { task: "captioning", captions: given, events }, path };
  },
  open: ({ answer }) => ({
    truth: { task: "open", answer: answer ?? null },
    path: answer === undefined ? [] : ["answer"],
  }),
};

function lacks(what: string, { example, path, report }: About): null {
  report({ code: "bad-row", isKept: false, example, message: `Expected ${what}, found none.`, path });
  return null;
}

function readOption({ options, answer }: Row, about: About): string | null {
  if (options === undefined || answer === undefined) return lacks("options and an answer", about);
  const option = optionOf(answer, options);
  if (option !== null) return option;
  const { example, path, report } = about;
  const message = noSuchOption(answer, options);
  report({ code: "bad-row", isKept: false, example, message, path: [...path, "answer"] });
  return null;
}

function readSegments(
  pairs: readonly (readonly [number, number])[],
  row: Row,
  clip: ReadClip,
  about: About,
): Segment[] | null {
  const segments: Segment[] = [];
  for (const given of pairs) {
    const segment = readSegment(given, row.duration ?? null, about);
    const inClip = segment === null ? null : segmentInClip(segment, clip, about);
    if (inClip === null) return null;
    segments.push(inClip);
  }
  return segments;
}

/** Boxes x0, y0, x1, y1 in [0, 1]; without timestamps they are spread evenly over what is shown, both ends included. */
function readBoxes(
  given: readonly (readonly [number, number, number, number])[],
  { timestamps }: Row,
  { clip, durationSec }: ReadClip,
  { example, path, report }: About,
): TimedBox[] | null {
  const boxes = given.map(([x0, y0, x1, y1]): BoundingBox => ({ x0, y0, x1, y1 }));
  const wrong = boxes.findIndex(
    (b) => !(b.x0 >= 0 && b.y0 >= 0 && b.x1 > b.x0 && b.y1 > b.y0 && b.x1 <= 1 && b.y1 <= 1),
  );
  if (wrong >= 0) {
    const message = `The true box ${wrong} is ${JSON.stringify(given[wrong])}, expected x0 < x1 and y0 < y1 within [0, 1]; the row is left out.`;
    report({ code: "bad-box", isKept: false, example, message, path: [...path, "boxes", wrong] });
    return null;
  }
  const startSec = clip?.startSec ?? 0;
  const spanSec = durationSec ?? boxes.length - 1;
  const times = timestamps?.map((time) => time - startSec) ?? boxes.map((_, i) => (i * spanSec) / (boxes.length - 1));
  const isWithin = (t: number): boolean => t >= 0 && t <= (durationSec ?? Infinity) + 1e-6;
  const areRising = times.every((t, i) => isWithin(t) && (i === 0 || t > (times[i - 1] ?? 0)));
  if (times.length !== boxes.length || !areRising) {
    const message = `Expected ${boxes.length} rising timestamps within what is shown, one a box, found ${JSON.stringify(timestamps)}; the row is left out.`;
    report({ code: "box-times-differ", isKept: false, example, message, path: [...path, "timestamps"] });
    return null;
  }
  if (timestamps === undefined && durationSec === null) {
    const message = "Neither timestamps nor duration; the boxes are shown one second apart, scores do not change.";
    report({ code: "unknown-box-times", isKept: true, example, message, path: [...path, "boxes"] });
  }
  return boxes.map((one, i) => ({ timestampSec: times[i] ?? 0, box: one }));
}

import { z } from "zod";
import type { Segment } from "../../../protocol/tasks.ts";
import type { ListedRow, ReadRow, ReportProblem, RowReaderInput } from "./rowReader.ts";
import { readList } from "./rowReader.ts";
import { readSegment } from "./segments.ts";

const rowSchema = z.object({
  id: z.union([z.string(), z.number()]).optional(),
  video: z.string().min(1),
  question: z.string().min(1),
  options: z.array(z.string().min(1)).min(2).max(26),
  answer: z.string().min(1),
  duration: z.number().positive().optional(),
  glue: z.array(z.tuple([z.number(), z.number()])).optional(),
});
type Row = z.infer<typeof rowSchema>;

/** NExT-GQA: `[{id, video, question, options: ["(A) …"], duration, glue: [[s, e]], answer: "(C)"}]`. */
export function* readGroundedQa(input: RowReaderInput): Iterable<ReadRow> {
  for (const { row, id, entry } of readRows(input)) {
    const option = readOption(row, id, input.report);
    if (option === null) continue;
    const segments = readGlue(row, id, input.report);
    if (segments === null) continue;
    yield { ...baseOf(row, id), truth: { task: "grounded-qa", option, segments }, row: entry };
  }
}

/** The same layout; `glue` and `duration` are not needed. */
export function* readMultipleChoice(input: RowReaderInput): Iterable<ReadRow> {
  for (const { row, id, entry } of readRows(input)) {
    const option = readOption(row, id, input.report);
    if (option === null) continue;
    yield { ...baseOf(row, id), truth: { task: "multiple-choice", option }, row: entry };
  }
}

function readRows(input: RowReaderInput): Iterable<ListedRow<Row>> {
  return readList(input, rowSchema, "a list of rows with video, question, options and answer", (row) => row.video);
}

function baseOf(row: Row, id: string): Omit<ReadRow, "truth" | "row"> {
  const options = row.options.map((option) => option.trim().replace(optionPrefix, "").trim());
  return { id, videoName: row.video, durationSec: row.duration ?? null, question: row.question.trim(), options };
}

/** "(A) ", "A. ", "A) ", "A: " */
const optionPrefix = /^(?:\([A-Z]\)|[A-Z][.):](?=\s))\s*/;

/** The true option as a capital letter: "(C)", "C", "c." or the text of an option. Null, and reported, when there is none. */
function readOption(row: Row, id: string, report: ReportProblem): string | null {
  const answer = row.answer.trim();
  const match = /^\(([A-Za-z])\)|^([A-Za-z])[.):]?$|^([A-Z])[.):]\s/.exec(answer);
  const letter = (match?.[1] ?? match?.[2] ?? match?.[3])?.toUpperCase();
  const byText = row.options.findIndex((o) => o.trim() === answer || o.trim().replace(optionPrefix, "") === answer);
  const index = byText >= 0 ? byText : letter === undefined ? -1 : letter.charCodeAt(0) - 65;
  if (index >= 0 && index < row.options.length) return String.fromCharCode(65 + index);
  report(
    id,
    "bad-row",
    `The answer ${JSON.stringify(row.answer)} is none of the ${row.options.length} options.`,
    false,
  );
  return null;
}

function readGlue(row: Row, id: string, report: ReportProblem): readonly Segment[] | null {
  if (row.glue === undefined || row.glue.length === 0) {
    report(id, "bad-row", "Expected at least one segment in glue, found none.", false);
    return null;
  }
  const segments: Segment[] = [];
  for (const pair of row.glue) {
    const segment = readSegment(pair, row.duration ?? null, id, report);
    if (segment === null) return null;
    segments.push(segment);
  }
  return segments;
}

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
  for (const listed of readRows(input)) {
    const option = readOption(listed, input.report);
    if (option === null) continue;
    const segments = readGlue(listed, input.report);
    if (segments === null) continue;
    const path = [listed.position, "glue"];
    yield { ...baseOf(listed), truth: { task: "grounded-qa", option, segments }, path };
  }
}

/** The same layout; `glue` and `duration` are not needed. */
export function* readMultipleChoice(input: RowReaderInput): Iterable<ReadRow> {
  for (const listed of readRows(input)) {
    const option = readOption(listed, input.report);
    if (option === null) continue;
    yield { ...baseOf(listed), truth: { task: "multiple-choice", option }, path: [listed.position, "answer"] };
  }
}

function readRows(input: RowReaderInput): Iterable<ListedRow<Row>> {
  return readList(input, rowSchema, "a list of rows with video, question, options and answer", (row) => row.video);
}

function baseOf({ row, id, entry }: ListedRow<Row>): Omit<ReadRow, "truth" | "path"> {
  const options = row.options.map((option) => option.trim().replace(optionPrefix, "").trim());
  const { video: videoName, duration: durationSec = null } = row;
  return { id, videoName, durationSec, question: row.question.trim(), options, row: entry };
}

/** "(A) ", "A. ", "A) ", "A: " */
const optionPrefix = /^(?:\([A-Z]\)|[A-Z][.):](?=\s))\s*/;

/** The true option as a capital letter: "(C)", "C", "c." or the text of an option. Null, and reported, when there is none. */
function readOption({ row, id, position }: ListedRow<Row>, report: ReportProblem): string | null {
  const answer = row.answer.trim();
  const match = /^\(([A-Za-z])\)|^([A-Za-z])[.):]?$|^([A-Z])[.):]\s/.exec(answer);
  const letter = (match?.[1] ?? match?.[2] ?? match?.[3])?.toUpperCase();
  const byText = row.options.findIndex((o) => o.trim() === answer || o.trim().replace(optionPrefix, "") === answer);
  const index = byText >= 0 ? byText : letter === undefined ? -1 : letter.charCodeAt(0) - 65;
  if (index >= 0 && index < row.options.length) return String.fromCharCode(65 + index);
  const message = `The answer ${JSON.stringify(row.answer)} is none of the ${row.options.length} options.`;
  report({ code: "bad-row", isKept: false, example: id, message, path: [position, "answer"] });
  return null;
}

function readGlue({ row, id, position }: ListedRow<Row>, report: ReportProblem): readonly Segment[] | null {
  if (row.glue === undefined || row.glue.length === 0) {
    const message = "Expected at least one segment in glue, found none.";
    report({ code: "bad-row", isKept: false, example: id, message, path: [position] });
    return null;
  }
  const segments: Segment[] = [];
  for (const [i, pair] of row.glue.entries()) {
    const path = [position, "glue", i];
    const segment = readSegment(pair, row.duration ?? null, { example: id, path, report });
    if (segment === null) return null;
    segments.push(segment);
  }
  return segments;
}

import { z } from "zod";
import type { Segment } from "../../../protocol/tasks.ts";
import { noSuchOption, optionOf, plainOption } from "./options.ts";
import type { ListedRow, ReadRow, ReportProblem, JsonReaderInput } from "./rowReader.ts";
import { categoriesOf, readList } from "./rowReader.ts";
import { readSegment } from "./segments.ts";

const rowSchema = z.object({
  id: z.union([z.string(), z.number()]).optional(),
  video: z.string().min(1),
  question: z.string().min(1),
  options: z.array(z.string().min(1)).min(2).max(26),
  answer: z.string().min(1),
  duration: z.number().positive().optional(),
  glue: z.array(z.tuple([z.number(), z.number()])).optional(),
  type: z.unknown().optional(),
});
type Row = z.infer<typeof rowSchema>;

/** NExT-GQA: `[{id, video, question, options: ["(A) …"], duration, glue: [[s, e]], answer: "(C)"}]`. */
export function* readGroundedQa(input: JsonReaderInput): Iterable<ReadRow> {
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
export function* readMultipleChoice(input: JsonReaderInput): Iterable<ReadRow> {
  for (const listed of readRows(input)) {
    const option = readOption(listed, input.report);
    if (option === null) continue;
    yield { ...baseOf(listed), truth: { task: "multiple-choice", option }, path: [listed.position, "answer"] };
  }
}

function readRows(input: JsonReaderInput): Iterable<ListedRow<Row>> {
  return readList(input, rowSchema, "a list of rows with video, question, options and answer", (row) => row.video);
}

function baseOf({ row, id, entry }: ListedRow<Row>): Omit<ReadRow, "truth" | "path"> {
  const { video: videoName, duration: durationSec = null } = row;
  const categories = categoriesOf({ type: row.type });
  const options = row.options.map(plainOption);
  return { id, videoName, durationSec, question: row.question.trim(), options, categories, row: entry };
}

/** The true option as a capital letter. Null, and reported, when there is none. */
function readOption({ row, id, position }: ListedRow<Row>, report: ReportProblem): string | null {
  const option = optionOf(row.answer, row.options);
  if (option !== null) return option;
  const message = noSuchOption(row.answer, row.options);
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

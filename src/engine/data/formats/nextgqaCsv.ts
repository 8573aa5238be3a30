import { z } from "zod";
import fs from "node:fs";
import path from "node:path";
import type { AnnotationFiles } from "../annotationFiles.ts";
import type { CsvRow } from "../csv.ts";
import { readCsv } from "../csv.ts";
import type { Segment } from "../../../protocol/tasks.ts";
import { letterAt, noSuchOption } from "./options.ts";
import type { ReadRow, ReportProblem, RowReader, RowReaderInput } from "./rowReader.ts";
import { categoriesOf, formatIssues, wrongLayout } from "./rowReader.ts";
import { readSegment } from "./segments.ts";

const groundingSchema = z.record(
  z.string(),
  z.object({
    duration: z.number().positive(),
    location: z.record(z.string(), z.array(z.tuple([z.number(), z.number()]))),
  }),
);
type Grounding = z.infer<typeof groundingSchema>;

/**
 * NExT-GQA and NExT-QA as they were published: CSV `video_id,frame_count,width,height,question,answer,qid,type,a0,…,a4` (NExT-QA
 * calls the first column `video`). NExT-GQA's answer is the text of an option, NExT-QA's its position. Segments are in
 * `gsub_<split>.json`: `{video: {duration, location: {qid: [[s, e]]}, fps}}`. Where `map_vid_vidorID.json` lies beside the CSV,
 * it says in which sub-folder a video is.
 */
export const readNextGqaCsv: RowReader = (input) => readRows(input, true);

/** The same questions; segments are not needed. */
export const readNextGqaChoices: RowReader = (input) => readRows(input, false);

async function* readRows(input: RowReaderInput, isGrounded: boolean): AsyncGenerator<ReadRow> {
  const { files, spec, resolve, report } = input;
  const grounding = spec.grounding === undefined ? null : await readGrounding(files, resolve(spec.grounding));
  const folders = await readFolders(files);
  const { columns, rows } = await readCsv(files.lines());
  const missing = ["question", "answer", "qid", "a0", "a1"].filter((name) => !columns.includes(name));
  const videoColumn = ["video_id", "video"].find((name) => columns.includes(name));
  if (missing.length > 0 || videoColumn === undefined) {
    const expected = "CSV with the columns video_id (or video), question, answer, qid, a0, a1 and so on";
    throw wrongLayout(files.path, "text", expected);
  }
  for await (const row of rows) {
    const place = [row.line];
    if ("problem" in row) {
      const example = `line ${row.line + 1}`;
      report({ code: "bad-row", isKept: false, example, message: `${row.problem}.`, path: place });
      continue;
    }
    const video = row.values[videoColumn] ?? "";
    const qid = row.values["qid"] ?? "";
    const id = `${video}_${qid}`;
    const question = readQuestion(row, id, report);
    if (question === null) continue;
    const located = grounding?.[video];
    const durationSec = located?.duration ?? null;
    const segments = isGrounded ? readLocation(located, { qid, id, report, place }) : [];
    if (segments === null) continue;
    const { option } = question;
    const mapped = folders[video];
    yield {
      id,
      videoName: mapped ?? video,
      otherNames: mapped === undefined ? [] : [video],
      durationSec,
      question: question.text,
      options: question.options,
      truth: isGrounded ? { task: "grounded-qa", option, segments } : { task: "multiple-choice", option },
      categories: categoriesOf({ type: row.values["type"] }),
      row: row.values,
      path: place,
    };
  }
}

function readQuestion(row: CsvRow, id: string, report: ReportProblem) {
  const text = (row.values["question"] ?? "").trim();
  const options: string[] = [];
  for (let i = 0; (row.values[`a${i}`] ?? "").trim() !== ""; i++) options.push((row.values[`a${i}`] ?? "").trim());
  const answer = (row.values["answer"] ?? "").trim();
  const byText = options.indexOf(answer);
  const byPosition = /^\d$/.test(answer) && Number(answer) < options.length ? Number(answer) : -1;
  const isAmbiguous = byText >= 0 && byPosition >= 0 && byText !== byPosition;
  const index = Math.max(byText, byPosition);
  if (text !== "" && options.length >= 2 && index >= 0 && !isAmbiguous) {
    return { text, options, option: letterAt(index) };
  }
  const message =
    text === ""
      ? "Expected a question, found none."
      : options.length < 2
        ? `Expected at least 2 options, found ${options.length}.`
        : isAmbiguous
          ? `The answer ${answer} is the text of option ${letterAt(byText)} and the position of option ${letterAt(byPosition)}.`
          : noSuchOption(answer, options);
  report({ code: "bad-row", isKept: false, example: id, message, path: [row.line] });
  return null;
}

interface LocationAbout {
  readonly qid: string;
  readonly id: string;
  readonly report: ReportProblem;
  readonly place: readonly number[];
}

function readLocation(
  located: Grounding[string] | undefined,
  { qid, id, report, place }: LocationAbout,
): Segment[] | null {
  const pairs = located?.location[qid] ?? [];
  if (pairs.length === 0) {
    const message = `The file of segments ("grounding") has none of video and qid ${id}.`;
    report({ code: "bad-row", isKept: false, example: id, message, path: place });
    return null;
  }
  const segments = pairs.map((pair) =>
    readSegment(pair, located?.duration ?? null, { example: id, path: place, report }),
  );
  return segments.every((segment) => segment !== null) ? segments : null;
}

async function readGrounding(files: AnnotationFiles, file: string): Promise<Grounding> {
  const json = await files.json(file);
  const parsed = groundingSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw wrongLayout(
    file,
    json,
    `{video: {duration, location: {qid: [[s, e]]}}} (${formatIssues(parsed.error.issues)})`,
  );
}

/** `{"4010069381": "1106/4010069381"}` */
async function readFolders(files: AnnotationFiles): Promise<Readonly<Record<string, string>>> {
  const file = path.join(path.dirname(files.path), "map_vid_vidorID.json");
  if (!fs.existsSync(file)) return {};
  const parsed = z.record(z.string(), z.string()).safeParse(await files.json(file));
  if (parsed.success) return parsed.data;
  throw wrongLayout(file, null, "an object from video to its path");
}

import type { z } from "zod";
import { UserError } from "../../../protocol/errors.ts";
import type { DatasetSpec } from "../../../protocol/spec.ts";
import type { AnnotationFiles } from "../annotationFiles.ts";
import type { DataProblem, Example, JsonPath } from "../example.ts";

/** An example as its layout gives it, before its video is looked for. */
export interface ReadRow extends Omit<Example, "datasetId" | "task" | "videoPath"> {
  /** In the folder of the videos, with or without an ending. */
  readonly videoName: string;
  /** Names that the video may have instead, when there is none of the first. */
  readonly otherNames?: readonly string[] | undefined;
  /** Where its truth stands. */
  readonly path: JsonPath;
}

export interface RowReaderInput {
  readonly files: AnnotationFiles;
  readonly spec: DatasetSpec;
  /** Absolute path of one that the specification names. */
  readonly resolve: (file: string) => string;
  readonly report: ReportProblem;
}

export type ReportProblem = (problem: Omit<DataProblem, "datasetId">) => void;

/** Rows of the annotations in their order; rows that cannot be used are reported and left out. */
export type RowReader = (input: RowReaderInput) => AsyncIterable<ReadRow>;

export interface JsonReaderInput extends Pick<RowReaderInput, "report"> {
  readonly json: unknown;
  readonly file: string;
}

/** Reader of a layout that is one JSON document. */
export function ofJson(read: (input: JsonReaderInput) => Iterable<ReadRow>): RowReader {
  return async function* ({ files, report }) {
    yield* read({ json: await files.json(), file: files.path, report });
  };
}

/** A row of a list that fits its schema. `id` is the row's own, else `<video>_<how many rows of the video came before>`. */
export interface ListedRow<Row> {
  readonly row: Row;
  readonly id: string;
  readonly entry: unknown;
  /** In the list. */
  readonly position: number;
}

/**
 * Rows of a file that is one list. What does not fit the schema is reported by its position and left out.
 * @throws UserError bad-data when the file is no list
 */
export function* readList<Schema extends z.ZodType<{ readonly id?: string | number | undefined }>>(
  { json, file, report }: JsonReaderInput,
  schema: Schema,
  expected: string,
  videoOf: (row: z.output<Schema>) => string,
): Iterable<ListedRow<z.output<Schema>>> {
  if (!Array.isArray(json)) throw wrongLayout(file, json, expected);
  const idOf = createIds();
  for (const [position, entry] of json.entries()) {
    const parsed = schema.safeParse(entry);
    if (!parsed.success) {
      const message = `${formatIssues(parsed.error.issues)}.`;
      report({ code: "bad-row", isKept: false, example: `row ${position}`, message, path: [position] });
      continue;
    }
    const row = parsed.data;
    yield { row, id: idOf(row.id, videoOf(row)), entry, position };
  }
}

/** Ids of rows: their own, else `<video>_<how many rows of the video came before>`. */
export function createIds(): (own: string | number | undefined, video: string) => string {
  const seen = new Map<string, number>();
  return (own, video) => {
    const index = seen.get(video) ?? 0;
    seen.set(video, index + 1);
    return own === undefined ? `${video}_${index}` : String(own);
  };
}

/** Named values without those that the row does not have; undefined when it has none. */
export function categoriesOf(values: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> | undefined {
  const known = Object.entries(values).flatMap(([name, value]) => {
    const text = typeof value === "string" ? value.trim() : typeof value === "number" ? String(value) : "";
    return text === "" ? [] : [[name, text] as const];
  });
  return known.length === 0 ? undefined : Object.fromEntries(known);
}

/** A number that is written as text; NaN when it is none, or not finite. */
export function numberOf(text: string): number {
  const value = text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) ? value : NaN;
}

/** The file is not of the layout at all. */
export function wrongLayout(file: string, found: unknown, expected: string): UserError {
  const kind = Array.isArray(found)
    ? "a list"
    : found === null
      ? "null"
      : `${typeof found === "object" ? "an object" : typeof found}`;
  return new UserError({
    code: "bad-data",
    where: file,
    message: `The annotation file holds ${kind}, expected ${expected}.`,
    hint: 'Check "format" in the dataset.',
  });
}

/** What a row's schema complains about: "gt[2] expected number". At most three complaints. */
export function formatIssues(issues: readonly z.core.$ZodIssue[]): string {
  return issues
    .slice(0, 3)
    .map((issue) => {
      const place = issue.path.map((p) => (typeof p === "number" ? `[${p}]` : `.${String(p)}`)).join("");
      return `${place.replace(/^\./, "")}: ${issue.message}`;
    })
    .join("; ");
}

import type { z } from "zod";
import { UserError } from "../../../protocol/errors.ts";
import type { DataProblem, Example, JsonPath } from "../example.ts";

/** An example as its layout gives it, before its video is looked for. */
export interface ReadRow extends Omit<Example, "datasetId" | "task" | "videoPath"> {
  readonly videoName: string;
  /** Where its truth stands. */
  readonly path: JsonPath;
}

export interface RowReaderInput {
  readonly json: unknown;
  readonly file: string;
  readonly report: ReportProblem;
}

export type ReportProblem = (problem: Omit<DataProblem, "datasetId">) => void;

/** Rows of an annotation file in its order; rows that cannot be used are reported and left out. */
export type RowReader = (input: RowReaderInput) => Iterable<ReadRow>;

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
  { json, file, report }: RowReaderInput,
  schema: Schema,
  expected: string,
  videoOf: (row: z.output<Schema>) => string,
): Iterable<ListedRow<z.output<Schema>>> {
  if (!Array.isArray(json)) throw wrongLayout(file, json, expected);
  const seen = new Map<string, number>();
  for (const [position, entry] of json.entries()) {
    const parsed = schema.safeParse(entry);
    if (!parsed.success) {
      const message = `${formatIssues(parsed.error.issues)}.`;
      report({ code: "bad-row", isKept: false, example: `row ${position}`, message, path: [position] });
      continue;
    }
    const row = parsed.data;
    const video = videoOf(row);
    const index = seen.get(video) ?? 0;
    seen.set(video, index + 1);
    yield { row, id: row.id === undefined ? `${video}_${index}` : String(row.id), entry, position };
  }
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

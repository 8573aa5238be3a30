import type { z } from "zod";
import { UserError } from "../../../protocol/errors.ts";
import type { DataProblemCode, Example } from "../example.ts";

/** An example as its layout gives it, before its video is looked for. */
export interface ReadRow extends Omit<Example, "datasetId" | "task" | "videoPath"> {
  readonly videoName: string;
}

export interface RowReaderInput {
  readonly json: unknown;
  readonly file: string;
  readonly report: ReportProblem;
}

export type ReportProblem = (example: string | null, code: DataProblemCode, message: string, isKept: boolean) => void;

/** Rows of an annotation file in its order; rows that cannot be used are reported and left out. */
export type RowReader = (input: RowReaderInput) => Iterable<ReadRow>;

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

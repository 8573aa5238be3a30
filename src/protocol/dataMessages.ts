import { request } from "./messages.ts";

/** The examples of an annotation file as a run uses them; none when its specification does not name the file. */
export const findExamples = request<{ runDir: string; file: string }, { examples: readonly PlacedExample[] }>(
  "service/findExamples",
);

export interface PlacedExample {
  readonly dataset: string;
  readonly example: string;
  /** 0-based line of its row. */
  readonly line: number;
  /** What it scored in the evaluations of the run, oldest first, by metric; empty for what is trained on alone. */
  readonly evaluated: readonly { readonly step: number; readonly metrics: Readonly<Record<string, number>> }[];
}

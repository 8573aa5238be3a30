import type { AnnotationFiles } from "../annotationFiles.ts";
import type { ReportProblem } from "./rowReader.ts";
import { wrongLayout } from "./rowReader.ts";

export interface Entry {
  /** Of the line or of the element, 0-based. */
  readonly position: number;
  readonly value: unknown;
}

/** Values of a file of JSON lines as they are read. A line that is no JSON is reported and left out; blank ones are none. */
export async function* readJsonLines(files: AnnotationFiles, report: ReportProblem): AsyncGenerator<Entry> {
  for await (const { number: position, text } of files.lines()) {
    if (text?.trim() === "") continue;
    const parsed = parse(text);
    if ("value" in parsed) {
      yield { position, value: parsed.value };
    } else {
      const message = `Expected a JSON object, found ${parsed.found}.`;
      report({ code: "bad-row", isKept: false, example: `line ${position + 1}`, message, path: [position] });
    }
  }
}

/** Values of a file of JSON lines (*.jsonl), or elements of one JSON list. */
export async function* readEntries(
  files: AnnotationFiles,
  report: ReportProblem,
  expected: string,
): AsyncGenerator<Entry> {
  if (files.path.endsWith(".jsonl")) {
    yield* readJsonLines(files, report);
    return;
  }
  const json = await files.json();
  if (!Array.isArray(json)) throw wrongLayout(files.path, json, expected);
  yield* json.map((value: unknown, position) => ({ position, value }));
}

function parse(text: string | null): { value: unknown } | { found: string } {
  if (text === null) return { found: "a line that is no UTF-8" };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    return {
      found: `${JSON.stringify(text.slice(0, 60))} (${error instanceof Error ? error.message : String(error)})`,
    };
  }
}

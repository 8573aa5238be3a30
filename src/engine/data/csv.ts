import type { TextLine } from "./textLines.ts";

/** A record of a CSV file by column. */
export interface CsvRow {
  /** Of the line that it begins on, 0-based. */
  readonly line: number;
  readonly values: Readonly<Record<string, string>>;
}

export interface CsvTable {
  readonly columns: readonly string[];
  readonly rows: AsyncIterable<CsvRow | { readonly line: number; readonly problem: string }>;
}

/** RFC 4180 with a head of column names: fields may be quoted, and quoted ones may hold commas, quotes and line ends. */
export async function readCsv(lines: AsyncIterable<TextLine>): Promise<CsvTable> {
  const records = readRecords(lines)[Symbol.asyncIterator]();
  const head = await records.next();
  const columns = head.done === true || head.value.fields === null ? [] : head.value.fields.map((name) => name.trim());
  return { columns, rows: rowsOf(columns, { [Symbol.asyncIterator]: () => records }) };
}

async function* rowsOf(columns: readonly string[], records: AsyncIterable<CsvRecord>): CsvTable["rows"] {
  for await (const { line, fields } of records) {
    if (fields === null) {
      yield { line, problem: "expected CSV in UTF-8, found a quote that does not end or bytes that are no text" };
    } else if (fields.length !== columns.length) {
      yield { line, problem: `expected ${columns.length} fields, found ${fields.length}` };
    } else {
      yield { line, values: Object.fromEntries(columns.map((name, i) => [name, fields[i] ?? ""])) };
    }
  }
}

interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[] | null;
}

/** A quote that is open for so many lines was never meant as one. */
const mostLinesOfRecord = 1000;

async function* readRecords(lines: AsyncIterable<TextLine>): AsyncGenerator<CsvRecord> {
  let open: { readonly line: number; text: string; count: number } | null = null;
  for await (const { number, text } of lines) {
    if (text === null) {
      yield { line: open?.line ?? number, fields: null };
      open = null;
      continue;
    }
    if (open === null && text.trim() === "") continue;
    const record: string = open === null ? text : `${open.text}\n${text}`;
    const line: number = open?.line ?? number;
    const count: number = (open?.count ?? 0) + 1;
    const fields = splitFields(record);
    if (fields !== null) {
      yield { line, fields };
      open = null;
    } else if (count >= mostLinesOfRecord) {
      yield { line, fields: null };
      open = null;
    } else {
      open = { line, text: record, count };
    }
  }
  if (open !== null) yield { line: open.line, fields: null };
}

/** Fields of a record; null when a quoted one does not end. A quote within an unquoted field is a character ('5" screen'). */
function splitFields(record: string): string[] | null {
  const fields: string[] = [];
  let field = "";
  let isQuoted = false;
  let isAtStart = true;
  for (let i = 0; i < record.length; i++) {
    const char = record.charAt(i);
    if (char === '"' && isQuoted && record.charAt(i + 1) === '"') {
      field += '"';
      i++;
    } else if (char === '"' && (isQuoted || isAtStart)) {
      isQuoted = !isQuoted;
      isAtStart = false;
    } else if (char === "," && !isQuoted) {
      fields.push(field);
      field = "";
      isAtStart = true;
    } else {
      field += char;
      isAtStart = false;
    }
  }
  return isQuoted ? null : [...fields, field];
}

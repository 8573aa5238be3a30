import fs from "node:fs";
import type { LogReport } from "./logReport.ts";

export interface PlacedValue {
  readonly where: string; // "<file>:<line>"
  readonly value: unknown;
}

/**
 * Values of a file of JSON lines, one after the other, however long the file is. Lines that are no JSON are told. The last
 * line of a log that goes on may be half there.
 */
export async function* jsonLines(file: string, report: LogReport): AsyncGenerator<PlacedValue> {
  let number = 0;
  for await (const { text, isEnded } of linesOf(file)) {
    number++;
    if (text.trim() === "") continue;
    const where = `${file}:${number}`;
    try {
      yield { where, value: parsePythonJson(text) };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      if (isEnded) report.problem(where, `expected JSON, found text that is not (${error.message})`);
      else report.note(`${where}: the last line has no end yet; it is left out.`);
    }
  }
}

/** JSON as Python writes it: with NaN and Infinity, which become null. */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw error;
    return JSON.parse(
      text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) => (token.startsWith('"') ? token : "null")),
    );
  }
}

/** Only "\n" ends a line: Python leaves the other separators of Unicode within its strings. */
async function* linesOf(file: string): AsyncGenerator<{ text: string; isEnded: boolean }> {
  let rest: Buffer[] = [];
  // SAFETY: a stream without an encoding gives Buffers.
  for await (const chunk of fs.createReadStream(file) as AsyncIterable<Buffer>) {
    let start = 0;
    for (let at = chunk.indexOf(0x0a); at >= 0; at = chunk.indexOf(0x0a, start)) {
      yield { text: Buffer.concat([...rest, chunk.subarray(start, at)]).toString("utf8"), isEnded: true };
      rest = [];
      start = at + 1;
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
  if (rest.length > 0) yield { text: Buffer.concat(rest).toString("utf8"), isEnded: false };
}

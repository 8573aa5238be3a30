import fs from "node:fs";
import { UserError } from "../../protocol/errors.ts";
import type { Example } from "../data/example.ts";
import type { AnsweredExample } from "../evaluate/scoring.ts";
import { tasks } from "../tasks/tasks.ts";

/**
 * Reads ready answers, `{"id": …, "text": …}` a line, and parses them as training does. An id that several datasets have
 * is told apart by `"dataset"`. Examples without an answer are counted and scored as unparsed.
 * @throws UserError "bad-data" with one line a mistake (not JSON, unknown id, an id twice), "not-found".
 */
export function readPredictions(
  file: string,
  examples: readonly Example[],
): { readonly answered: readonly AnsweredExample[]; readonly missing: number } {
  const byId = new Map<string, Example[]>();
  for (const example of examples) byId.set(example.id, [...(byId.get(example.id) ?? []), example]);
  const texts = new Map<Example, string>();
  const mistakes: string[] = [];
  readText(file)
    .split("\n")
    .forEach((line, i) => {
      if (line.trim() === "") return;
      const mistake = addPrediction(line, byId, texts);
      if (mistake !== null) mistakes.push(`${file}:${i + 1}: ${mistake}`);
    });
  if (mistakes.length > 0) throw new UserError({ code: "bad-data", message: mistakes.join("\n") });
  const answered = examples.map((example) => {
    const text = texts.get(example);
    return { example, answer: text === undefined ? null : tasks[example.task].parse(text, example) };
  });
  return { answered, missing: examples.length - texts.size };
}

/** What is wrong with the line; null when its text was added. */
function addPrediction(
  line: string,
  byId: ReadonlyMap<string, readonly Example[]>,
  texts: Map<Example, string>,
): string | null {
  const row = parseRow(line);
  if (typeof row === "string") return row;
  const named = byId.get(row.id) ?? [];
  const matching = row.dataset === undefined ? named : named.filter((e) => e.datasetId === row.dataset);
  const [example] = matching;
  if (example === undefined) return `no example of the evaluation data has the id "${row.id}"`;
  if (matching.length > 1) {
    const datasets = matching.map((e) => e.datasetId).join(", ");
    return `the id "${row.id}" is in ${datasets}; expected "dataset" to say which is meant`;
  }
  if (texts.has(example)) return `found a second answer for the id "${row.id}"`;
  texts.set(example, row.text);
  return null;
}

/** The row, or what is wrong with it. */
function parseRow(line: string): { id: string; text: string; dataset?: string } | string {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return 'expected {"id": …, "text": …}, found text that is not JSON';
  }
  if (typeof json !== "object" || json === null || !("id" in json) || !("text" in json)) {
    return 'expected the keys "id" and "text"';
  }
  const { id, text } = json;
  const dataset = "dataset" in json ? json.dataset : undefined;
  if (typeof id !== "string" && typeof id !== "number") return `expected text for "id", found ${JSON.stringify(id)}`;
  if (typeof text !== "string") return `expected text for "text", found ${JSON.stringify(text)}`;
  return { id: String(id), text, ...(typeof dataset === "string" ? { dataset } : {}) };
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError({ code: "not-found", where: file, message: `the predictions cannot be read: ${reason}` });
  }
}

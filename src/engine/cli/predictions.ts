import { createHash } from "node:crypto";
import fs from "node:fs";
import { UserError } from "../../protocol/errors.ts";
import type { Example } from "../data/example.ts";

/** Ready answers by example; several where the file holds several samples. */
export interface Predictions {
  readonly answers: ReadonlyMap<Example, readonly string[]>;
  readonly missing: number;
  /** Rows about other questions: of other datasets, or beyond those that are evaluated. */
  readonly extra: number;
  /** sha256 of the file, hex. */
  readonly hash: string;
}

/** Keys of the file to take, where their names do not tell. */
export interface PredictionKeys {
  readonly id?: string | undefined;
  readonly text?: string | undefined;
}

/** In the order in which they are looked for. "answer" is not among them: most files call the right answer so. */
const idKeys = ["id", "question_id", "questionId", "qid", "example_id", "exampleId", "sample_id", "uid"];
const textKeys = ["text", "prediction", "pred", "response", "output", "completion", "generated_text", "model_output"];

/**
 * Reads ready answers of any model: JSON lines, a JSON list of the same rows, or one object `{id: text}`. A row names its
 * example (`idKeys`) and holds the answer (`textKeys`); lines of our own answers.jsonl are rows too. An id that several
 * datasets have is told apart by "dataset" (or "datasetId"). Examples without an answer are counted, and so are rows of other
 * datasets. An id that is not known is a mistake where an example lacks its answer; where none does, the file holds more than
 * is evaluated.
 * @throws UserError "bad-data" with one line a mistake (not JSON, unknown id, an id twice, no key known), "not-found".
 */
export function readPredictions(file: string, examples: readonly Example[], keys: PredictionKeys = {}): Predictions {
  const content = readText(file);
  const byId = new Map<string, Example[]>();
  for (const example of examples) byId.set(example.id, [...(byId.get(example.id) ?? []), example]);
  const answers = new Map<Example, readonly string[]>();
  const rows = rowsOf(content, file);
  if (rows.length === 0)
    throw new UserError({ code: "bad-data", where: file, message: "expected answers, found none" });
  const datasets = new Set(examples.map(({ datasetId }) => datasetId));
  const own = rows.filter(({ row }) => typeof row === "string" || !isElsewhere(row, datasets));
  if (own.length === 0) {
    const message = `expected answers to examples of ${[...datasets].join(", ")}, found only those of other datasets`;
    throw new UserError({ code: "bad-data", where: file, message });
  }
  const found = own.flatMap(({ where, row }) => {
    const mistake = typeof row === "string" ? row : addPrediction(row, keys, byId, answers);
    if (mistake === null) return [];
    const isUnknown = typeof mistake !== "string";
    return [{ text: `${where}: ${isUnknown ? mistake.unknownId : mistake}`, isUnknown }];
  });
  const isComplete = answers.size === examples.length;
  const mistakes = found.filter(({ isUnknown }) => !(isUnknown && isComplete)).map(({ text }) => text);
  if (mistakes.length > 0) throw new UserError({ code: "bad-data", message: shortened(mistakes).join("\n") });
  const hash = createHash("sha256").update(content).digest("hex");
  const extra = rows.length - own.length + found.length;
  return { answers, missing: examples.length - answers.size, extra, hash };
}

function isElsewhere(row: Row, datasets: ReadonlySet<string>): boolean {
  const dataset = datasetOf(row);
  return dataset !== null && !datasets.has(dataset);
}

function datasetOf(row: Row): string | null {
  const dataset = row["dataset"] ?? row["datasetId"];
  return typeof dataset === "string" ? dataset : null;
}

type Mistake = string | { readonly unknownId: string };

type Row = Readonly<Record<string, unknown>>;

interface PlacedRow {
  readonly where: string;
  /** A text says what is wrong with it. */
  readonly row: Row | string;
}

function rowsOf(content: string, file: string): PlacedRow[] {
  const whole = tryJson(content);
  if (Array.isArray(whole)) {
    return whole.map((row: unknown, i) => ({ where: `${file}[${i}]`, row: isRow(row) ? row : notARow(row) }));
  }
  // One object whose values are texts; a single line {"id": …, "text": …} is a row instead.
  if (isRow(whole) && !hasKey(whole, idKeys)) {
    return Object.entries(whole).map(([id, text]) => ({ where: `${file}: ${id}`, row: { id, text } }));
  }
  return content.split("\n").flatMap((line, i) => {
    if (line.trim() === "") return [];
    const row = tryJson(line);
    if (isRow(row) && "answerSettings" in row) return []; // header of answers.jsonl
    const where = `${file}:${i + 1}`;
    if (row === undefined) return [{ where, row: 'expected {"id": …, "text": …}, found text that is not JSON' }];
    return [{ where, row: isRow(row) ? row : notARow(row) }];
  });
}

/** What is wrong with the row; null when its text was added, or it is the record of a failure. */
function addPrediction(
  row: Row,
  keys: PredictionKeys,
  byId: ReadonlyMap<string, readonly Example[]>,
  answers: Map<Example, readonly string[]>,
): Mistake | null {
  if (row["failure"] !== undefined && Array.isArray(row["completions"])) return null;
  const id = row[chosenKey(row, keys.id, idKeys) ?? ""];
  const texts = textsOf(row, keys.text);
  if (id === undefined || texts === null) return unknownKeys(row, keys, id === undefined);
  if (typeof id !== "string" && typeof id !== "number") return `expected text for the id, found ${JSON.stringify(id)}`;
  if (typeof texts === "string") return texts;
  const named = byId.get(String(id)) ?? [];
  const dataset = datasetOf(row);
  const matching = dataset === null ? named : named.filter((e) => e.datasetId === dataset);
  const [example] = matching;
  if (example === undefined) return { unknownId: `no example of the evaluation data has the id "${id}"` };
  if (matching.length > 1) {
    const datasets = matching.map((e) => e.datasetId).join(", ");
    return `the id "${id}" is in ${datasets}; expected "dataset" to say which is meant`;
  }
  if (answers.has(example)) return `found a second answer for the id "${id}"`;
  answers.set(example, texts);
  return null;
}

/** The answer, or the samples of it; null without a key that is known, a text when its value is no answer. */
function textsOf(row: Row, given: string | undefined): readonly string[] | string | null {
  const { completions } = row;
  if (given === undefined && Array.isArray(completions)) {
    const texts = completions.map((one: unknown) => (isRow(one) ? one["text"] : one));
    return texts.every((text) => typeof text === "string") ? texts : `expected texts in "completions"`;
  }
  const key = chosenKey(row, given, textKeys);
  if (key === undefined) return null;
  const text = row[key];
  if (typeof text === "string") return [text];
  if (Array.isArray(text) && text.every((one) => typeof one === "string") && text.length > 0) return text;
  return `expected text for "${key}", found ${JSON.stringify(text)}`;
}

function chosenKey(row: Row, given: string | undefined, known: readonly string[]): string | undefined {
  return (given === undefined ? known : [given]).find((key) => row[key] !== undefined);
}

function unknownKeys(row: Row, keys: PredictionKeys, lacksId: boolean): string {
  const [what, option, known] = lacksId ? ["id", "--id-key", idKeys] : ["answer", "--text-key", textKeys];
  const given = lacksId ? keys.id : keys.text;
  const expected = given === undefined ? `one of ${known.map((key) => `"${key}"`).join(", ")}` : `"${given}"`;
  const found = Object.keys(row).map((key) => `"${key}"`);
  return `expected the key of the ${what} (${expected}), found ${found.join(", ") || "no key"}; ${option} names another`;
}

function hasKey(row: Row, keys: readonly string[]): boolean {
  return keys.some((key) => row[key] !== undefined);
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function notARow(value: unknown): string {
  return `expected {"id": …, "text": …}, found ${JSON.stringify(value)}`;
}

/** A wrong file has the same mistake in every row. */
function shortened(mistakes: readonly string[], most = 20): readonly string[] {
  if (mistakes.length <= most) return mistakes;
  return [...mistakes.slice(0, most), `${mistakes.length - most} more mistakes are not listed`];
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readText(file: string): string {
  try {
    return fs.readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError({ code: "not-found", where: file, message: `the predictions cannot be read: ${reason}` });
  }
}

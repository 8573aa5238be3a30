import type { BoundingBox, ParsedAnswer, ParseFailure } from "../../../protocol/tasks.ts";
import type { Example } from "../../data/example.ts";
import { answerBlock } from "../answerBlock.ts";
import { truthOf } from "../truth.ts";

/**
 * As many boxes as the example asks for, normalised xyxy. Accepts lists, tuples, objects with four named corners and
 * objects with a `bbox`, `bbox_2d` or `box` list, with text around the list. A single bad box makes the answer no answer.
 */
export function parseTracking(completion: string, example: Example): ParsedAnswer {
  const block = answerBlock(completion);
  if (!block.ok) return failed(block.failure);
  const boxes = readBoxes(block.text);
  if (boxes === null || boxes.length === 0) return failed("no-boxes");
  if (boxes.length !== truthOf(example, "tracking").boxes.length) return failed("wrong-box-count");
  if (boxes.some(isOutOfRange)) return failed("box-out-of-range");
  if (boxes.some((b) => b.x1 <= b.x0 || b.y1 <= b.y0)) return failed("inverted-box");
  return { task: "tracking", boxes, failures: [] };
}

function failed(failure: ParseFailure): ParsedAnswer {
  return { task: "tracking", failures: [failure] };
}

function isOutOfRange(box: BoundingBox): boolean {
  return [box.x0, box.y0, box.x1, box.y1].some((v) => v < 0 || v > 1);
}

/** Boxes of the list in a text; null when there is no list or something in it is no box. */
function readBoxes(text: string): BoundingBox[] | null {
  const list = readList(text);
  if (list === null) return null;
  const only: unknown = list.length === 1 ? list[0] : undefined;
  // [[[…], […]]]: one pair of brackets too many.
  const rows: readonly unknown[] = Array.isArray(only) && Array.isArray(only[0]) ? only : list;
  const boxes = rows.map(readBox);
  return boxes.every((b) => b !== null) ? boxes : null;
}

/** The text from the first bracket of a list of numbers to its last one as JSON, after Python's spellings were turned into JSON's. */
function readList(text: string): readonly unknown[] | null {
  const json = text
    .replaceAll("(", "[")
    .replaceAll(")", "]")
    .replaceAll("'", '"')
    .replace(/(?<![\d.])\.(?=\d)/g, "0.")
    .replace(/,(?=\s?[\]}])/g, "");
  const spellings: string[] = [];
  // "(left, top, right, bottom)" and "(normalised)" are words.
  const bracket = json.search(/\[\s*[[{\d.+-]/);
  const inner = json.slice(Math.max(0, bracket), lastListEnd(json) + 1);
  // As it is, then one box a line, then objects without brackets around them.
  if (bracket >= 0) spellings.push(inner, `[${inner.replace(/\](\s{0,3},?\s{0,3})\[/g, "],[")}]`);
  const brace = json.indexOf("{");
  if (brace >= 0 && (bracket < 0 || brace < bracket)) {
    spellings.push(`[${json.slice(brace, json.lastIndexOf("}") + 1)}]`);
  }
  for (const spelling of spellings) {
    const list = tryJsonList(spelling);
    if (list !== null) return list;
  }
  return null;
}

/** The last closing bracket that closes numbers, objects or lists; -1 without one. */
function lastListEnd(json: string): number {
  let end = json.lastIndexOf("]");
  while (end > 0 && !/[\d}\].]$/.test(json.slice(Math.max(0, end - 4), end).trimEnd())) {
    end = json.lastIndexOf("]", end - 1);
  }
  return end;
}

function tryJsonList(text: string): readonly unknown[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value.map((item: unknown) => item) : null;
  } catch {
    return null;
  }
}

const cornerNames = [
  ["x0", "y0", "x1", "y1"],
  ["x1", "y1", "x2", "y2"],
  ["xmin", "ymin", "xmax", "ymax"],
  ["x_min", "y_min", "x_max", "y_max"],
  ["left", "top", "right", "bottom"],
] as const;
const boxNames = ["bbox", "bbox_2d", "box"] as const;

function readBox(row: unknown): BoundingBox | null {
  if (Array.isArray(row)) return boxOfNumbers(row);
  if (typeof row !== "object" || row === null) return null;
  const fields = new Map<string, unknown>(Object.entries(row));
  const named = boxNames.filter((name) => fields.has(name));
  const corners = cornerNames.filter((names) => names.every((name) => fields.has(name)));
  // Exactly one reading; {x0, y0, x1, y1, x2, y2} would have two.
  if (named.length + corners.length !== 1) return null;
  const [name] = named;
  if (name !== undefined) {
    const inner = fields.get(name);
    return Array.isArray(inner) ? boxOfNumbers(inner) : null;
  }
  return boxOfNumbers((corners[0] ?? []).map((corner) => fields.get(corner)));
}

function boxOfNumbers(values: readonly unknown[]): BoundingBox | null {
  const [x0, y0, x1, y1, ...rest] = values;
  if (typeof x0 !== "number" || typeof y0 !== "number" || typeof x1 !== "number" || typeof y1 !== "number") return null;
  return rest.length === 0 ? { x0, y0, x1, y1 } : null;
}

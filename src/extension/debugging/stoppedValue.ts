import type { ViewerEvidence } from "../../protocol/view.ts";
import type { BoundingBox, Segment } from "../../protocol/tasks.ts";

type StoppedValue = ViewerEvidence["value"];

/** Expression under a character of a line: names, members and literal indices, up to the one that is pointed at. */
export function expressionAt(
  row: string,
  character: number,
): { readonly text: string; readonly start: number; readonly end: number } | undefined {
  const chains = row.matchAll(/[A-Za-z_$][\w$]*(?:\??\.[A-Za-z_$][\w$]*|\[(?:\d+|"[^"]*"|'[^']*')\])*/g);
  for (const match of chains) {
    const [start, end] = [match.index, match.index + match[0].length];
    if (character < start || character > end) continue;
    // `a` of `a.b` is asked for when the pointer is on it.
    const rest = /^[\w$]*(?:["']?\])?/.exec(row.slice(character))?.[0].length ?? 0;
    const upTo = Math.min(end, character + rest);
    return { text: row.slice(start, upTo), start, end: upTo };
  }
  return undefined;
}

/** An expression of the debugged language whose value is the JSON text of another one. */
export function jsonExpression(expression: string, isPython: boolean): string {
  if (!isPython) return `JSON.stringify(${expression})`;
  return `__import__("json").dumps(${expression}, default=lambda v: list(v) if hasattr(v, "__iter__") else float(v))`;
}

/** JSON text as a debugger shows the string that holds it: quoted, with the language's escapes. */
export function unquote(shown: string): string {
  const match = /^(['"`])([\s\S]*)\1$/.exec(shown.trim());
  if (match === null) return shown;
  return (match[2] ?? "").replace(/\\(.)/g, "$1");
}

/** How a value is drawn; undefined for what is no place in a video. `name` is the expression that it came from. */
export function stoppedValue(value: unknown, name: string): StoppedValue | undefined {
  if (typeof value === "number") {
    return /iou|overlap/i.test(name) && value >= 0 && value <= 1 ? { kind: "overlap", value } : undefined;
  }
  const segment = segmentOf(value);
  if (segment !== undefined) return { kind: "segment", segments: [segment] };
  const box = boxOf(value);
  if (box !== undefined) return { kind: "boxes", boxes: [box] };
  if (Array.isArray(value) && value.length > 0) {
    const segments = value.map(segmentOf);
    if (segments.every((one) => one !== undefined)) return { kind: "segment", segments };
    const boxes = value.map(boxOf);
    if (boxes.every((one) => one !== undefined)) return { kind: "boxes", boxes };
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  // A parsed answer or a truth as a whole.
  for (const key of ["segment", "segments", "boxes", "box"]) {
    const found = value[key] === undefined ? undefined : stoppedValue(value[key], key);
    if (found !== undefined) return found;
  }
  return undefined;
}

function segmentOf(value: unknown): Segment | undefined {
  if (Array.isArray(value)) return value.length === 2 ? segment(value[0], value[1]) : undefined;
  if (!isRecord(value)) return undefined;
  return segment(value["startSec"] ?? value["start"], value["endSec"] ?? value["end"]);
}

function segment(startSec: unknown, endSec: unknown): Segment | undefined {
  if (typeof startSec !== "number" || typeof endSec !== "number" || !(startSec < endSec)) return undefined;
  return { startSec, endSec };
}

/** Boxes are shares of the frame. */
function boxOf(value: unknown): BoundingBox | undefined {
  if (Array.isArray(value)) return value.length === 4 ? box(value[0], value[1], value[2], value[3]) : undefined;
  if (!isRecord(value)) return undefined;
  return boxOf(value["box"]) ?? box(value["x0"], value["y0"], value["x1"], value["y1"]);
}

function box(x0: unknown, y0: unknown, x1: unknown, y1: unknown): BoundingBox | undefined {
  const isShare = (side: unknown): side is number => typeof side === "number" && side >= 0 && side <= 1;
  if (!isShare(x0) || !isShare(y0) || !isShare(x1) || !isShare(y1) || !(x0 < x1) || !(y0 < y1)) return undefined;
  return { x0, y0, x1, y1 };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

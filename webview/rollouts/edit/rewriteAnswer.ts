import type { BoundingBox, ParsedAnswer, Segment } from "../../../src/protocol/tasks.ts";
import { boxPlaces, intervalPlaces } from "../completionText.ts";

/** A completion whose answer was changed, and how the engine will read it; it is asked to confirm that. */
export interface Rewritten {
  readonly text: string;
  readonly parsed: ParsedAnswer;
}

/**
 * Writes another segment where the answer has one, leaving every other character as it is. Null when the text has no such
 * place, or has it in words that cannot be written over.
 */
export function rewriteSegment(text: string, parsed: ParsedAnswer, index: number, segment: Segment): Rewritten | null {
  const block = lastBlock(text, parsed.segments === undefined ? "answer" : "glue");
  if (block === null) return null;
  const places = intervalPlaces(block.text);
  // An answer is its last interval; the segments of a grounded answer are told one by one.
  const place = parsed.segments === undefined ? places.at(-1) : places[index];
  if (place === undefined) return null;
  const digits = Math.max(decimals(place.start.text), decimals(place.end.text));
  const rewritten = splice(block.text, [
    { ...place.start, text: segment.startSec.toFixed(digits) },
    { ...place.end, text: segment.endSec.toFixed(digits) },
  ]);
  const written = {
    startSec: Number(segment.startSec.toFixed(digits)),
    endSec: Number(segment.endSec.toFixed(digits)),
  };
  return {
    text: text.slice(0, block.start) + rewritten + text.slice(block.end),
    parsed:
      parsed.segments === undefined
        ? { ...parsed, segment: written }
        : { ...parsed, segments: parsed.segments.map((known, i) => (i === index ? written : known)) },
  };
}

/** The same for a box of a track's answer. */
export function rewriteBox(text: string, parsed: ParsedAnswer, index: number, box: BoundingBox): Rewritten | null {
  const block = lastBlock(text, "answer");
  const place = block === null ? undefined : boxPlaces(block.text)[index];
  if (block === null || place === undefined || parsed.boxes?.[index] === undefined) return null;
  const sides = [box.x0, box.y0, box.x1, box.y1].map((side) => side.toFixed(2));
  const rewritten = splice(block.text, [{ ...place, text: `[${sides.join(", ")}]` }]);
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = sides.map(Number);
  return {
    text: text.slice(0, block.start) + rewritten + text.slice(block.end),
    parsed: { ...parsed, boxes: parsed.boxes.map((known, i) => (i === index ? { x0, y0, x1, y1 } : known)) },
  };
}

interface Block {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** The engine reads the last block of a tag. */
function lastBlock(text: string, tag: "answer" | "glue"): Block | null {
  const match = [...text.matchAll(new RegExp(`<${tag}>([^]*?)</${tag}>`, "gid"))].at(-1);
  const [start, end] = match?.indices?.[1] ?? [];
  return start === undefined || end === undefined ? null : { text: text.slice(start, end), start, end };
}

interface Piece {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Puts texts in place of pieces, which are in order. */
function splice(text: string, pieces: readonly Piece[]): string {
  let at = 0;
  let result = "";
  for (const piece of pieces) {
    result += text.slice(at, piece.from) + piece.text;
    at = piece.to;
  }
  return result + text.slice(at);
}

/** Decimals to write: those that were written, at least one. */
function decimals(written: string): number {
  return Math.min(2, Math.max(1, /\.(\d+)$/.exec(written)?.[1]?.length ?? 0));
}

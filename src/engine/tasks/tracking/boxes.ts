import type { BoundingBox } from "../../../protocol/tasks.ts";

/** "[0.10, 0.20, 0.30, 0.40]": two decimals, as prompts and targets print boxes. */
export function formatBox(box: BoundingBox): string {
  const [x0, x1] = printableSide(box.x0, box.x1);
  const [y0, y1] = printableSide(box.y0, box.y1);
  return `[${[x0, y0, x1, y1].map((v) => v.toFixed(2)).join(", ")}]`;
}

export function formatBoxes(boxes: readonly BoundingBox[]): string {
  return `[${boxes.map(formatBox).join(", ")}]`;
}

/**
 * "right and down", "left", or null for an object that hardly moves (less than 5 % of the frame from the first to the
 * last box).
 */
export function describeMotion(boxes: readonly BoundingBox[]): string | null {
  const first = boxes[0];
  const last = boxes.at(-1);
  if (first === undefined || last === undefined) return null;
  const dx = (last.x0 + last.x1 - first.x0 - first.x1) / 2;
  const dy = (last.y0 + last.y1 - first.y0 - first.y1) / 2;
  const words: string[] = [];
  if (Math.abs(dx) >= 0.05) words.push(dx > 0 ? "right" : "left");
  if (Math.abs(dy) >= 0.05) words.push(dy > 0 ? "down" : "up");
  return words.length === 0 ? null : words.join(" and ");
}

/** Within [0, 1] in steps of 0.01, and at least one step wide: a thin box must not become one without area. */
function printableSide(from: number, to: number): [number, number] {
  const low = Math.min(99, Math.max(0, Math.round(from * 100)));
  const high = Math.min(100, Math.max(low + 1, Math.round(to * 100)));
  return [low / 100, high / 100];
}

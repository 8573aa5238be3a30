import type { BoundingBox } from "../../../src/protocol/tasks.ts";
import { dragBox, grabBox } from "../edit/drag.ts";
import type { BoxPart } from "../edit/drag.ts";
import { nearestIndex } from "../geometry.ts";
import { currentTimeSec, shownCompletion } from "../state.ts";
import type { ViewerState } from "../state.ts";
import type { Dispatch } from "./view.ts";

/** Reach around a box's lines. */
const reachPx = 6;

interface Held {
  readonly completion: number;
  readonly index: number;
  readonly box: BoundingBox;
}
interface Drag extends Held {
  readonly part: BoxPart;
  readonly x: number;
  readonly y: number;
  readonly gesture: string;
}

/** While the what-if is open, the selected answer's box at the playhead is moved by the pointer, or sized by its lines. */
export function dragBoxes(frame: HTMLElement, shown: () => ViewerState | null, dispatch: Dispatch): void {
  let drag: Drag | null = null;
  let gestures = 0;
  const place = (event: PointerEvent) => {
    const { left, top, width, height } = frame.getBoundingClientRect();
    const reach = { x: reachPx / Math.max(1, width), y: reachPx / Math.max(1, height) };
    return { x: (event.clientX - left) / Math.max(1, width), y: (event.clientY - top) / Math.max(1, height), reach };
  };
  const partAt = (event: PointerEvent): (Held & { readonly part: BoxPart }) | null => {
    const held = heldBox(shown());
    const { x, y, reach } = place(event);
    const part = held === null ? null : grabBox(held.box, x, y, reach);
    return held === null || part === null ? null : { ...held, part };
  };
  frame.addEventListener("pointerdown", (event) => {
    const held = partAt(event);
    if (held === null || event.button !== 0) return;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    const { x, y } = place(event);
    drag = { ...held, x, y, gesture: `drag box ${++gestures}` };
  });
  frame.addEventListener("pointermove", (event) => {
    if (drag === null) {
      frame.style.cursor = cursorOf(partAt(event)?.part ?? null);
      return;
    }
    const { x, y } = place(event);
    const { completion, index, gesture } = drag;
    const box = dragBox(drag.box, drag.part, x - drag.x, y - drag.y);
    dispatch({ kind: "editBox", completion, index, box, gesture });
  });
  const end = (): void => void (drag = null);
  frame.addEventListener("pointerup", end);
  frame.addEventListener("pointercancel", end);
}

function heldBox(state: ViewerState | null): Held | null {
  const completion = state === null || !state.isEditing ? null : shownCompletion(state);
  if (state === null || completion === null) return null;
  const times = completion.boxes.map(({ timestampSec }) => timestampSec);
  const index = nearestIndex(times, currentTimeSec(state));
  const box = completion.boxes[index]?.box;
  return box === undefined ? null : { completion: completion.k, index, box };
}

function cursorOf(part: BoxPart | null): string {
  if (part === null) return "";
  if (part.x === "none") return part.y === "none" ? "move" : "ns-resize";
  if (part.y === "none") return "ew-resize";
  return part.x === part.y ? "nwse-resize" : "nesw-resize";
}

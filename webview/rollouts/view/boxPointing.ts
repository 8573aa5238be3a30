import { predictionUnder } from "../overlay.ts";
import type { OverlayShape } from "../overlay.ts";
import type { ViewerState } from "../state.ts";
import type { Dispatch } from "./view.ts";

/** A predicted box that the pointer is in marks the mentions of it in the texts. */
export function pointAtBoxes(
  frame: HTMLElement,
  drawn: () => readonly OverlayShape[],
  shown: () => ViewerState | null,
  dispatch: Dispatch,
): void {
  frame.addEventListener("pointermove", (event) => {
    if (event.buttons !== 0) return; // a box is being dragged
    const { left, top, width, height } = frame.getBoundingClientRect();
    const x = (event.clientX - left) / Math.max(1, width);
    const y = (event.clientY - top) / Math.max(1, height);
    const box = predictionUnder(drawn(), x, y);
    const current = shown()?.highlight ?? null;
    if (box === null) {
      if (current?.source === "picture") dispatch({ kind: "highlight", highlight: null });
    } else if (current?.kind !== "box" || current.box !== box) {
      dispatch({ kind: "highlight", highlight: { source: "picture", kind: "box", box } });
    }
  });
  frame.addEventListener("pointerleave", () => {
    if (shown()?.highlight?.source === "picture") dispatch({ kind: "highlight", highlight: null });
  });
}

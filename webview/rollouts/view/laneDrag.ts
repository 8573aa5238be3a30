import type { Segment } from "../../../src/protocol/tasks.ts";
import { dragSegment, grabSegment } from "../edit/drag.ts";
import type { SegmentPart } from "../edit/drag.ts";
import { shownCompletion, shownGroup } from "../state.ts";
import type { ViewerState } from "../state.ts";
import type { Dispatch } from "./view.ts";

interface Drag {
  readonly completion: number;
  readonly index: number;
  readonly segment: Segment;
  readonly part: SegmentPart;
  readonly startX: number;
  readonly secPerPx: number;
  readonly gesture: string;
}

/** While the what-if is open, the selected answer's bars are moved by the pointer: at an edge that edge, else the whole. */
export function dragBars(lanes: HTMLElement, shown: () => ViewerState | null, dispatch: Dispatch): void {
  let drag: Drag | null = null;
  let gestures = 0;
  lanes.addEventListener("pointerdown", (event) => {
    const state = shown();
    const bar = event.target instanceof Element ? event.target.closest<HTMLElement>(".bar[data-index]") : null;
    if (state === null || bar === null || !state.isEditing || event.button !== 0) return;
    drag = beginDrag(state, bar, event.clientX, `drag segment ${++gestures}`);
    if (drag !== null) lanes.setPointerCapture(event.pointerId);
  });
  lanes.addEventListener("pointermove", (event) => {
    if (drag === null) return;
    const { completion, index, gesture, part, segment } = drag;
    const deltaSec = (event.clientX - drag.startX) * drag.secPerPx;
    const state = shown();
    const durationSec = (state === null ? null : shownGroup(state))?.durationSec ?? 0;
    const moved = dragSegment(segment, part, deltaSec, durationSec);
    dispatch({ kind: "editSegment", completion, index, segment: moved, gesture });
  });
  const end = (): void => void (drag = null);
  lanes.addEventListener("pointerup", end);
  lanes.addEventListener("pointercancel", end);
}

function beginDrag(state: ViewerState, bar: HTMLElement, clientX: number, gesture: string): Drag | null {
  const completion = shownCompletion(state);
  const lane = bar.closest<HTMLElement>("[data-completion]");
  const index = Number(bar.dataset["index"]);
  const segment = completion?.segments[index];
  const isOfSelected = lane?.dataset["completion"] === String(completion?.k);
  if (completion === null || segment === undefined || !isOfSelected) return null;
  const bounds = bar.getBoundingClientRect();
  const widthPx = bar.parentElement?.getBoundingClientRect().width ?? 1;
  const part = grabSegment(clientX - bounds.left, bounds.width);
  const secPerPx = (shownGroup(state)?.durationSec ?? 0) / Math.max(1, widthPx);
  return { completion: completion.k, index, segment, part, startX: clientX, secPerPx, gesture };
}

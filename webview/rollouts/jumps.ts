import type { Segment } from "../../src/protocol/tasks.ts";
import { moveFrame } from "./actions.ts";
import { currentTimeSec, shownCompletion, shownGroup } from "./state.ts";
import type { ViewerState } from "./state.ts";
import { play, seek } from "./transitions.ts";

/** Ways through a clip that do not go frame by frame. */

/** Moves the playhead by a time; by a frame at least, since nothing else can be shown. */
export function moveTime(state: ViewerState, deltaSec: number): ViewerState {
  const before = currentTimeSec(state);
  const moved = seek(state, before + deltaSec);
  const frame = moveFrame(state, Math.sign(deltaSec));
  const isFurther = (currentTimeSec(frame) - currentTimeSec(moved)) * deltaSec > 0;
  return isFurther ? frame : moved;
}

/** The next (1) or previous (-1) start or end of a segment of the truth or the selected answer, or position of a track. */
export function moveEdge(state: ViewerState, direction: 1 | -1): ViewerState {
  const nowSec = currentTimeSec(state);
  const edges = edgesSec(state).map((timeSec) => (timeSec - nowSec) * direction);
  const distance = Math.min(...edges.filter((ahead) => ahead > 1e-3));
  return Number.isFinite(distance) ? seek(state, nowSec + direction * distance) : state;
}

/** Plays the selected answer's segment over and over, else the truth's; a second time it ends that. */
export function toggleLoop(state: ViewerState): ViewerState {
  if (state.loop !== null) return { ...state, loop: null };
  const nowSec = currentTimeSec(state);
  const group = shownGroup(state);
  const segments = [...(shownCompletion(state)?.segments ?? []), ...(group?.truthSegments ?? [])];
  const proper = segments.filter(({ startSec, endSec }) => endSec > startSec);
  const segment = proper.find(({ startSec, endSec }) => nowSec >= startSec && nowSec <= endSec) ?? proper[0];
  return segment === undefined ? state : startLoop(state, segment);
}

/** Where playing goes on after the last frame of a loop: its first frame; null when the loop holds fewer than two. */
export function loopStart(timestampsSec: readonly number[], { startSec, endSec }: Segment): number | null {
  const inside = timestampsSec.filter((timeSec) => timeSec >= startSec && timeSec <= endSec);
  return inside.length < 2 ? null : (inside[0] ?? null);
}

function startLoop(state: ViewerState, loop: Segment): ViewerState {
  const startSec = loopStart(shownGroup(state)?.timestampsSec ?? [], loop);
  if (startSec === null) return state;
  const placed = seek(state, startSec);
  return { ...play(placed, true), timeSec: startSec, loop };
}

function edgesSec(state: ViewerState): readonly number[] {
  const group = shownGroup(state);
  const segments = [...(group?.truthSegments ?? []), ...(shownCompletion(state)?.segments ?? [])];
  return [
    ...segments.flatMap(({ startSec, endSec }) => [startSec, endSec]),
    ...(group?.truthBoxes ?? []).map(({ timestampSec }) => timestampSec),
  ];
}

import { isFailedGroup } from "../../src/protocol/records.ts";
import type { RolloutLine } from "../../src/protocol/records.ts";
import type { ViewerSelection } from "../../src/protocol/view.ts";
import { reuseEqual } from "./equality.ts";
import { clamp, nearestIndex } from "./geometry.ts";
import type { RolloutPlace } from "./list/rolloutTable.ts";
import { currentFrame, frameKey, latestStep, shownGroup, shownLine } from "./state.ts";
import type { ViewerState } from "./state.ts";

/** Pure steps from one state to the next, shared by messages, controls and commands. */

/** Goes to the run's step nearest to `step`; the user's own choice ends following. */
export function selectStep(state: ViewerState, step: number): ViewerState {
  const steps = state.run?.rolloutSteps ?? [];
  const nearest = steps[nearestIndex(steps, step)];
  return nearest === undefined ? state : select(state, { step: nearest });
}

/** Whoever looks closer stays: any choice of the user ends following. */
export function select(state: ViewerState, change: Partial<ViewerSelection>): ViewerState {
  if (state.selection === null) return state;
  const { selection, loaded } = state;
  // While following, the next step may already be on its way: the choice was made on the one that is shown.
  const step = selection.following && loaded !== null ? loaded.step : selection.step;
  return withSelection(state, { ...selection, step, following: false, ...change });
}

export function selectCompletion(state: ViewerState, completion: number, timeSec?: number): ViewerState {
  const size = shownGroup(state)?.completions.length ?? 0;
  if (size === 0) return state;
  const selected = select(state, { completion: clamp(completion, 0, size - 1) });
  return timeSec === undefined ? selected : seek(selected, timeSec);
}

/** Goes to a rollout of any step; what its step has is asked for. */
export function selectPlace(state: ViewerState, place: RolloutPlace): ViewerState {
  if (state.selection === null) return state;
  return withSelection(state, { ...place, following: false });
}

export function seek(state: ViewerState, timeSec: number): ViewerState {
  const group = shownGroup(state);
  if (group === null) return state;
  const paused = select(state, {});
  return { ...paused, timeSec: clamp(timeSec, 0, group.durationSec), isPlaying: false };
}

export function follow(state: ViewerState, following: boolean): ViewerState {
  if (state.selection === null) return state;
  const step = following ? (latestStep(state.run) ?? state.selection.step) : state.selection.step;
  return withSelection(state, { ...state.selection, step, following });
}

export function play(state: ViewerState, isPlaying: boolean): ViewerState {
  const timestampsSec = shownGroup(state)?.timestampsSec ?? [];
  if (isPlaying === state.isPlaying || timestampsSec.length < 2) return state;
  if (!isPlaying) return { ...state, isPlaying: false };
  const isAtEnd = currentFrame(state) === timestampsSec.length - 1;
  const paused = select(state, {});
  return { ...paused, isPlaying: true, timeSec: timestampsSec[isAtEnd ? 0 : currentFrame(state)] ?? null };
}

export function withSelection(state: ViewerState, selection: ViewerSelection): ViewerState {
  const reused = reuseEqual(state.selection, selection);
  return reused === state.selection ? state : keepPlace(state, { ...state, selection: reused });
}

/** The playhead belongs to a video: it goes back to the start when another group is shown. */
export function keepPlace(before: ViewerState, after: ViewerState): ViewerState {
  const from = shownLine(before);
  const to = shownLine(after);
  if (from === null || from === to) return after;
  const isOtherGroup = from.step !== to?.step || from.group !== to.group;
  const reset = isOtherGroup
    ? {
        ...after,
        isPlaying: false,
        highlight: null,
        loop: null,
        isEditing: false,
        flippedReasoning: new Set<number>(),
        frames: withoutFailed(after.frames, to),
      }
    : after;
  const isSameVideo =
    to !== null && !isFailedGroup(from) && !isFailedGroup(to) && from.video?.frameSet === to.video?.frameSet;
  return isSameVideo ? reset : { ...reset, timeSec: null };
}

/** What kept a prompt's frames away may be mended by the next visit: they are asked for again. */
function withoutFailed(frames: ViewerState["frames"], line: RolloutLine | null): ViewerState["frames"] {
  const key = line === null ? "" : frameKey(line.step, line.group);
  if (typeof frames.get(key)?.reason !== "string") return frames;
  return new Map([...frames].filter(([known]) => known !== key));
}

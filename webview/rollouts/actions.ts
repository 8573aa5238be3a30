import type { ViewerAction } from "../../src/protocol/view.ts";
import { firstTimeSec } from "./groupModel.ts";
import { clamp } from "./geometry.ts";
import { currentFrame, shownCompletion, shownGroup, shownLine } from "./state.ts";
import type { ViewerState } from "./state.ts";
import { follow, play, seek, select, selectCompletion } from "./transitions.ts";

/** One row for each contributed command that acts on the page. */
const actions: Readonly<Record<ViewerAction, (state: ViewerState) => ViewerState>> = {
  nextRollout: (state) => moveCompletion(state, 1),
  previousRollout: (state) => moveCompletion(state, -1),
  nextGroup: (state) => moveGroup(state, 1),
  previousGroup: (state) => moveGroup(state, -1),
  nextStep: (state) => moveStep(state, 1),
  previousStep: (state) => moveStep(state, -1),
  followLatest: (state) => follow(state, true),
  playPause: (state) => play(state, !state.isPlaying),
  nextFrame: (state) => moveFrame(state, 1),
  previousFrame: (state) => moveFrame(state, -1),
  firstFrame: (state) => moveFrame(state, -Infinity),
  lastFrame: (state) => moveFrame(state, Infinity),
  toggleReasoning,
  seekToPredictionStart: (state) => {
    const completion = shownCompletion(state);
    return completion === null ? state : seekTo(state, firstTimeSec(completion.segments, completion.boxes));
  },
  seekToTruthStart: (state) => {
    const group = shownGroup(state);
    return group === null ? state : seekTo(state, firstTimeSec(group.truthSegments, group.truthBoxes));
  },
};

export function applyAction(state: ViewerState, action: ViewerAction): ViewerState {
  return actions[action](state);
}

/** Moves by sampled frames, to the frame's own timestamp; infinite for the first and the last. */
export function moveFrame(state: ViewerState, delta: number): ViewerState {
  const timestampsSec = shownGroup(state)?.timestampsSec ?? [];
  const timeSec = timestampsSec[clamp(currentFrame(state) + delta, 0, timestampsSec.length - 1)];
  return timeSec === undefined ? state : seek(state, timeSec);
}

export function moveGroup(state: ViewerState, delta: number): ViewerState {
  const groups = state.loaded?.groups ?? [];
  const line = shownLine(state);
  const next = groups[groups.findIndex((candidate) => candidate.group === line?.group) + delta];
  return line === null || next === undefined ? state : select(state, { group: next.group, completion: 0 });
}

export function moveStep(state: ViewerState, delta: number): ViewerState {
  const steps = state.run?.rolloutSteps ?? [];
  const next = steps[steps.indexOf(state.selection?.step ?? -1) + delta];
  return next === undefined ? state : select(state, { step: next });
}

function moveCompletion(state: ViewerState, delta: number): ViewerState {
  const completion = shownCompletion(state);
  return completion === null ? state : selectCompletion(state, completion.k + delta);
}

/** Opens all when any is folded, else folds all. */
function toggleReasoning(state: ViewerState): ViewerState {
  const isAllOpen = state.isReasoningOpen && state.flippedReasoning.size === 0;
  return { ...state, isReasoningOpen: !isAllOpen, flippedReasoning: new Set() };
}

function seekTo(state: ViewerState, timeSec: number | null): ViewerState {
  return timeSec === null ? state : seek(state, timeSec);
}

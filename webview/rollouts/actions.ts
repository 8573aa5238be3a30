import type { ViewerAction } from "../../src/protocol/view.ts";
import { neighbourStep } from "./compare/compareState.ts";
import { resetEdits, undoEdit } from "./edit/editUpdates.ts";
import { firstTimeSec } from "./groupModel.ts";
import { clamp } from "./geometry.ts";
import { moveEdge, moveTime, toggleLoop } from "./jumps.ts";
import { listedRows, selectedRow } from "./list/listRows.ts";
import { placeOf } from "./list/rolloutTable.ts";
import { currentFrame, shownCompletion, shownGroup, shownLine } from "./state.ts";
import type { ViewerState } from "./state.ts";
import { nextShading } from "./tokens/tokenState.ts";
import { comparedWith, compareStep, openCompared } from "./compare/compareUpdates.ts";
import { follow, play, seek, select, selectCompletion, selectPlace, selectStep } from "./transitions.ts";

/** Seconds of a short and a long jump. */
const shortJumpSec = 1;
const longJumpSec = 5;

/** One row for each contributed command that acts on the page. */
const actions: Readonly<Record<ViewerAction, (state: ViewerState) => ViewerState>> = {
  nextRollout: (state) => moveCompletion(state, 1),
  previousRollout: (state) => moveCompletion(state, -1),
  nextGroup: (state) => moveGroup(state, 1),
  previousGroup: (state) => moveGroup(state, -1),
  nextStep: (state) => moveStep(state, 1),
  previousStep: (state) => moveStep(state, -1),
  firstStep: (state) => selectStep(state, state.run?.rolloutSteps[0] ?? 0),
  lastStep: (state) => selectStep(state, state.run?.rolloutSteps.at(-1) ?? 0),
  followLatest: (state) => follow(state, true),
  playPause: (state) => play(state, !state.isPlaying),
  loopSegment: toggleLoop,
  nextFrame: (state) => moveFrame(state, 1),
  previousFrame: (state) => moveFrame(state, -1),
  firstFrame: (state) => moveFrame(state, -Infinity),
  lastFrame: (state) => moveFrame(state, Infinity),
  forward: (state) => moveTime(state, shortJumpSec),
  back: (state) => moveTime(state, -shortJumpSec),
  forwardFar: (state) => moveTime(state, longJumpSec),
  backFar: (state) => moveTime(state, -longJumpSec),
  nextEdge: (state) => moveEdge(state, 1),
  previousEdge: (state) => moveEdge(state, -1),
  seekToPredictionStart: (state) => {
    const completion = shownCompletion(state);
    return completion === null ? state : seekTo(state, firstTimeSec(completion.segments, completion.boxes));
  },
  seekToTruthStart: (state) => {
    const group = shownGroup(state);
    return group === null ? state : seekTo(state, firstTimeSec(group.truthSegments, group.truthBoxes));
  },
  toggleReasoning,
  toggleTokens: (state) => ({ ...state, tokens: { ...state.tokens, isOn: !state.tokens.isOn } }),
  nextShading: (state) => ({ ...state, tokens: nextShading(state.tokens) }),
  toggleBoxes: (state) => ({ ...state, areBoxesShown: !state.areBoxesShown }),
  toggleSeen: (state) => ({ ...state, isSeenOpen: !state.isSeenOpen }),
  toggleList: (state) => ({ ...state, list: { ...state.list, isOpen: !state.list.isOpen } }),
  search: ({ list, ...state }) => ({
    ...state,
    list: { ...list, isOpen: true, focusRequests: list.focusRequests + 1 },
  }),
  nextListed: (state) => moveListed(state, 1),
  previousListed: (state) => moveListed(state, -1),
  compare: (state) => openCompared(state, state.compare === null),
  nextCompared: (state) => moveCompared(state, 1),
  previousCompared: (state) => moveCompared(state, -1),
  editCompletion: (state) => (shownCompletion(state) === null ? state : { ...state, isEditing: !state.isEditing }),
  undoEdit,
  resetEdits,
  /** The host is told by `messagesOf`. */
  copyLink: (state) => state,
  showShortcuts: (state) => ({ ...state, areShortcutsShown: !state.areShortcutsShown }),
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

/** Goes to a neighbour in the list; to its first rollout from one that the list does not show. */
export function moveListed(state: ViewerState, delta: number): ViewerState {
  const { list, selection } = state;
  const rows = listedRows(list, selection);
  if (list.table === null || rows.length === 0) return state;
  const at = rows.indexOf(selectedRow(list, selection));
  const row = rows[at < 0 ? 0 : clamp(at + delta, 0, rows.length - 1)];
  const place = row === undefined ? null : placeOf(list.table, row);
  return place === null ? state : selectPlace(state, place);
}

function moveCompared(state: ViewerState, delta: number): ViewerState {
  if (state.compare === null) return state;
  const step = neighbourStep(state.compare, comparedWith(state), delta);
  return step === null ? state : compareStep(state, step);
}

/** Opens all when any is folded, else folds all. */
function toggleReasoning(state: ViewerState): ViewerState {
  const isAllOpen = state.isReasoningOpen && state.flippedReasoning.size === 0;
  return { ...state, isReasoningOpen: !isAllOpen, flippedReasoning: new Set() };
}

function seekTo(state: ViewerState, timeSec: number | null): ViewerState {
  return timeSec === null ? state : seek(state, timeSec);
}

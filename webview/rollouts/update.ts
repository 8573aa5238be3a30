import type { RolloutLine } from "../../src/protocol/records.ts";
import type { HostToViewer, RolloutCommand, ViewerRun } from "../../src/protocol/view.ts";
import type { Segment } from "../../src/protocol/tasks.ts";
import { applyAction } from "./actions.ts";
import { reuseEqual } from "./equality.ts";
import { nearestIndex } from "./geometry.ts";
import { loopStart } from "./jumps.ts";
import type { RolloutPlace } from "./list/rolloutTable.ts";
import { updatePanels } from "./panels.ts";
import type { PanelEvent } from "./panels.ts";
import { currentFrame, frameKey, latestStep, shownGroup } from "./state.ts";
import type { Highlight, ViewerState } from "./state.ts";
import {
  follow,
  keepPlace,
  play,
  seek,
  select,
  selectCompletion,
  selectPlace,
  selectStep,
  withSelection,
} from "./transitions.ts";

/** What happens to the page: messages of the host, and what the user does in it. */
export type ViewerEvent =
  | HostToViewer
  | { readonly kind: "selectStep"; readonly step: number }
  | { readonly kind: "selectGroup"; readonly group: number }
  /** With a time, the playhead goes there too. */
  | { readonly kind: "selectCompletion"; readonly completion: number; readonly timeSec?: number | undefined }
  | { readonly kind: "seek"; readonly timeSec: number }
  | { readonly kind: "follow"; readonly following: boolean }
  | { readonly kind: "play"; readonly isPlaying: boolean }
  /** The time of the shown frame is over while playing. */
  | { readonly kind: "tick" }
  | { readonly kind: "speed"; readonly speed: number }
  | { readonly kind: "foldReasoning"; readonly completion: number; readonly isOpen: boolean }
  | { readonly kind: "highlight"; readonly highlight: Highlight | null }
  | { readonly kind: "selectPlace"; readonly place: RolloutPlace }
  | PanelEvent
  /** What the host does with a rollout; the page stays as it is. */
  | { readonly kind: "rolloutCommand"; readonly command: RolloutCommand; readonly completion: number }
  | { readonly kind: "openShortcuts" };

/** The next state. Gives the same object when nothing changes. */
export function update(state: ViewerState, event: ViewerEvent): ViewerState {
  switch (event.kind) {
    case "run":
      return receiveRun(state, event.run);
    case "step":
      return receiveStep(state, event.step, event.groups);
    case "frames":
      return receiveFrames(state, frameKey(event.step, event.group), event.uris, event.reason ?? null);
    case "goTo":
      return withSelection(state, event.selection);
    case "evidence":
      return { ...state, evidence: reuseEqual(state.evidence, event.evidence) };
    case "action":
      return applyAction(state, event.action);
    case "selectStep":
      return selectStep(state, event.step);
    case "selectGroup":
      return select(state, { group: event.group, completion: 0 });
    case "selectCompletion":
      return selectCompletion(state, event.completion, event.timeSec);
    case "seek":
      return seek(state, event.timeSec);
    case "follow":
      return follow(state, event.following);
    case "play":
      return play(state, event.isPlaying);
    case "tick":
      return tick(state);
    case "speed":
      return { ...state, speed: event.speed };
    case "foldReasoning":
      return foldReasoning(state, event.completion, event.isOpen);
    case "highlight":
      return state.highlight === event.highlight ? state : { ...state, highlight: event.highlight };
    case "selectPlace":
      return selectPlace(state, event.place);
    case "rolloutCommand":
    case "openShortcuts":
      return state;
    default:
      return updatePanels(state, event);
  }
}

function tick(state: ViewerState): ViewerState {
  if (!state.isPlaying) return state;
  const timestampsSec = shownGroup(state)?.timestampsSec ?? [];
  const next = currentFrame(state) + 1;
  const timeSec = nextTimeSec(timestampsSec, next, state.loop);
  if (timeSec === undefined) return { ...state, isPlaying: false };
  return { ...state, timeSec, isPlaying: state.loop !== null || next < timestampsSec.length - 1 };
}

/** The next frame's time; that of the loop's first frame after its last. */
function nextTimeSec(timestampsSec: readonly number[], next: number, loop: Segment | null): number | undefined {
  const timeSec = timestampsSec[next];
  if (loop === null) return timeSec;
  const startSec = loopStart(timestampsSec, loop) ?? undefined;
  return timeSec === undefined || timeSec > loop.endSec ? startSec : timeSec;
}

function foldReasoning(state: ViewerState, completion: number, isOpen: boolean): ViewerState {
  const flipped = new Set(state.flippedReasoning);
  if (isOpen === state.isReasoningOpen) flipped.delete(completion);
  else flipped.add(completion);
  return flipped.size === state.flippedReasoning.size ? state : { ...state, flippedReasoning: flipped };
}

function receiveRun(state: ViewerState, received: ViewerRun): ViewerState {
  const run = reuseEqual(state.run, received);
  if (run === state.run) return state;
  const next = { ...state, run };
  const latest = latestStep(run);
  if (latest === null) return next;
  if (next.selection === null) {
    return withSelection(next, { step: latest, group: 0, completion: 0, following: run.alive });
  }
  // A run that ended stays where it is; a resume may have taken the selected step away.
  if (next.selection.following) return withSelection(next, { ...next.selection, step: latest });
  const kept = run.rolloutSteps[nearestIndex(run.rolloutSteps, next.selection.step)] ?? latest;
  return withSelection(next, { ...next.selection, step: kept });
}

function receiveStep(state: ViewerState, step: number, groups: readonly RolloutLine[]): ViewerState {
  const selection = state.selection ?? { step, group: 0, completion: 0, following: state.run?.alive ?? false };
  if (selection.step !== step) return state;
  const before = state.loaded?.step === step ? state.loaded.groups : [];
  const sorted = [...groups].sort((a, b) => a.group - b.group);
  const reused = sorted.map((line) => reuseEqual(before.find((known) => known.group === line.group) ?? null, line));
  const isSame = reused.length === before.length && reused.every((line, index) => line === before[index]);
  if (isSame && state.loaded?.step === step) return state;
  return keepPlace(state, { ...state, selection, loaded: { step, groups: reused } });
}

const maxFrameSets = 24;

function receiveFrames(state: ViewerState, key: string, uris: readonly string[], reason: string | null): ViewerState {
  const received = { uris, reason };
  const known = state.frames.get(key) ?? null;
  if (reuseEqual(known, received) === known) return state;
  const frames = new Map(state.frames);
  frames.delete(key);
  frames.set(key, received);
  const oldest = frames.keys().next().value;
  if (frames.size > maxFrameSets && oldest !== undefined) frames.delete(oldest);
  return { ...state, frames };
}

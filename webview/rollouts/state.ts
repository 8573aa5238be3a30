import { isFailedGroup } from "../../src/protocol/records.ts";
import type { GroupRecord, RolloutLine } from "../../src/protocol/records.ts";
import type { BoundingBox, Segment } from "../../src/protocol/tasks.ts";
import type { ViewerEvidence, ViewerRun, ViewerSelection } from "../../src/protocol/view.ts";
import { buildGroup } from "./groupModel.ts";
import type { CompletionView, GroupView } from "./groupModel.ts";
import { nearestIndex } from "./geometry.ts";

/** Everything the page shows follows from this value; it is replaced, never changed. */
export interface ViewerState {
  readonly run: ViewerRun | null;
  readonly selection: ViewerSelection | null;
  /** The step whose groups are at hand; another than the selected one while that is fetched. */
  readonly loaded: LoadedStep | null;
  /** By `frameKey`. */
  readonly frames: ReadonlyMap<string, FrameUris>;
  /** Playhead; null for the first frame. */
  readonly timeSec: number | null;
  readonly isPlaying: boolean;
  readonly speed: number;
  readonly isReasoningOpen: boolean;
  /** Completions (k) whose reasoning is folded otherwise than `isReasoningOpen`. */
  readonly flippedReasoning: ReadonlySet<number>;
  /** What a mention in the text points at while it is hovered or focused. */
  readonly highlight: Highlight | null;
  /** A value of a reward function that a debugger has stopped in. */
  readonly evidence: ViewerEvidence | null;
}

export interface LoadedStep {
  readonly step: number;
  readonly groups: readonly RolloutLine[];
}

export interface FrameUris {
  readonly uris: readonly string[];
  readonly reason: string | null;
}

export type Highlight =
  { readonly kind: "box"; readonly box: BoundingBox } | { readonly kind: "segment"; readonly segment: Segment };

export const speeds: readonly number[] = [0.25, 0.5, 1, 2, 4, 8];

/** What survives when the hidden page loses its document. */
export interface SavedState {
  readonly version: 1;
  readonly selection: ViewerSelection | null;
  readonly timeSec: number | null;
  readonly speed: number;
  readonly isReasoningOpen: boolean;
}

export function initialState(saved: SavedState | null): ViewerState {
  return {
    run: null,
    selection: saved?.selection ?? null,
    loaded: null,
    frames: new Map(),
    timeSec: saved?.timeSec ?? null,
    isPlaying: false,
    speed: saved?.speed ?? 1,
    isReasoningOpen: saved?.isReasoningOpen ?? true,
    flippedReasoning: new Set(),
    highlight: null,
    evidence: null,
  };
}

export function savedStateOf(state: ViewerState): SavedState {
  const { selection, timeSec, speed, isReasoningOpen } = state;
  return { version: 1, selection, timeSec, speed, isReasoningOpen };
}

/** Null for anything that this version did not write. */
export function readSavedState(value: unknown): SavedState | null {
  if (!isRecord(value) || value["version"] !== 1) return null;
  const { timeSec, speed, isReasoningOpen } = value;
  const isTime = timeSec === null || (typeof timeSec === "number" && Number.isFinite(timeSec));
  if (!isTime || typeof speed !== "number" || !speeds.includes(speed) || typeof isReasoningOpen !== "boolean")
    return null;
  return { version: 1, selection: readSelection(value["selection"]), timeSec, speed, isReasoningOpen };
}

export function frameKey(step: number, group: number): string {
  return `${step}/${group}`;
}

/** The line of the selected group, or the nearest earlier one while the step is still being written. */
export function shownLine(state: ViewerState): RolloutLine | null {
  const { loaded, selection } = state;
  if (loaded === null || selection === null || loaded.groups.length === 0) return null;
  const earlier = loaded.groups.filter((line) => line.group <= selection.group);
  return earlier.at(-1) ?? loaded.groups[0] ?? null;
}

export function shownGroup(state: ViewerState): GroupView | null {
  const line = shownLine(state);
  return line === null || isFailedGroup(line) ? null : groupViewOf(line);
}

export function shownCompletion(state: ViewerState): CompletionView | null {
  const group = shownGroup(state);
  if (group === null || state.selection === null) return null;
  return group.completions[Math.min(state.selection.completion, group.completions.length - 1)] ?? null;
}

export function shownFrames(state: ViewerState): FrameUris | null {
  const line = shownLine(state);
  return line === null ? null : (state.frames.get(frameKey(line.step, line.group)) ?? null);
}

export function currentTimeSec(state: ViewerState): number {
  return state.timeSec ?? shownGroup(state)?.timestampsSec[0] ?? 0;
}

/** The sampled frame nearest to the playhead; -1 without frames. */
export function currentFrame(state: ViewerState): number {
  const group = shownGroup(state);
  return group === null ? -1 : nearestIndex(group.timestampsSec, currentTimeSec(state));
}

export function latestStep(run: ViewerRun | null): number | null {
  return run?.rolloutSteps.at(-1) ?? null;
}

const groupViews = new WeakMap<GroupRecord, GroupView>();

function groupViewOf(record: GroupRecord): GroupView {
  const known = groupViews.get(record);
  if (known !== undefined) return known;
  const view = buildGroup(record);
  groupViews.set(record, view);
  return view;
}

function readSelection(value: unknown): ViewerSelection | null {
  if (!isRecord(value)) return null;
  const { step, group, completion, following } = value;
  if (!isIndex(step) || !isIndex(group) || !isIndex(completion) || typeof following !== "boolean") return null;
  return { step, group, completion, following };
}

function isIndex(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

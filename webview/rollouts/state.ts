import { isFailedGroup } from "../../src/protocol/records.ts";
import type { GroupRecord, RolloutLine } from "../../src/protocol/records.ts";
import type { BoundingBox, Segment } from "../../src/protocol/tasks.ts";
import type { ViewerEvidence, ViewerRun, ViewerSelection } from "../../src/protocol/view.ts";
import type { Shortcut } from "../../src/protocol/viewerQueries.ts";
import type { CompareState, Runs } from "./compare/compareState.ts";
import { editedRecord } from "./edit/editState.ts";
import type { GroupEdits } from "./edit/editState.ts";
import { buildGroup } from "./groupModel.ts";
import type { CompletionView, GroupView } from "./groupModel.ts";
import { nearestIndex } from "./geometry.ts";
import { initialList } from "./list/listState.ts";
import type { ListState } from "./list/listState.ts";
import { memoLast } from "./memo.ts";
import { initialTokens } from "./tokens/tokenState.ts";
import type { TokenState } from "./tokens/tokenState.ts";

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
  /** Playing starts over at its end; null plays to the last frame. */
  readonly loop: Segment | null;
  readonly list: ListState;
  readonly tokens: TokenState;
  /** null while nothing is compared. */
  readonly compare: CompareState | null;
  /** Runs that can be compared with; null until the host has told. */
  readonly runs: Runs | null;
  /** By `frameKey`; groups without edits have no entry. */
  readonly edits: ReadonlyMap<string, GroupEdits>;
  /** The selected completion's text can be written over. */
  readonly isEditing: boolean;
  readonly isSeenOpen: boolean;
  /** Boxes of the other completions are drawn too. */
  readonly areBoxesShown: boolean;
  /** The cheat sheet; null until the host has told. */
  readonly shortcuts: readonly Shortcut[] | null;
  readonly areShortcutsShown: boolean;
}

export interface LoadedStep {
  readonly step: number;
  readonly groups: readonly RolloutLine[];
}

export interface FrameUris {
  readonly uris: readonly string[];
  readonly reason: string | null;
}

/** `source` says where it was pointed at: a mention in the text, or a bar or box in the picture. */
export type Highlight = { readonly source: "text" | "picture" } & (
  { readonly kind: "box"; readonly box: BoundingBox } | { readonly kind: "segment"; readonly segment: Segment }
);

export const speeds: readonly number[] = [0.25, 0.5, 1, 2, 4, 8];

/** What survives when the hidden page loses its document. */
export interface SavedState {
  readonly version: 2;
  readonly selection: ViewerSelection | null;
  readonly timeSec: number | null;
  readonly speed: number;
  readonly isReasoningOpen: boolean;
  readonly shown: ShownParts;
}

/** Parts of the page that are closed until they are asked for; the boxes are drawn until they are not wanted. */
export interface ShownParts {
  readonly list: boolean;
  readonly tokens: boolean;
  readonly seen: boolean;
  readonly boxes: boolean;
}

const shownAtFirst: ShownParts = { list: false, tokens: false, seen: false, boxes: true };

export function initialState(saved: SavedState | null): ViewerState {
  const shown = saved?.shown ?? shownAtFirst;
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
    loop: null,
    list: { ...initialList, isOpen: shown.list },
    tokens: { ...initialTokens, isOn: shown.tokens },
    compare: null,
    runs: null,
    edits: new Map(),
    isEditing: false,
    isSeenOpen: shown.seen,
    areBoxesShown: shown.boxes,
    shortcuts: null,
    areShortcutsShown: false,
  };
}

export function savedStateOf(state: ViewerState): SavedState {
  const { selection, timeSec, speed, isReasoningOpen, list, tokens, isSeenOpen, areBoxesShown } = state;
  const shown = { list: list.isOpen, tokens: tokens.isOn, seen: isSeenOpen, boxes: areBoxesShown };
  return { version: 2, selection, timeSec, speed, isReasoningOpen, shown };
}

/** Null for anything that this version did not write. */
export function readSavedState(value: unknown): SavedState | null {
  if (!isRecord(value) || value["version"] !== 2) return null;
  const { timeSec, speed, isReasoningOpen } = value;
  const isTime = timeSec === null || (typeof timeSec === "number" && Number.isFinite(timeSec));
  const shown = readShown(value["shown"]);
  if (!isTime || typeof speed !== "number" || !speeds.includes(speed) || typeof isReasoningOpen !== "boolean")
    return null;
  if (shown === null) return null;
  return { version: 2, selection: readSelection(value["selection"]), timeSec, speed, isReasoningOpen, shown };
}

function readShown(value: unknown): ShownParts | null {
  if (!isRecord(value)) return null;
  const { list, tokens, seen, boxes } = value;
  const areFlags =
    typeof list === "boolean" && typeof tokens === "boolean" && typeof seen === "boolean" && typeof boxes === "boolean";
  return areFlags ? { list, tokens, seen, boxes } : null;
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

/** The group as it is shown: with the user's edits, where there are any. */
export function shownGroup(state: ViewerState): GroupView | null {
  const record = recordedGroup(state);
  if (record === null) return null;
  const edits = shownEdits(state);
  return groupViewOf(edits === null ? record : withEdits(record, edits));
}

/** The group as it was recorded. */
export function recordedGroup(state: ViewerState): GroupRecord | null {
  const line = shownLine(state);
  return line === null || isFailedGroup(line) ? null : line;
}

export function shownEdits(state: ViewerState): GroupEdits | null {
  const line = shownLine(state);
  return line === null ? null : (state.edits.get(frameKey(line.step, line.group)) ?? null);
}

const withEdits = memoLast(editedRecord);

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

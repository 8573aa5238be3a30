import type { BoundingBox, Segment } from "../../../src/protocol/tasks.ts";
import type { ViewerAnswer } from "../../../src/protocol/viewerQueries.ts";
import { frameKey, recordedGroup, shownEdits, shownGroup } from "../state.ts";
import type { ViewerState } from "../state.ts";
import { select } from "../transitions.ts";
import { editedTexts, isPending, reset, undone, withEdit, withScores } from "./editState.ts";
import type { GroupEdits, TextEdit } from "./editState.ts";
import { rewriteBox, rewriteSegment } from "./rewriteAnswer.ts";

/** What the user does to a completion. A gesture is one step back however many events it has. */
export type EditEvent = { readonly completion: number; readonly gesture: string } & (
  | { readonly kind: "editText"; readonly text: string }
  /** `index` counts the segments or boxes of the answer. */
  | { readonly kind: "editSegment"; readonly index: number; readonly segment: Segment }
  | { readonly kind: "editBox"; readonly index: number; readonly box: BoundingBox }
);

/** The completion with another text or answer. Nothing changes where the text has no place to write the answer to. */
export function applyEdit(state: ViewerState, event: EditEvent): ViewerState {
  const record = recordedGroup(state);
  const original = record?.completions[event.completion]?.text;
  const rewritten = rewrittenText(state, event);
  if (record === null || original === undefined || rewritten === null) return state;
  const { completion, gesture } = event;
  // Whoever edits stays, also while the run goes on.
  const stayed = select(state, {});
  return withShownEdits(stayed, withEdit(shownEdits(stayed), { completion, gesture, ...rewritten }, original));
}

export function undoEdit(state: ViewerState): ViewerState {
  const edits = shownEdits(state);
  return edits === null ? state : withShownEdits(state, undone(edits) ?? edits);
}

export function resetEdits(state: ViewerState): ViewerState {
  const edits = shownEdits(state);
  return edits === null ? state : withShownEdits(state, reset(edits));
}

export function receiveEdited(state: ViewerState, answer: Extract<ViewerAnswer, { kind: "edited" }>): ViewerState {
  const key = frameKey(answer.step, answer.group);
  const edits = state.edits.get(key);
  if (edits === undefined) return state;
  const scored = withScores(edits, answer);
  return scored === edits ? state : { ...state, edits: new Map([...state.edits, [key, scored]]) };
}

/** What the engine is to score; null while it has scored the newest texts, or there is nothing to score. */
export function unscoredEdit(state: ViewerState): {
  readonly step: number;
  readonly group: number;
  readonly version: number;
  readonly texts: readonly (string | null)[];
} | null {
  const edits = shownEdits(state);
  const record = recordedGroup(state);
  if (edits === null || record === null || !isPending(edits)) return null;
  return { step: record.step, group: record.group, version: edits.version, texts: editedTexts(edits, record) };
}

function rewrittenText(state: ViewerState, event: EditEvent): Pick<TextEdit, "text" | "preview"> | null {
  const completion = shownGroup(state)?.completions[event.completion]?.record;
  if (completion === undefined) return null;
  switch (event.kind) {
    case "editText":
      return { text: event.text, preview: null };
    case "editSegment": {
      const rewritten = rewriteSegment(completion.text, completion.parsed, event.index, event.segment);
      return rewritten === null ? null : { text: rewritten.text, preview: rewritten.parsed };
    }
    case "editBox": {
      const rewritten = rewriteBox(completion.text, completion.parsed, event.index, event.box);
      return rewritten === null ? null : { text: rewritten.text, preview: rewritten.parsed };
    }
    default:
      throw new Error(`internal: unknown edit ${JSON.stringify(event satisfies never)}`);
  }
}

function withShownEdits(state: ViewerState, edits: GroupEdits): ViewerState {
  const record = recordedGroup(state);
  if (record === null || edits === shownEdits(state)) return state;
  return { ...state, edits: new Map([...state.edits, [frameKey(record.step, record.group), edits]]) };
}

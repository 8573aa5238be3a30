import { isFailedGroup } from "../../src/protocol/records.ts";
import type { ViewerToHost } from "../../src/protocol/view.ts";
import { missingOther, missingPlaces } from "./compare/compareUpdates.ts";
import { unscoredEdit } from "./edit/editUpdates.ts";
import { isEqual } from "./equality.ts";
import { searchTask } from "./list/listState.ts";
import { frameKey, shownCompletion, shownGroup, shownLine } from "./state.ts";
import type { ViewerState } from "./state.ts";
import type { ViewerEvent } from "./update.ts";

/** What the host is asked or told because the state went from `before` to `after`. */
export function messagesFor(before: ViewerState, after: ViewerState): readonly ViewerToHost[] {
  const messages: ViewerToHost[] = [];
  if (after.selection !== null && after.selection !== before.selection) {
    messages.push({ kind: "selected", selection: after.selection });
  }
  for (const need of needs) {
    const message = need(after);
    if (message !== null && !isEqual(message, need(before))) messages.push(message);
  }
  if (searchOf(before) !== null && searchOf(after) === null) messages.push({ kind: "stopSearch" });
  return messages;
}

/** What the host is asked for as soon as the page is there: what was open when its document was thrown away. */
export function messagesAtStart(state: ViewerState): readonly ViewerToHost[] {
  return needs.flatMap((need) => need(state) ?? []);
}

/** What the host is asked because of an event alone: the page stays as it is. */
export function messagesOf(event: ViewerEvent, state: ViewerState): readonly ViewerToHost[] {
  if (event.kind === "openShortcuts") return [{ kind: "openShortcuts" }];
  if (event.kind === "rolloutCommand") {
    const completion = shownGroup(state)?.completions[event.completion];
    return completion === undefined
      ? []
      : [{ kind: "rolloutCommand", command: event.command, id: completion.record.id }];
  }
  if (event.kind !== "action" || event.action !== "copyLink") return [];
  const completion = shownCompletion(state);
  return completion === null ? [] : [{ kind: "rolloutCommand", command: "copyLink", id: completion.record.id }];
}

/** Each says what the state lacks; it is asked for once, when the state comes to lack it. */
const needs: readonly ((state: ViewerState) => ViewerToHost | null)[] = [
  ({ run, selection, loaded }) => {
    if (run === null || selection === null || loaded?.step === selection.step) return null;
    return run.rolloutSteps.includes(selection.step) ? { kind: "needStep", step: selection.step } : null;
  },
  (state) => {
    const line = shownLine(state);
    if (line === null || isFailedGroup(line) || line.video === null) return null;
    const { step, group } = line;
    return state.frames.has(frameKey(step, group)) ? null : { kind: "needFrames", step, group };
  },
  ({ list: { isOpen, source, problem }, run }) => {
    if (!isOpen) return null;
    // Asked for at once, before the run is known: a long one takes both a while.
    if (source === null && problem === null) return { kind: "needIndex", steps: 0 };
    // A run that goes on has more rollouts than the list; the number of its steps tells one question from the next.
    const steps = run?.rolloutSteps.length ?? 0;
    return steps > 0 && source?.steps !== steps ? { kind: "needIndex", steps } : null;
  },
  searchOf,
  (state) => {
    const id = state.tokens.isOn ? shownCompletion(state)?.record.id : undefined;
    return id === undefined || state.tokens.known.has(id) ? null : { kind: "needTokens", id };
  },
  ({ compare, runs }) => (compare !== null && runs === null ? { kind: "needRuns" } : null),
  (state) => {
    const key = missingPlaces(state);
    return key === null ? null : { kind: "needPlaces", ...key };
  },
  (state) => {
    const place = missingOther(state);
    return place === null ? null : { kind: "needOther", ...place };
  },
  (state) => {
    const edit = unscoredEdit(state);
    return edit === null ? null : { kind: "scoreEdited", ...edit };
  },
];

/** A search begins once there is a table to mark what it finds in, and anew when the table has grown. */
function searchOf({ list }: ViewerState): Extract<ViewerToHost, { kind: "search" }> | null {
  const { isOpen, table, text } = list;
  if (!isOpen || table === null || text.pattern === "") return null;
  return { kind: "search", task: searchTask(text), rollouts: table.count, ...text };
}

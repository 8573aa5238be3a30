import type { PromptKey, ViewerAnswer } from "../../../src/protocol/viewerQueries.ts";
import { isEqual } from "../equality.ts";
import { shownLine } from "../state.ts";
import type { ViewerState } from "../state.ts";
import { openCompare, otherPlace, updateCompare, wantedKey } from "./compareState.ts";
import type { ComparedWith, CompareEvent } from "./compareState.ts";

/** The page's own side of a comparison. */
export function comparedWith(state: ViewerState): ComparedWith {
  return { runDir: state.run?.runDir ?? "", line: shownLine(state) };
}

export function openCompared(state: ViewerState, isOpen: boolean): ViewerState {
  if (state.run === null || isOpen === (state.compare !== null)) return state;
  return { ...state, compare: isOpen ? openCompare(state.run.runDir) : null };
}

export function compareStep(state: ViewerState, step: number): ViewerState {
  return receiveCompare(state, { kind: "compareStep", step });
}

/** Applies an event of the comparison, or an answer of the host that belongs to it. */
export function receiveCompare(
  state: ViewerState,
  event: CompareEvent | Extract<ViewerAnswer, { kind: "places" | "other" }>,
): ViewerState {
  if (event.kind === "compareOpen") return openCompared(state, event.isOpen);
  if (state.compare === null) return state;
  const compare = updateCompare(state.compare, event, comparedWith(state));
  return compare === state.compare ? state : { ...state, compare };
}

/** Prompt whose places the host is asked for; null while they are known. */
export function missingPlaces(state: ViewerState): PromptKey | null {
  const { compare } = state;
  if (compare === null) return null;
  const key = wantedKey(compare, comparedWith(state));
  return key === null || isEqual(key, compare.key) ? null : key;
}

/** Group of the other side that the host is asked for; null while it is known. */
export function missingOther(
  state: ViewerState,
): { readonly runDir: string; readonly step: number; readonly group: number } | null {
  const { compare } = state;
  if (compare === null) return null;
  const place = otherPlace(compare, comparedWith(state));
  if (place === null || (compare.line?.step === place.step && compare.line.group === place.group)) return null;
  return { runDir: compare.runDir, step: place.step, group: place.group };
}

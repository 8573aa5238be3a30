import type { ViewerAnswer } from "../../src/protocol/viewerQueries.ts";
import type { CompareEvent } from "./compare/compareState.ts";
import { receiveCompare } from "./compare/compareUpdates.ts";
import { applyEdit, receiveEdited } from "./edit/editUpdates.ts";
import type { EditEvent } from "./edit/editUpdates.ts";
import { reuseEqual } from "./equality.ts";
import { updateList } from "./list/listState.ts";
import type { ListEvent } from "./list/listState.ts";
import type { ViewerState } from "./state.ts";
import { updateTokens } from "./tokens/tokenState.ts";
import type { TokenEvent } from "./tokens/tokenState.ts";

/** What happens in the parts of the page that open on demand. */
export type PanelEvent =
  | ListEvent
  | TokenEvent
  | CompareEvent
  | EditEvent
  | { readonly kind: "editing"; readonly isEditing: boolean }
  | { readonly kind: "seenOpen"; readonly isOpen: boolean }
  | { readonly kind: "shortcutsShown"; readonly isShown: boolean };

export function updatePanels(state: ViewerState, event: PanelEvent | ViewerAnswer): ViewerState {
  switch (event.kind) {
    case "editText":
    case "editSegment":
    case "editBox":
      return applyEdit(state, event);
    case "edited":
      return receiveEdited(state, event);
    case "editing":
      return state.isEditing === event.isEditing ? state : { ...state, isEditing: event.isEditing };
    case "compareOpen":
    case "compareRun":
    case "compareStep":
    case "places":
    case "other":
      return receiveCompare(state, event);
    case "runs":
      return { ...state, runs: reuseEqual(state.runs, event.runs) };
    case "tokensOn":
    case "tokensShading":
    case "tokens":
      return { ...state, tokens: updateTokens(state.tokens, event) };
    case "seenOpen":
      return state.isSeenOpen === event.isOpen ? state : { ...state, isSeenOpen: event.isOpen };
    case "shortcuts":
      return { ...state, shortcuts: reuseEqual(state.shortcuts, event.shortcuts) };
    case "shortcutsShown":
      return { ...state, areShortcutsShown: event.isShown };
    default:
      return receiveList(state, event);
  }
}

function receiveList(state: ViewerState, event: Parameters<typeof updateList>[1]): ViewerState {
  const list = updateList(state.list, event);
  return list === state.list ? state : { ...state, list };
}

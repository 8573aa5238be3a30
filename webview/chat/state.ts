import type { ChatPolicy } from "../../src/protocol/chat.ts";
import type { ChatSlot, ChatToHost, ChatTurn, HostToChat } from "../../src/protocol/chatView.ts";
import { reuseEqual } from "../rollouts/equality.ts";
import { initialState as initialViewer, type ViewerState } from "../rollouts/state.ts";
import { update as updateViewer, type ViewerEvent } from "../rollouts/update.ts";
import { edited, readDraft, thinkOf, withDefaults, withExample, withFollowed, type Draft } from "./draft.ts";
import { followedAnswer, isOver, shownInput, turnRecord } from "./turnGroup.ts";

/** Everything that the page shows. */
export interface ChatState {
  readonly slots: readonly ChatSlot[];
  /** Oldest first. */
  readonly turns: readonly ChatTurn[];
  /** The question whose answers are shown; null: the newest. */
  readonly shownId: number | null;
  readonly draft: Draft;
  /** The answers that are shown, for the views of the rollout viewer: a question is a step of one group. */
  readonly viewer: ViewerState;
}

export type ChatEvent =
  | HostToChat
  | { readonly kind: "edit"; readonly change: Partial<Draft> }
  | { readonly kind: "showTurn"; readonly id: number }
  /** The next question goes on from this answer of the question that is shown. */
  | { readonly kind: "goOnFrom"; readonly completion: number }
  | { readonly kind: "viewer"; readonly event: ViewerEvent };

export interface ChatActions {
  readonly dispatch: (event: ChatEvent) => void;
  readonly post: (message: ChatToHost) => void;
}

/** What of the page is kept when its document is thrown away; the answers are kept by the host. */
export interface SavedChat {
  readonly draft: Draft;
  readonly shownId: number | null;
}

export function initialState(saved: unknown): ChatState {
  const { draft, shownId } = readSaved(saved);
  return { slots: [], turns: [], shownId, draft, viewer: initialViewer(null) };
}

export function savedStateOf({ draft, shownId }: ChatState): SavedChat {
  return { draft, shownId };
}

/** The next state. Gives the same object when nothing changes. */
export function update(state: ChatState, event: ChatEvent): ChatState {
  switch (event.kind) {
    case "slots": {
      const slots = reuseEqual(state.slots, event.slots);
      if (slots === state.slots) return state;
      const policy = firstPolicy(slots);
      const isOther = policy !== null && policy.id !== firstPolicy(state.slots)?.id;
      return { ...state, slots, draft: isOther ? withDefaults(state.draft, policy) : state.draft };
    }
    case "turns":
      return showing({ ...state, turns: event.turns });
    case "turn":
      return receiveTurn(state, event.turn);
    case "video":
      return { ...state, draft: edited(state.draft, { video: { shown: event.video, name: event.name } }) };
    case "example":
      return { ...state, draft: withExample(state.draft, event.example, event.name, firstPolicy(state.slots)) };
    case "edit":
      return edit(state, event.change);
    case "showTurn":
      return showing({ ...state, shownId: event.id });
    case "goOnFrom":
      return goOnFrom(state, event.completion);
    case "viewer": {
      const viewer = updateViewer(state.viewer, event.event);
      return viewer === state.viewer ? state : showing({ ...state, viewer });
    }
  }
}

export function shownTurn({ turns, shownId }: ChatState): ChatTurn | null {
  return turns.find(({ id }) => id === shownId) ?? turns.at(-1) ?? null;
}

/** The turn that is being answered; null while nothing is. */
export function runningTurn({ turns }: ChatState): ChatTurn | null {
  const last = turns.at(-1);
  return last !== undefined && last.answers.some(({ state }) => !isOver(state.kind)) ? last : null;
}

export function firstPolicy(slots: readonly ChatSlot[]): ChatPolicy | null {
  const state = slots.map((slot) => slot.state).find(({ kind }) => kind === "open");
  return state?.kind === "open" ? state.policy : null;
}

function edit(state: ChatState, change: Partial<Draft>): ChatState {
  const { draft } = state;
  const task = change.task ?? draft.task;
  // Another task is asked as the specification asks it.
  const think = task !== draft.task ? { think: thinkOf(task, firstPolicy(state.slots)) } : {};
  return { ...state, draft: edited(draft, { ...think, ...change }) };
}

function goOnFrom(state: ChatState, completion: number): ChatState {
  const turn = shownTurn(state);
  const followed = turn === null ? null : followedAnswer(turn, completion);
  if (turn === null || followed === null) return state;
  const video = { shown: followed.video, name: turn.asked.videoName };
  return { ...state, draft: withFollowed(state.draft, followed.after, video) };
}

/** A new question is shown at once; one that goes on stays in the background when another is looked at. */
function receiveTurn(state: ChatState, turn: ChatTurn): ChatState {
  const at = state.turns.findIndex(({ id }) => id === turn.id);
  if (at < 0) return showing({ ...state, turns: [...state.turns, turn], shownId: null });
  const known = state.turns[at] ?? null;
  const kept = reuseEqual(known, turn);
  if (kept === known) return state;
  return showing({ ...state, turns: state.turns.map((other) => (other.id === turn.id ? kept : other)) });
}

/** Hands what is shown on to the views of the rollout viewer. */
function showing(state: ChatState): ChatState {
  const turn = shownTurn(state);
  if (turn === null) return { ...state, viewer: { ...state.viewer, loaded: null, selection: null } };
  const before = state.viewer.selection;
  const completion = before?.step === turn.id ? before.completion : 0;
  const record = turnRecord(turn, completion);
  const selection = { step: turn.id, group: 0, completion, following: false };
  const input = shownInput(turn, completion);
  const events: readonly ViewerEvent[] = [
    { kind: "goTo", selection },
    { kind: "step", step: turn.id, groups: [record] },
    ...(input === null
      ? []
      : [{ kind: "frames", step: turn.id, group: 0, uris: input.frames, reason: input.framesReason } as const]),
  ];
  return { ...state, viewer: events.reduce(updateViewer, state.viewer) };
}

function readSaved(saved: unknown): SavedChat {
  if (typeof saved !== "object" || saved === null) return { draft: readDraft(null), shownId: null };
  const { draft, shownId }: { draft?: unknown; shownId?: unknown } = saved;
  return { draft: readDraft(draft), shownId: typeof shownId === "number" ? shownId : null };
}

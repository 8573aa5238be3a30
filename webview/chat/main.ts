import "../l10n.ts";
import "./chat.css";
import type { ChatToHost, HostToChat } from "../../src/protocol/chatView.ts";
import { registerControls } from "../controls.ts";
import { acquireHost } from "../host.ts";
import { keepKeysOfControls } from "../keyboard.ts";
import { createPlayback } from "../rollouts/playback.ts";
import { createPage } from "./page.ts";
import { initialState, savedStateOf, update, type ChatEvent } from "./state.ts";

/** The chat: events go through `update`, the page shows the state; the host keeps the questions and their answers. */
function start(): void {
  registerControls();
  keepKeysOfControls(document.body);
  const host = acquireHost<HostToChat, ChatToHost>();
  let state = initialState(host.loadState());
  let isRendering = false;
  const page = createPage(document.body, { dispatch, post: (message) => host.post(message) });
  const playback = createPlayback((event) => dispatch({ kind: "viewer", event }));
  page.render(state);
  host.onDidReceive(dispatch);
  host.post({ kind: "ready" });

  function dispatch(event: ChatEvent): void {
    const before = state;
    state = update(state, event);
    if (state === before || isRendering) return;
    // Texts stream faster than anything is painted: one rendering a turn of the event loop.
    isRendering = true;
    queueMicrotask(render);
  }

  function render(): void {
    isRendering = false;
    page.render(state);
    playback.render(state.viewer);
    host.saveState(savedStateOf(state));
  }
}

start();

import "../l10n.ts";
import "./rollouts.css";
import type { HostToViewer, ViewerToHost } from "../../src/protocol/view.ts";
import { registerControls } from "../controls.ts";
import { acquireHost } from "../host.ts";
import { keepKeysOfControls } from "../keyboard.ts";
import { messagesAtStart, messagesFor, messagesOf } from "./effects.ts";
import { createIndexLoader } from "./list/loadIndex.ts";
import { createPlayback } from "./playback.ts";
import { initialState, readSavedState, savedStateOf } from "./state.ts";
import { update } from "./update.ts";
import type { ViewerEvent } from "./update.ts";
import { createPage } from "./view/page.ts";

/** The rollout viewer: events go through `update`, the page shows the state, the host is told what follows from it. */
function start(): void {
  registerControls();
  keepKeysOfControls(document.body);
  const host = acquireHost<HostToViewer, ViewerToHost>();
  let state = initialState(readSavedState(host.loadState()));
  let pending: ViewerEvent | null = null;
  const page = createPage(document.body, dispatch, (command) => host.post({ kind: "runCommand", command }));
  const playback = createPlayback(dispatch);
  const index = createIndexLoader(dispatch);
  page.render(state, null);
  host.onDidReceive(dispatch);
  host.post({ kind: "ready", selection: state.selection });
  for (const message of messagesAtStart(state)) host.post(message);

  function dispatch(event: ViewerEvent): void {
    for (const message of messagesOf(event, state)) host.post(message);
    const before = state;
    state = update(state, event);
    if (state === before) return;
    for (const message of messagesFor(before, state)) host.post(message);
    // Controls raise events while they are rendered: one rendering follows all that came together.
    if (pending === null) queueMicrotask(render);
    pending = event;
  }

  function render(): void {
    const event = pending;
    pending = null;
    page.render(state, event);
    playback.render(state);
    index.render(state);
    host.saveState(savedStateOf(state));
  }
}

start();

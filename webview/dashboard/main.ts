import "../l10n.ts";
import "./dashboard.css";
import type { DashboardToHost, HostToDashboard } from "../../src/protocol/dashboard.ts";
import { registerControls } from "../controls.ts";
import { acquireHost } from "../host.ts";
import { keepKeysOfControls } from "../keyboard.ts";
import { createPage } from "./page.ts";
import { initialState, readSaved, savedStateOf, update, type DashboardEvent } from "./state.ts";

/** The run dashboard: events go through `update`, the page shows the state. */
function start(): void {
  registerControls();
  keepKeysOfControls(document.body);
  const host = acquireHost<HostToDashboard, DashboardToHost>();
  const saved = readSaved(host.loadState());
  let state = initialState(saved);
  let isRendering = false;
  const page = createPage(document.body, { dispatch, post: (message) => host.post(message) });
  page.render(state);
  host.onDidReceive(dispatch);
  host.post({ kind: "ready", runDirs: saved.runDirs });

  function dispatch(event: DashboardEvent): void {
    const before = state;
    state = update(state, event);
    if (state === before || isRendering) return;
    // The pointer moves faster than anything is painted: one rendering a frame.
    isRendering = true;
    requestAnimationFrame(render);
  }

  function render(): void {
    isRendering = false;
    page.render(state);
    host.saveState(savedStateOf(state, saved.runDirs));
  }
}

start();

import { t } from "@vscode/l10n";
import { element, setAttribute, setHidden } from "../dom.ts";
import { createFrame } from "../rollouts/view/frame.ts";
import { createOptions } from "../rollouts/view/options.ts";
import { createStrip } from "../rollouts/view/strip.ts";
import { createTimeline } from "../rollouts/view/timeline.ts";
import { createTransport } from "../rollouts/view/transport.ts";
import { createTruthText } from "../rollouts/view/truthText.ts";
import type { Dispatch, View } from "../rollouts/view/view.ts";
import { shownGroup } from "../rollouts/state.ts";
import { createAnswers } from "./answers.ts";
import { ask, createComposer } from "./composer.ts";
import { createHistory } from "./history.ts";
import { createPolicies } from "./policies.ts";
import { runningTurn, type ChatActions, type ChatState } from "./state.ts";

/** The whole page; `render` may be called as often as anything changes. */
export function createPage(body: HTMLElement, actions: ChatActions): { render(state: ChatState): void } {
  const toViewer: Dispatch = (event) => actions.dispatch({ kind: "viewer", event });
  const policies = createPolicies(actions);
  const composer = createComposer(actions);
  const transport = createTransport(toViewer);
  const views: readonly View[] = [
    createFrame(transport.node, toViewer),
    createOptions(toViewer),
    createTruthText(),
    createStrip(toViewer),
    createTimeline(toViewer),
  ];
  const video = element(
    "div",
    { class: "seen-video" },
    views.map((view) => view.node),
  );
  const answers = createAnswers(actions, (completion) => {
    actions.dispatch({ kind: "goOnFrom", completion });
    composer.focus();
  });
  const history = createHistory(actions);
  const empty = element("p", { class: "empty", text: t("Answers are shown here, as they are written.") });
  const stage = element("section", { class: "stage", label: t("Question and video") }, [composer.node, video]);
  const rollouts = element("section", { class: "rollouts", label: t("Answers and questions") }, [
    empty,
    answers.node,
    history.node,
  ]);
  const main = element("main", { class: "body" }, [stage, rollouts]);
  body.replaceChildren(policies.node, main);
  let shown: ChatState | null = null;
  listen(body, () => shown, actions);
  return {
    render: (state) => {
      shown = state;
      policies.render(state);
      composer.render(state);
      const group = shownGroup(state.viewer);
      setHidden(video, group === null || group.record.video === null);
      transport.render(state.viewer);
      for (const view of views) view.render(state.viewer);
      setHidden(empty, state.turns.length > 0);
      answers.render(state);
      history.render(state);
      setAttribute(main, "aria-busy", String(runningTurn(state) !== null));
    },
  };
}

/** Keys of the whole page, and files that are dropped on it. */
function listen(body: HTMLElement, shown: () => ChatState | null, actions: ChatActions): void {
  body.addEventListener("keydown", (event) => {
    const state = shown();
    if (state === null) return;
    const isAsking = event.key === "Enter" && (event.ctrlKey || event.metaKey);
    const isStopping = event.key === "Escape" && runningTurn(state) !== null;
    if (!isAsking && !isStopping) return;
    event.preventDefault();
    event.stopPropagation();
    if (isAsking) ask(state, actions);
    else actions.post({ kind: "stop" });
  });
  body.addEventListener("dragover", (event) => event.preventDefault());
  body.addEventListener("drop", (event) => {
    const list = event.dataTransfer?.getData("text/uri-list") ?? "";
    const uris = list.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("#"));
    if (uris.length === 0) return;
    event.preventDefault();
    actions.post({ kind: "dropVideo", uris });
  });
}

import { t } from "@vscode/l10n";
import { isFailedGroup } from "../../../src/protocol/records.ts";
import type { RolloutLine } from "../../../src/protocol/records.ts";
import type { ViewerToHost } from "../../../src/protocol/view.ts";
import { element, setAttribute, setHidden, setText, whenChanged } from "../../dom.ts";
import { icon } from "../../icons.ts";
import { latestStep, shownCompletion, shownGroup, shownLine } from "../state.ts";
import type { ViewerState } from "../state.ts";
import type { ViewerEvent } from "../update.ts";
import { createCardMenu } from "./cardMenu.ts";
import { createCards } from "./cards.ts";
import { createCompareView } from "./compareView.ts";
import { createEditorView } from "./editorView.ts";
import { createFrame } from "./frame.ts";
import { createGroupBar } from "./groupBar.ts";
import { createHeader } from "./header.ts";
import { createOptions } from "./options.ts";
import { createListPanel } from "./listPanel.ts";
import { createSeenView } from "./seenView.ts";
import { createShortcutsView } from "./shortcutsView.ts";
import { createStrip } from "./strip.ts";
import { createTimeline } from "./timeline.ts";
import { createTokensView } from "./tokensView.ts";
import { createTransport } from "./transport.ts";
import { createTruthText } from "./truthText.ts";
import type { Dispatch, View } from "./view.ts";

export interface Page {
  /** `event` is what led to the state. */
  render(state: ViewerState, event: ViewerEvent | null): void;
}

type RunCommand = Extract<ViewerToHost, { kind: "runCommand" }>["command"];

export function createPage(root: HTMLElement, dispatch: Dispatch, runCommand: (command: RunCommand) => void): Page {
  const { views, nodes, groupBar, stage, body, cards, message } = createViews(dispatch, runCommand);
  const spoken = element("div", { class: "visually-hidden", role: "status" });
  root.append(...nodes, spoken, createCardMenu(root, dispatch));

  const renderMessage = whenChanged((line: RolloutLine | null, text: string) => {
    const nodes = messageNodes(line, text);
    message.hidden = nodes.length === 0;
    message.replaceChildren(...nodes);
  });
  return {
    render: (state, event) => {
      const isShown = shownGroup(state) !== null;
      setHidden(body, !isShown);
      setHidden(stage, !hasStage(state));
      body.classList.toggle("without-stage", !hasStage(state));
      const isStale = state.loaded !== null && state.loaded.step !== state.selection?.step;
      body.classList.toggle("stale", isStale);
      setAttribute(body, "aria-busy", String(isStale));
      for (const view of views) view.render(state);
      renderMessage(shownLine(state), isShown ? "" : emptyText(state));
      if (event === null) return;
      if (isPromptChoice(event)) showTop();
      if (!isRolloutChoice(event)) return;
      setText(spoken, shownCompletion(state)?.spoken ?? "");
      if (event.kind === "action" || cards.scrollsAlone) cards.reveal();
    },
  };

  function showTop(): void {
    cards.node.scrollTop = 0;
    groupBar.node.scrollIntoView({ block: "nearest" });
  }
}

/** The views, in the order in which they are rendered, and where they stand. */
function createViews(dispatch: Dispatch, runCommand: (command: RunCommand) => void) {
  const header = createHeader(dispatch, runCommand);
  const list = createListPanel(dispatch);
  const groupBar = createGroupBar(dispatch);
  const transport = createTransport(dispatch);
  const frame = createFrame(transport.node, dispatch);
  const inStage = [frame, createSeenView(dispatch), createOptions(dispatch), createStrip(dispatch)];
  const truthText = createTruthText();
  const timeline = createTimeline(dispatch);
  const inspectors = [createCompareView(dispatch), createEditorView(dispatch), createTokensView(dispatch)];
  const nodesOf = (views: readonly View[]): readonly HTMLElement[] => views.map((view) => view.node);
  const cards = createCards(dispatch, nodesOf(inspectors));
  const shortcuts = createShortcutsView(dispatch);
  const message = element("div", { class: "page-message" });
  const stage = element("section", { class: "stage", label: t("Video") }, nodesOf([...inStage, timeline]));
  const body = element("main", { class: "body" }, [stage, cards.node]);
  const main = element("div", { class: "main-column" }, [groupBar.node, truthText.node, message, body]);
  const columns = element("div", { class: "columns" }, [list.node, main]);
  const views: readonly View[] = [
    ...[header, list, groupBar, truthText, transport, ...inStage, timeline],
    ...[...inspectors, cards, shortcuts],
  ];
  return { views, nodes: [header.node, columns, shortcuts.node], groupBar, stage, body, cards, message };
}

/** A prompt without a video, times or options (an imported one) leaves the width to its completions. */
function hasStage(state: ViewerState): boolean {
  const group = shownGroup(state);
  return group === null || group.record.video !== null || group.hasLanes || group.options.length > 0;
}

/** Another prompt starts at its question, not where the last one was scrolled to. */
function isPromptChoice(event: ViewerEvent): boolean {
  if (event.kind === "selectGroup") return true;
  return event.kind === "action" && (event.action === "nextGroup" || event.action === "previousGroup");
}

/** The user chose another rollout: it is told to assistive technology, since the command may come from anywhere. */
function isRolloutChoice(event: ViewerEvent): boolean {
  if (event.kind === "selectCompletion") return true;
  return event.kind === "action" && (event.action === "nextRollout" || event.action === "previousRollout");
}

function messageNodes(line: RolloutLine | null, text: string): readonly HTMLElement[] {
  if (line !== null && isFailedGroup(line)) {
    const { message, where, hint, code } = line.failure;
    const details = [where, hint].filter((detail) => detail !== undefined);
    return [
      element("div", { class: "notice failed-group" }, [
        icon("error"),
        element("div", {}, [
          element("p", { text: message }),
          ...details.map((detail) => element("p", { class: "notice-detail", text: detail })),
          element("p", { class: "notice-detail", text: t("Code {0}", code) }),
        ]),
      ]),
    ];
  }
  return text === "" ? [] : [element("p", { class: "empty", text })];
}

function emptyText(state: ViewerState): string {
  if (state.run === null) return t("Waiting for the run…");
  if (latestStep(state.run) === null) {
    return state.run.alive
      ? t("No rollouts yet. The first prompt appears when its completions are sampled and scored.")
      : t("This run has no rollouts.");
  }
  if (state.loaded === null || state.loaded.step !== state.selection?.step) {
    return t("Loading step {0}…", state.selection?.step ?? "");
  }
  return t("This step has no rollouts yet.");
}

import { t } from "@vscode/l10n";
import { iconButton } from "../controls.ts";
import { element, setAttribute, setHidden, setText } from "../dom.ts";
import { formatNumber } from "../rollouts/format.ts";
import type { CompletionView, GroupView } from "../rollouts/groupModel.ts";
import type { Highlight } from "../rollouts/state.ts";
import { createCompletionBody, footNode, problemsNode, type CompletionBody } from "../rollouts/view/completionBody.ts";
import { applyTone, optionMark } from "../rollouts/view/lane.ts";
import type { Dispatch } from "../rollouts/view/view.ts";

export interface AnswerCard {
  readonly node: HTMLElement;
  render(completion: CompletionView, group: GroupView, now: AnswerNow): void;
  setSelected(isSelected: boolean): void;
  setReasoningOpen(isOpen: boolean): void;
  showHighlight(highlight: Highlight | null): void;
  focus(): void;
}

export interface AnswerNow {
  /** More of the text is to come. */
  readonly isGrowing: boolean;
  /** A further question may go on from it. */
  readonly canFollow: boolean;
}

export interface AnswerActions {
  readonly toViewer: Dispatch;
  readonly goOnFrom: (completion: number) => void;
}

/** One answer. Its node stays while the text grows, so that focus and place are kept. */
export function createAnswerCard(k: number, { toViewer: dispatch, goOnFrom }: AnswerActions): AnswerCard {
  const title = element("button", { class: "card-title" });
  const marks = element("span", { class: "answer-marks" });
  const further = iconButton("comment", t("Ask further: the next question goes on from this answer"), () =>
    goOnFrom(k),
  );
  const head = element("div", { class: "card-head" }, [title, marks, further.node]);
  const content = element("div", { class: "answer-content" });
  const caret = element("span", { class: "answer-caret", attributes: { "aria-hidden": "true" } });
  const node = element("li", { class: "card", attributes: { "data-completion": String(k) } }, [head, content, caret]);
  let body: CompletionBody | null = null;
  let shown = "";
  let isOpen = true;
  title.addEventListener("click", () => dispatch({ kind: "selectCompletion", completion: k }));
  node.addEventListener("click", (event) => {
    const isControl =
      event.target instanceof Element && event.target.closest("button, vscode-button, summary") !== null;
    const isSelectingText = document.getSelection()?.isCollapsed === false;
    if (!isControl && !isSelectingText) dispatch({ kind: "selectCompletion", completion: k });
  });
  return {
    node,
    render: (completion, group, { isGrowing, canFollow }) => {
      setHidden(caret, !isGrowing);
      further.setVisible(canFollow);
      setAttribute(node, "aria-busy", String(isGrowing));
      const { text, finishReason, parsed } = completion.record;
      const key = JSON.stringify([text, finishReason, parsed, group.durationSec, group.record.truth]);
      if (key === shown) return;
      shown = key;
      setText(title, completion.name.label);
      setAttribute(title, "aria-label", completion.spoken);
      applyTone(node, completion);
      marks.replaceChildren(...marksOf(completion));
      body = createCompletionBody(completion, group, dispatch);
      body.setReasoningOpen(isOpen);
      const isEmpty = text === "" && finishReason === null;
      content.replaceChildren(
        ...[problemsNode(completion), isEmpty ? null : body.node, footNode(completion)].filter((part) => part !== null),
      );
    },
    setSelected: (isSelected) => {
      node.classList.toggle("selected", isSelected);
      title.setAttribute("aria-pressed", String(isSelected));
    },
    setReasoningOpen: (open) => {
      isOpen = open;
      body?.setReasoningOpen(open);
    },
    showHighlight: (highlight) => body?.showHighlight(highlight),
    focus: () => title.focus(),
  };
}

/** How it compares with the truth, where that is known. */
function marksOf(completion: CompletionView): readonly HTMLElement[] {
  const { overlap, isOptionRight, record } = completion;
  const marks: HTMLElement[] = [];
  if (record.finishReason === null) return marks;
  if (isOptionRight !== null) marks.push(optionMark(completion));
  if (overlap !== null) marks.push(element("span", { text: `${overlap.name} ${formatNumber(overlap.value)}` }));
  return marks;
}

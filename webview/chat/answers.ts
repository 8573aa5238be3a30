import { t } from "@vscode/l10n";
import type { AnswerState, AskedQuestion, ChatTurn, TurnAnswer } from "../../src/protocol/chatView.ts";
import { countOf } from "../counts.ts";
import { element, setHidden, setText, whenChanged } from "../dom.ts";
import type { GroupView } from "../rollouts/groupModel.ts";
import { taskLabels } from "../rollouts/format.ts";
import { shownCompletion, shownGroup } from "../rollouts/state.ts";
import type { Dispatch } from "../rollouts/view/view.ts";
import { createAnswerCard, type AnswerActions, type AnswerCard } from "./answerCard.ts";
import { busyNotice, errorNotice } from "./notice.ts";
import { shownTurn, type ChatActions, type ChatState } from "./state.ts";
import { followedAnswer, goesOnText, isOver, policyLetter } from "./turnGroup.ts";

/** The question that is shown and its answers: a column for each policy, a card for each sample. */
export function createAnswers(
  actions: ChatActions,
  goOnFrom: AnswerActions["goOnFrom"],
): { node: HTMLElement; render(state: ChatState): void } {
  const toViewer: Dispatch = (event) => actions.dispatch({ kind: "viewer", event });
  const ofAnswers = { ...actions, toViewer, goOnFrom };
  const earlier = createEarlier();
  const question = element("h2", { class: "asked-text" });
  const about = element("p", { class: "asked-about" });
  const columns = element("div", { class: "answer-columns" });
  const prompt = createPrompt();
  const node = element("section", { class: "answers", label: t("Answers") }, [
    earlier.node,
    question,
    about,
    prompt.node,
    columns,
  ]);
  let shown: readonly Column[] = [];
  let shape = "";
  /** Columns and cards are made anew for another question only. */
  const reshape = ({ id, answers: { length: count }, asked: { samples } }: ChatTurn): void => {
    const next = `${id}/${count}/${samples}`;
    if (next === shape) return;
    shape = next;
    shown = Array.from({ length: count }, (_, i) => createColumn(i, count, samples, ofAnswers));
    columns.replaceChildren(...shown.map((column) => column.node));
  };
  columns.addEventListener("keydown", (event) => {
    const delta = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    const cards = shown.flatMap((column) => column.cards);
    const at = cards.findIndex(({ node: card }) => event.target instanceof Node && card.contains(event.target));
    const isTitle = event.target instanceof Element && event.target.classList.contains("card-title");
    if (delta === undefined || !isTitle || cards[at + delta] === undefined) return;
    event.preventDefault();
    toViewer({ kind: "selectCompletion", completion: at + delta });
    cards[at + delta]?.focus();
  });
  return {
    node,
    render: (state) => {
      const turn = shownTurn(state);
      setHidden(node, turn === null);
      if (turn === null) return;
      reshape(turn);
      const { answers, asked } = turn;
      earlier.render(asked);
      setText(question, asked.text);
      setText(about, aboutText(turn));
      prompt.render(answers);
      const group = shownGroup(state.viewer);
      shown.forEach((column, i) => {
        const answer = answers[i];
        if (answer !== undefined && group !== null) column.render(turn, answer, group, state);
      });
    },
  };
}

interface Column {
  readonly node: HTMLElement;
  readonly cards: readonly AnswerCard[];
  render(turn: ChatTurn, answer: TurnAnswer, group: GroupView, state: ChatState): void;
}

function createColumn(i: number, count: number, samples: number, actions: ChatActions & AnswerActions): Column {
  const cards = Array.from({ length: samples }, (_, j) => createAnswerCard(i * samples + j, actions));
  const name = element("span", { class: "policy-name" });
  const status = element("span", { class: "answer-state", role: "status" });
  const notice = element("div", { class: "answer-notice" });
  const letter = element("span", { class: `policy-letter policy-${policyLetter(i)}`, text: policyLetter(i) });
  const list = element(
    "ul",
    { class: "cards", label: t("Answers") },
    cards.map((card) => card.node),
  );
  const node = element("div", { class: "answer-column" }, [
    element("div", { class: "answer-head" }, [count > 1 ? letter : null, name, status]),
    notice,
    list,
  ]);
  const renderState = whenChanged((state: AnswerState) => {
    setText(status, stateText(state));
    const nodes =
      state.kind === "failed"
        ? [errorNotice(state.error)]
        : state.kind === "busy"
          ? [busyNotice(state.error, actions)]
          : [];
    notice.replaceChildren(...nodes);
  });
  return {
    node,
    cards,
    render: (turn, answer, group, { viewer }) => {
      setText(name, answer.policyName);
      renderState(answer.state);
      const hasText = answer.completions.length > 0 || answer.state.kind === "answering";
      setHidden(list, !hasText);
      const selected = shownCompletion(viewer)?.k;
      cards.forEach((card, j) => {
        const k = i * samples + j;
        const completion = group.completions[k];
        if (completion === undefined) return;
        const isGrowing = completion.record.finishReason === null && !isOver(answer.state.kind);
        card.setReasoningOpen(viewer.isReasoningOpen !== viewer.flippedReasoning.has(k));
        card.render(completion, group, { isGrowing, canFollow: followedAnswer(turn, k) !== null });
        card.setSelected(k === selected);
        card.showHighlight(viewer.highlight);
      });
    },
  };
}

function stateText(state: AnswerState): string {
  switch (state.kind) {
    case "waiting":
      return t("Waits for the first policy");
    case "waitingForRun":
      return t("Waits for {0}", state.runs.join(", "));
    case "busy":
      return t("A run uses the device");
    case "reading":
      return t("Reads the video…");
    case "answering":
      return t("Answers…");
    case "done":
      return t("Done");
    case "stopped":
      return t("Stopped");
    case "failed":
      return t("Failed");
  }
}

function aboutText({ asked }: ChatTurn): string {
  const { temperature } = asked.sampling;
  return [
    asked.videoName,
    asked.task === "free" ? t("Free question") : taskLabels[asked.task],
    ...(asked.task === "free" ? [] : [asked.think ? t("thinks first") : t("answers at once")]),
    temperature === 0 ? t("greedy") : t("temperature {0}", temperature),
  ].join(" · ");
}

/** The conversation that a question goes on with. */
function createEarlier(): { node: HTMLElement; render(asked: AskedQuestion): void } {
  const summary = element("summary", { class: "section-name" });
  const content = element("div", { class: "prompt-content" });
  const node = element("details", { class: "prompt earlier" }, [summary, content]);
  let shown: unknown = null;
  return {
    node,
    render: ({ question, after }) => {
      const exchanges = question.kind === "free" ? (question.earlier ?? []) : [];
      setHidden(node, exchanges.length === 0);
      if (shown === question) return;
      shown = question;
      setText(summary, after === undefined ? "" : goesOnText(after));
      content.replaceChildren(
        ...exchanges.flatMap(({ prompt, answer }) => [
          element("div", { class: "model-text", text: prompt }),
          element("div", { class: "model-text earlier-answer", text: answer }),
        ]),
      );
    },
  };
}

/** What each policy got: the words, and the frames by their number and size. */
function createPrompt(): { node: HTMLElement; render(answers: readonly TurnAnswer[]): void } {
  const content = element("div", { class: "prompt-content" });
  const node = element("details", { class: "prompt" }, [
    element("summary", { class: "section-name", text: t("What the policy got") }),
    content,
  ]);
  let shown = "";
  return {
    node,
    render: (answers) => {
      const got = answers.flatMap(({ input, policyName }) =>
        input === null ? [] : [{ text: `${policyName}: ${inputText(input)}`, prompt: input.prompt }],
      );
      setHidden(node, got.length === 0);
      if (JSON.stringify(got) === shown) return;
      shown = JSON.stringify(got);
      content.replaceChildren(
        ...got.flatMap(({ text, prompt }) => [
          element("p", { class: "section-size", text }),
          element("div", { class: "model-text", text: prompt }),
        ]),
      );
    },
  };
}

function inputText({ video, promptTokens }: NonNullable<TurnAnswer["input"]>): string {
  const { frameIndices, widthPx, heightPx, visualTokens } = video;
  return [
    countOf(frameIndices.length, "frame"),
    `${widthPx} × ${heightPx}`,
    countOf(visualTokens, "visualToken"),
    countOf(promptTokens, "token"),
  ].join(" · ");
}

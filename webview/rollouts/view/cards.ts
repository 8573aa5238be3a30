import { t } from "@vscode/l10n";
import { element, whenChanged } from "../../dom.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";
import type { GroupEdits } from "../edit/editState.ts";
import { shownCompletion, shownEdits, shownGroup } from "../state.ts";
import type { Highlight } from "../state.ts";
import { createCard } from "./card.ts";
import type { Card } from "./card.ts";
import type { Dispatch, View } from "./view.ts";

export interface CardsView extends View {
  /** Scrolls the selected card into sight. */
  reveal(): void;
  /** The cards scroll on their own, so revealing one moves nothing else. */
  readonly scrollsAlone: boolean;
}

/** The group's completions side by side, below what looks closer at them. */
export function createCards(dispatch: Dispatch, inspectors: readonly HTMLElement[]): CardsView {
  const list = element("ul", { class: "cards", label: t("Completions") });
  const node = element("section", { class: "rollouts", label: t("Rollouts") }, [...inspectors, list]);
  let cards: readonly Card[] = [];
  let selectedIndex = -1;

  list.addEventListener("keydown", (event) => {
    const delta = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    const isTitle = event.target instanceof Element && event.target.classList.contains("card-title");
    const next = selectedIndex + (delta ?? 0);
    const card = cards[next];
    if (delta === undefined || !isTitle || card === undefined) return;
    event.preventDefault();
    dispatch({ kind: "selectCompletion", completion: next });
    card.focus();
  });

  const renderGroup = whenChanged((group: GroupView | null) => {
    cards = group === null ? [] : group.completions.map((completion) => createCard(completion, group, dispatch));
    list.replaceChildren(...cards.map((card) => card.node));
  });
  const renderSelected = whenChanged((selected: CompletionView | null, _group: GroupView | null) => {
    selectedIndex = selected?.k ?? -1;
    cards.forEach((card, k) => card.setSelected(k === selectedIndex));
  });
  const renderFolds = whenChanged((isOpen: boolean, flipped: ReadonlySet<number>, _group: GroupView | null) =>
    cards.forEach((card, k) => card.setReasoningOpen(isOpen !== flipped.has(k))),
  );
  const renderHighlight = whenChanged((highlight: Highlight | null, _group: GroupView | null) => {
    for (const card of cards) card.showHighlight(highlight);
  });
  const renderEdits = whenChanged((edits: GroupEdits | null, _group: GroupView | null) => {
    cards.forEach((card, k) => card.node.classList.toggle("is-edited", edits?.texts.has(k) ?? false));
  });
  return {
    node,
    get scrollsAlone() {
      return getComputedStyle(node).overflowY === "auto";
    },
    reveal: () => cards[selectedIndex]?.node.scrollIntoView({ block: "nearest", inline: "nearest" }),
    render: (state) => {
      const group = shownGroup(state);
      renderGroup(group);
      renderSelected(shownCompletion(state), group);
      renderFolds(state.isReasoningOpen, state.flippedReasoning, group);
      renderHighlight(state.highlight, group);
      renderEdits(shownEdits(state), group);
    },
  };
}

import { t } from "@vscode/l10n";
import type { RewardPart } from "../../../src/protocol/records.ts";
import { element } from "../../dom.ts";
import { icon } from "../../icons.ts";
import { formatNumber, formatSigned } from "../format.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";
import type { Highlight } from "../state.ts";
import { createCompletionBody, footNode, problemsNode } from "./completionBody.ts";
import { applyTone, optionMark } from "./lane.ts";
import { menuButton } from "./cardMenu.ts";
import type { Dispatch } from "./view.ts";

export interface Card {
  readonly node: HTMLElement;
  setSelected(isSelected: boolean): void;
  setReasoningOpen(isOpen: boolean): void;
  /** Marks the mentions of what is pointed at in the picture. */
  showHighlight(highlight: Highlight | null): void;
  focus(): void;
}

/** One completion: advantage, reward and its parts, length, what went wrong, reasoning, answer. */
export function createCard(completion: CompletionView, group: GroupView, dispatch: Dispatch): Card {
  const body = createCompletionBody(completion, group, dispatch);
  const title = element("button", { class: "card-title", label: completion.spoken, text: String(completion.k + 1) });
  title.addEventListener("click", () => dispatch({ kind: "selectCompletion", completion: completion.k }));
  const node = element(
    "li",
    { class: "card", attributes: { "data-completion": String(completion.k), "data-id": completion.record.id } },
    [
      headNode(title, completion),
      rewardTable(completion, group),
      problemsNode(completion),
      body.node,
      footNode(completion),
    ],
  );
  applyTone(node, completion);
  node.addEventListener("click", (event) => {
    const isControl = event.target instanceof Element && event.target.closest("button, summary") !== null;
    const isSelectingText = document.getSelection()?.isCollapsed === false;
    if (!isControl && !isSelectingText) dispatch({ kind: "selectCompletion", completion: completion.k });
  });
  return {
    node,
    setSelected: (isSelected) => {
      node.classList.toggle("selected", isSelected);
      title.setAttribute("aria-pressed", String(isSelected));
    },
    setReasoningOpen: body.setReasoningOpen,
    showHighlight: body.showHighlight,
    focus: () => title.focus(),
  };
}

function headNode(title: HTMLElement, completion: CompletionView): HTMLElement {
  const { reward, advantage } = completion.record;
  return element("div", { class: "card-head" }, [
    title,
    element("span", { class: "advantage", title: t("Advantage") }, [
      element("span", { class: "advantage-name", text: t("Advantage") }),
      element("span", { class: "advantage-value", text: formatSigned(advantage) }),
      divergingBar(completion.strength),
    ]),
    completion.isOptionRight === null ? null : optionMark(completion),
    element("span", { class: "card-reward", title: t("Reward: weighted sum of the parts") }, [
      element("span", { class: "advantage-name", text: t("Reward") }),
      element("span", { class: "card-reward-value", text: reward === null ? "dropped" : formatNumber(reward) }),
    ]),
    menuButton(completion.k),
  ]);
}

/** From the middle to the right for a positive advantage, to the left for a negative one. */
function divergingBar(strength: number): HTMLElement {
  const fill = element("span", { class: "diverging-fill" });
  fill.style.left = `${50 + Math.min(0, 50 * strength)}%`;
  fill.style.width = `${Math.abs(50 * strength)}%`;
  return element("span", { class: "diverging", attributes: { "aria-hidden": "true" } }, [fill]);
}

function rewardTable(completion: CompletionView, group: GroupView): HTMLElement {
  return element(
    "ul",
    { class: "reward-parts", label: t("Reward parts") },
    completion.record.rewards.map((part) => rewardRow(part, group.rewardScale)),
  );
}

function rewardRow(part: RewardPart, scale: number): HTMLElement {
  const fill = element("span", { class: "reward-fill" });
  const value = part.value ?? 0;
  fill.style.width = `${Math.min(100, (100 * Math.abs(value)) / scale)}%`;
  fill.classList.toggle("negative", value < 0);
  const weight = part.weight === 1 ? "" : ` × ${formatWeight(part.weight)}`;
  const note = part.error?.message ?? part.reason;
  return element("li", { class: "reward-part", title: note ?? "" }, [
    element("span", { class: "reward-name", text: part.name }),
    element("span", { class: "reward-bar", attributes: { "aria-hidden": "true" } }, [fill]),
    element("span", {
      class: "reward-value",
      text: `${part.value === null ? "–" : formatNumber(part.value)}${weight}`,
    }),
    part.error === undefined
      ? null
      : element("span", { class: "reward-note" }, [icon("error"), element("span", { text: part.error.message })]),
  ]);
}

function formatWeight(weight: number): string {
  return String(Number(weight.toFixed(3)));
}

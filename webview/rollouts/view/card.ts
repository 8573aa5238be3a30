import { t } from "@vscode/l10n";
import { countOf } from "../../counts.ts";
import type { RewardPart } from "../../../src/protocol/records.ts";
import { element } from "../../dom.ts";
import { icon } from "../../icons.ts";
import type { CompletionSection } from "../completionText.ts";
import { formatNumber, formatSigned } from "../format.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";
import { speaksOf } from "../mentions.ts";
import type { Highlight } from "../state.ts";
import { applyTone, optionMark } from "./lane.ts";
import { menuButton } from "./cardMenu.ts";
import { linkedText } from "./linkedText.ts";
import type { MentionNode, TextContext } from "./linkedText.ts";
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
  const folds: HTMLDetailsElement[] = [];
  const mentions: MentionNode[] = [];
  const context: TextContext = { completion, group, dispatch, mentions };
  const title = element("button", { class: "card-title", label: completion.spoken, text: String(completion.k + 1) });
  title.addEventListener("click", () => dispatch({ kind: "selectCompletion", completion: completion.k }));
  const sections = completion.sections.map((section, index) => {
    if (section.kind !== "think") return sectionNode(section, index, context);
    const fold = reasoningNode(section, index, context);
    folds.push(fold);
    return fold;
  });
  const node = element(
    "li",
    { class: "card", attributes: { "data-completion": String(completion.k), "data-id": completion.record.id } },
    [
      headNode(title, completion),
      rewardTable(completion, group),
      problemsNode(completion),
      element("div", { class: "completion" }, sections.length === 0 ? [emptyNode()] : sections),
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
    setReasoningOpen: (isOpen) => {
      for (const fold of folds) if (fold.open !== isOpen) fold.open = isOpen;
    },
    showHighlight: (highlight) => {
      const pointed = highlight?.source === "picture" ? highlight : null;
      const segments = pointed?.kind === "segment" ? [pointed.segment] : [];
      const box = pointed?.kind === "box" ? pointed.box : null;
      for (const { node: mention, token } of mentions) {
        mention.classList.toggle("spoken-of", speaksOf(token, segments, box));
      }
    },
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

function problemsNode(completion: CompletionView): HTMLElement | null {
  const reasons = completion.record.rewards.flatMap((part) =>
    part.reason === undefined || part.error !== undefined ? [] : [`${part.name}: ${part.reason}`],
  );
  // The reason of a reward often repeats the parser's own: said once is enough.
  const said = completion.contradictions.map(({ explanation }) => explanation);
  const problems = [...(completion.problems.length > 0 ? completion.problems : reasons), ...said];
  if (problems.length === 0) return null;
  return element(
    "ul",
    { class: "problems", label: t("Problems") },
    problems.map((problem) =>
      element("li", { class: "problem" }, [icon("warning"), element("span", { text: problem })]),
    ),
  );
}

function reasoningNode(section: CompletionSection, index: number, context: TextContext): HTMLDetailsElement {
  const words = section.text.split(/\s+/).filter((word) => word !== "").length;
  const size = section.isClosed ? countOf(words, "word") : t("{0}, not closed", countOf(words, "word"));
  const summary = element("summary", { class: "section-name" }, [
    element("span", { text: t("Reasoning") }),
    element("span", { class: "section-size", text: size }),
  ]);
  const text = element("div", { class: "reasoning model-text" }, linkedText(index, context));
  const fold = element("details", { class: "section section-think" }, [summary, text]);
  fold.addEventListener("toggle", () => {
    // A long text scrolls within its card; the keyboard must reach what overflows.
    if (text.scrollHeight > text.clientHeight + 1) text.tabIndex = 0;
    context.dispatch({ kind: "foldReasoning", completion: context.completion.k, isOpen: fold.open });
  });
  return fold;
}

const sectionNames = { answer: t("Answer"), glue: t("Segments"), text: t("Outside the tags") } as const;

function sectionNode(section: CompletionSection, index: number, context: TextContext): HTMLElement {
  const kind = section.kind === "think" ? "text" : section.kind;
  const name = element("div", { class: "section-name" }, [
    element("span", { text: sectionNames[kind] }),
    section.isClosed ? null : element("span", { class: "section-size", text: t("not closed") }),
  ]);
  const children = section.text === "" ? ["(empty)"] : linkedText(index, context);
  return element("div", { class: `section section-${kind}` }, [
    name,
    element("div", { class: `model-text ${section.text === "" ? "is-empty" : ""}` }, children),
  ]);
}

function emptyNode(): HTMLElement {
  return element("div", { class: "model-text is-empty", text: t("(empty completion)") });
}

function footNode(completion: CompletionView): HTMLElement {
  const { tokenCount, finishReason, meanKl, meanEntropy } = completion.record;
  const cut = element("span", { class: "cut", title: t("Stopped by the length limit, not by the end-of-text token") }, [
    icon("warning"),
    element("span", { text: t("length") }),
  ]);
  const eos = element("span", { text: "eos", title: t("Ended by the end-of-text token") });
  const end = finishReason === "length" ? cut : finishReason === "eos" ? eos : null;
  return element("div", { class: "card-foot" }, [
    end,
    tokenCount === null ? null : element("span", { text: countOf(tokenCount, "token") }),
    meanEntropy === null
      ? null
      : element("span", { text: t("entropy {0}", formatNumber(meanEntropy)), title: t("Mean entropy of the tokens") }),
    meanKl === null
      ? null
      : element("span", { text: `KL ${formatNumber(meanKl, 3)}`, title: t("Mean KL to the reference") }),
  ]);
}

function formatWeight(weight: number): string {
  return String(Number(weight.toFixed(3)));
}

import { t } from "@vscode/l10n";
import { countOf } from "../../counts.ts";
import { element, setHidden } from "../../dom.ts";
import { icon } from "../../icons.ts";
import type { CompletionSection } from "../completionText.ts";
import { formatNumber } from "../format.ts";
import type { CompletionView, GroupView } from "../groupModel.ts";
import { speaksOf } from "../mentions.ts";
import type { Highlight } from "../state.ts";
import { linkedText } from "./linkedText.ts";
import type { MentionNode, TextContext } from "./linkedText.ts";
import type { Dispatch } from "./view.ts";

/** The text of a completion, cut at its tags: reasoning that folds, answer, segments. */
export interface CompletionBody {
  readonly node: HTMLElement;
  readonly setReasoningOpen: (isOpen: boolean) => void;
  /** Marks the mentions of what is pointed at in the picture. */
  readonly showHighlight: (highlight: Highlight | null) => void;
}

export function createCompletionBody(completion: CompletionView, group: GroupView, dispatch: Dispatch): CompletionBody {
  const folds: HTMLDetailsElement[] = [];
  const mentions: MentionNode[] = [];
  const context: TextContext = { completion, group, dispatch, mentions };
  const sections = completion.sections.map((section, index) => {
    if (section.kind !== "think") return sectionNode(section, index, context);
    const fold = reasoningNode(section, index, context);
    folds.push(fold);
    return fold;
  });
  return {
    node: element("div", { class: "completion" }, sections.length === 0 ? [emptyNode()] : sections),
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
  };
}

/** What went wrong with a completion; null where nothing did. */
export function problemsNode(completion: CompletionView): HTMLElement | null {
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
  // In a chat, a policy need not be asked for tags.
  const { completion, group } = context;
  setHidden(name, group.isNamed && completion.sections.length === 1 && kind === "text");
  const children = section.text === "" ? ["(empty)"] : linkedText(index, context);
  return element("div", { class: `section section-${kind}` }, [
    name,
    element("div", { class: `model-text ${section.text === "" ? "is-empty" : ""}` }, children),
  ]);
}

function emptyNode(): HTMLElement {
  return element("div", { class: "model-text is-empty", text: t("(empty completion)") });
}

/** How it ended and how long it is. */
export function footNode(completion: CompletionView): HTMLElement {
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

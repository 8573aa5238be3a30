import { t } from "@vscode/l10n";
import { element, whenChanged } from "../../dom.ts";
import { icon } from "../../icons.ts";
import type { CompletionView, GroupView, OptionView } from "../groupModel.ts";
import { shownGroup } from "../state.ts";
import { applyTone } from "./lane.ts";
import type { Dispatch, View } from "./view.ts";

/** The options of a question: which is right, and which completions chose which. */
export function createOptions(dispatch: Dispatch): View {
  const list = element("ul", { class: "options" });
  const node = element("section", { class: "options-area", label: t("Options") }, [list]);
  const renderGroup = whenChanged((group: GroupView | null) => {
    node.hidden = group === null || group.options.length === 0;
    if (group === null) return;
    const undecided = group.completions.filter((completion) => completion.option === null);
    list.replaceChildren(
      ...group.options.map((option) => optionRow(option, group, dispatch)),
      ...(undecided.length === 0 ? [] : [undecidedRow(undecided, dispatch)]),
    );
  });
  return { node, render: (state) => renderGroup(shownGroup(state)) };
}

function optionRow(option: OptionView, group: GroupView, dispatch: Dispatch): HTMLElement {
  const voters = option.chosenBy.map((k) => group.completions[k]).filter((completion) => completion !== undefined);
  const right = element("span", { class: "option-right" }, [icon("check"), element("span", { text: t("Truth") })]);
  return element("li", { class: option.isTruth ? "option is-truth" : "option" }, [
    element("span", { class: "option-letter", text: option.letter }),
    element("span", { class: "option-text", text: option.text }),
    option.isTruth ? right : null,
    element(
      "span",
      { class: "voters" },
      voters.map((completion) => voter(completion, dispatch)),
    ),
  ]);
}

function undecidedRow(completions: readonly CompletionView[], dispatch: Dispatch): HTMLElement {
  return element("li", { class: "option" }, [
    element("span", { class: "option-letter", text: "–" }),
    element("span", { class: "option-text", text: t("No option in the answer") }),
    element(
      "span",
      { class: "voters" },
      completions.map((completion) => voter(completion, dispatch)),
    ),
  ]);
}

function voter(completion: CompletionView, dispatch: Dispatch): HTMLElement {
  const node = element("button", { class: "voter", text: completion.name.label, label: completion.spoken });
  applyTone(node, completion);
  node.addEventListener("click", () => dispatch({ kind: "selectCompletion", completion: completion.k }));
  return node;
}

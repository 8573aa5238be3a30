import { t } from "@vscode/l10n";
import { element, whenChanged } from "../../dom.ts";
import type { GroupView } from "../groupModel.ts";
import { shownGroup } from "../state.ts";
import type { View } from "./view.ts";

/** What is right where it is a text: the label, the captions, the answer to an open question. */
export function createTruthText(): View {
  const list = element("ul", { class: "truth-texts" });
  const node = element("section", { class: "truth-area", label: t("Truth") }, [
    element("span", { class: "step-word", text: t("Truth") }),
    list,
  ]);
  const renderGroup = whenChanged((group: GroupView | null) => {
    const texts = group?.truthTexts ?? [];
    node.hidden = texts.length === 0;
    list.replaceChildren(...texts.map((text) => element("li", { class: "truth-text", text })));
  });
  return { node, render: (state) => renderGroup(shownGroup(state)) };
}

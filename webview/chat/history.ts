import { t } from "@vscode/l10n";
import type { ChatTurn } from "../../src/protocol/chatView.ts";
import { textButton } from "../controls.ts";
import { element, setHidden } from "../dom.ts";
import { runningTurn, shownTurn, type ChatActions, type ChatState } from "./state.ts";
import { goesOnText } from "./turnGroup.ts";

/** Earlier questions, the newest first; one is shown again with its answers. */
export function createHistory({ dispatch, post }: ChatActions): { node: HTMLElement; render(state: ChatState): void } {
  const list = element("ul", { class: "history-list" });
  const clear = textButton(t("Clear"), "secondary", () => post({ kind: "clear" }));
  const node = element("nav", { class: "history", label: t("Questions") }, [
    element("div", { class: "history-head" }, [
      element("h2", { class: "section-name", text: t("Questions") }),
      clear.node,
    ]),
    list,
  ]);
  const renderTurns = (turns: readonly ChatTurn[], shownId: number | undefined): void => {
    list.replaceChildren(
      ...[...turns].reverse().map((turn) => {
        const button = element("button", { class: "history-item", text: `${turn.id}. ${turn.asked.text}` });
        const { text, videoName, after } = turn.asked;
        button.title = [text, videoName, ...(after === undefined ? [] : [goesOnText(after)])].join("\n");
        button.classList.toggle("is-further", after !== undefined);
        button.setAttribute("aria-current", String(turn.id === shownId));
        button.addEventListener("click", () => dispatch({ kind: "showTurn", id: turn.id }));
        return element("li", {}, [button]);
      }),
    );
  };
  let known = "";
  return {
    node,
    render: (state) => {
      const { turns } = state;
      setHidden(node, turns.length < 2);
      clear.setEnabled(runningTurn(state) === null);
      // Answers grow many times a second; the list changes with the questions alone.
      const key = JSON.stringify([turns.map(({ id }) => id), shownTurn(state)?.id]);
      if (key === known) return;
      known = key;
      renderTurns(turns, shownTurn(state)?.id);
    },
  };
}

import { t } from "@vscode/l10n";
import type { Shortcut } from "../../../src/protocol/viewerQueries.ts";
import { iconButton, textButton } from "../../controls.ts";
import { element, whenChanged } from "../../dom.ts";
import type { Dispatch, View } from "./view.ts";

/** The cheat sheet: every command that acts on the page with its default key. */
export function createShortcutsView(dispatch: Dispatch): View {
  const close = iconButton("cross", t("Close"), () => dispatch({ kind: "shortcutsShown", isShown: false }));
  const change = textButton(t("Change keys…"), "secondary", () => dispatch({ kind: "openShortcuts" }));
  const sections = element("div", { class: "shortcut-sections", tabIndex: 0 });
  const node = element("dialog", { class: "shortcuts", label: t("Keyboard shortcuts") }, [
    element("div", { class: "panel-head" }, [
      element("h2", { class: "panel-title", text: t("Keyboard shortcuts") }),
      element("div", { class: "panel-tools" }, [change.node]),
      close.node,
    ]),
    sections,
    element("p", {
      class: "panel-hint",
      text: t("Default keys. Those that you have changed are in VS Code's Keyboard Shortcuts."),
    }),
  ]);
  node.addEventListener("close", () => dispatch({ kind: "shortcutsShown", isShown: false }));
  node.addEventListener("click", (event) => {
    if (event.target === node) node.close();
  });

  const renderShortcuts = whenChanged((shortcuts: readonly Shortcut[] | null) => {
    const names = [...new Set((shortcuts ?? []).map(({ section }) => section))];
    sections.replaceChildren(
      ...names.map((name) =>
        sectionNode(
          name,
          (shortcuts ?? []).filter(({ section }) => section === name),
        ),
      ),
    );
  });
  return {
    node,
    render: (state) => {
      renderShortcuts(state.shortcuts);
      if (state.areShortcutsShown === node.open) return;
      if (state.areShortcutsShown) node.showModal();
      else node.close();
    },
  };
}

function sectionNode(name: string, shortcuts: readonly Shortcut[]): HTMLElement {
  return element("section", { class: "shortcut-section" }, [
    element("h3", { class: "panel-title", text: name }),
    element(
      "dl",
      { class: "shortcut-rows" },
      shortcuts.flatMap(({ title, key }) => [
        element("dt", { text: title }),
        element("dd", {}, [element("kbd", { text: key })]),
      ]),
    ),
  ]);
}

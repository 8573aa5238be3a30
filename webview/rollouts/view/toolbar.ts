import { t } from "@vscode/l10n";
import type { ViewerAction } from "../../../src/protocol/view.ts";
import { iconButton } from "../../controls.ts";
import type { IconName } from "../../icons.ts";
import { element } from "../../dom.ts";
import type { ViewerState } from "../state.ts";
import type { Dispatch, View } from "./view.ts";

interface Tool {
  readonly icon: IconName;
  readonly label: string;
  readonly action: ViewerAction;
  readonly isPressed: (state: ViewerState) => boolean;
}

const tools: readonly Tool[] = [
  { icon: "list", label: t("All rollouts"), action: "toggleList", isPressed: ({ list }) => list.isOpen },
  { icon: "compare", label: t("Compare"), action: "compare", isPressed: ({ compare }) => compare !== null },
  { icon: "tokens", label: t("Tokens"), action: "toggleTokens", isPressed: ({ tokens }) => tokens.isOn },
  { icon: "edit", label: t("What if"), action: "editCompletion", isPressed: ({ isEditing }) => isEditing },
  {
    icon: "keyboard",
    label: t("Keyboard shortcuts"),
    action: "showShortcuts",
    isPressed: ({ areShortcutsShown }) => areShortcutsShown,
  },
];

/** Opens and closes what is not shown at first. */
export function createToolbar(dispatch: Dispatch): View {
  const buttons = tools.map((tool) => ({
    ...tool,
    button: iconButton(tool.icon, tool.label, () => dispatch({ kind: "action", action: tool.action })),
  }));
  const node = element("div", { class: "toolbar", role: "group", label: t("Views") }, [
    ...buttons.map(({ button }) => button.node),
  ]);
  return {
    node,
    render: (state) => {
      for (const { button, isPressed } of buttons) button.setPressed(isPressed(state));
    },
  };
}

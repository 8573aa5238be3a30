import { t } from "@vscode/l10n";
import { iconButton } from "../../controls.ts";
import { element, setText } from "../../dom.ts";

export interface Inspector {
  readonly node: HTMLElement;
  readonly tools: HTMLElement;
  readonly body: HTMLElement;
  setTitle(title: string): void;
  /** Scrolls it into sight when it opens: in a narrow panel it stands below the video. */
  setShown(isShown: boolean): void;
}

/** A closable section above the completions, for a closer look at them. */
export function createInspector(className: string, label: string, onClose: () => void): Inspector {
  const title = element("h2", { class: "panel-title", text: label });
  const tools = element("div", { class: "panel-tools" });
  const close = iconButton("cross", t("Close {0}", label.toLowerCase()), onClose);
  const body = element("div", { class: "panel-body" });
  const node = element("section", { class: `inspector ${className}`, label }, [
    element("div", { class: "panel-head" }, [title, tools, close.node]),
    body,
  ]);
  node.hidden = true;
  return {
    node,
    tools,
    body,
    setTitle: (text) => setText(title, text),
    setShown: (isShown) => {
      if (node.hidden !== isShown) return;
      node.hidden = !isShown;
      if (isShown) queueMicrotask(() => node.scrollIntoView({ block: "nearest" }));
    },
  };
}

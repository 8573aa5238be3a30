import { element, setAttribute } from "../../dom.ts";

export interface Toggle {
  readonly node: HTMLElement;
  setPressed(isPressed: boolean): void;
}

/** A small button that is on or off, as beside VS Code's search fields. */
export function createToggle(text: string, label: string, onToggle: (isPressed: boolean) => void): Toggle {
  const node = element("button", { class: "toggle", text, title: label, label });
  node.addEventListener("click", () => onToggle(node.getAttribute("aria-pressed") !== "true"));
  setAttribute(node, "aria-pressed", "false");
  return { node, setPressed: (isPressed) => setAttribute(node, "aria-pressed", String(isPressed)) };
}

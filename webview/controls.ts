import { endToolkitProbe } from "./toolkitProbe.ts"; // Must come before the toolkit.
import {
  provideVSCodeDesignSystem,
  vsCodeButton,
  vsCodeCheckbox,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeTextField,
} from "@vscode/webview-ui-toolkit";
import type { Button, Checkbox, Dropdown, Option, TextField } from "@vscode/webview-ui-toolkit";
import { setAttribute, setHidden, setText, setTitle } from "./dom.ts";
import { icon } from "./icons.ts";
import type { IconName } from "./icons.ts";

/**
 * Every control that comes from the toolkit, behind our own functions. The toolkit is no longer developed: no other
 * file imports it, so it can be replaced here.
 */
export function registerControls(): void {
  endToolkitProbe();
  provideVSCodeDesignSystem().register(
    vsCodeButton(),
    vsCodeCheckbox(),
    vsCodeDropdown(),
    vsCodeOption(),
    vsCodeTextField(),
  );
}

export interface ButtonControl {
  readonly node: HTMLElement;
  setEnabled(enabled: boolean): void;
  setVisible(visible: boolean): void;
  setLabel(label: string): void;
}

export function textButton(label: string, kind: "primary" | "secondary", onPress: () => void): ButtonControl {
  const node = create<Button>("vscode-button");
  node.setAttribute("appearance", kind);
  node.textContent = label;
  return buttonControl(node, onPress, (text) => setText(node, text));
}

export interface IconButtonControl extends ButtonControl {
  setIcon(name: IconName): void;
  /** Whether what the button opens is open. */
  setPressed(isPressed: boolean): void;
}

export function iconButton(name: IconName, label: string, onPress: () => void): IconButtonControl {
  const node = create<Button>("vscode-button");
  setLabel(label);
  node.setAttribute("appearance", "icon");
  node.append(icon(name));
  let shown = name;
  return {
    ...buttonControl(node, onPress, setLabel),
    setIcon: (next) => {
      if (next === shown) return;
      shown = next;
      node.replaceChildren(icon(next));
    },
    setPressed: (isPressed) => setAttribute(node, "aria-pressed", String(isPressed)),
  };

  function setLabel(text: string): void {
    setAttribute(node, "aria-label", text);
    setTitle(node, text);
  }
}

export interface CheckboxControl {
  readonly node: HTMLElement;
  setChecked(checked: boolean): void;
  setEnabled(enabled: boolean): void;
}

export function checkbox(label: string, title: string, onToggle: (checked: boolean) => void): CheckboxControl {
  const node = create<Checkbox>("vscode-checkbox");
  node.textContent = label;
  node.title = title;
  // The toolkit raises "change" also when the value is set from code, so the user's own change is told apart.
  let wanted = false;
  node.addEventListener("change", () => {
    if (node.checked !== wanted) onToggle(node.checked);
  });
  return {
    node,
    setChecked: (checked) => {
      wanted = checked;
      if (node.checked !== checked) node.checked = checked;
    },
    setEnabled: (enabled) => {
      if (node.disabled === enabled) node.disabled = !enabled;
    },
  };
}

export interface DropdownItem {
  readonly value: string;
  readonly label: string;
}

export interface DropdownControl {
  readonly node: HTMLElement;
  setItems(items: readonly DropdownItem[], selected: string): void;
}

/** For short lists: the toolkit builds an element for each item. */
export function dropdown(label: string, onSelect: (value: string) => void): DropdownControl {
  const node = create<Dropdown>("vscode-dropdown");
  node.setAttribute("aria-label", label);
  let items: readonly DropdownItem[] = [];
  let selected = "";
  node.addEventListener("change", () => {
    if (node.value !== selected) onSelect(node.value);
  });
  return {
    node,
    setItems: (nextItems, nextSelected) => {
      if (!sameItems(items, nextItems)) {
        items = nextItems;
        node.replaceChildren(...items.map(option));
      }
      selected = nextSelected;
      if (node.value !== nextSelected) node.value = nextSelected;
    },
  };
}

export interface NumberFieldControl {
  readonly node: HTMLElement;
  setValue(value: number | null): void;
  setEnabled(enabled: boolean): void;
}

/** The toolkit calls a field "Text field" as soon as it is in the page, whatever label it has. */
function textField(label: string): TextField {
  const node = create<TextField>("vscode-text-field");
  const keepLabel = (): void => setAttribute(node, "aria-label", label);
  new MutationObserver(keepLabel).observe(node, { attributeFilter: ["aria-label"] });
  keepLabel();
  return node;
}

/** A field that takes a number, by default a whole one, on Enter or when it is left; anything else goes back to the last value. */
export function numberField(
  label: string,
  onCommit: (value: number) => void,
  isAllowed: (value: number) => boolean = Number.isInteger,
): NumberFieldControl {
  const node = textField(label);
  node.setAttribute("inputmode", "numeric");
  let shown: number | null = null;
  node.addEventListener("change", () => {
    const value = Number(node.value.trim());
    if (node.value.trim() !== "" && isAllowed(value) && value !== shown) onCommit(value);
    node.value = shown === null ? "" : String(shown);
  });
  return {
    node,
    setValue: (value) => {
      if (value === shown) return;
      shown = value;
      node.value = value === null ? "" : String(value);
    },
    setEnabled: (enabled) => {
      if (node.disabled === enabled) node.disabled = !enabled;
    },
  };
}

export interface TextFieldControl {
  readonly node: HTMLElement;
  setValue(value: string): void;
  setEnabled(enabled: boolean): void;
  focus(): void;
}

/** A field that tells what is in it once the typing rests. */
export function searchField(label: string, placeholder: string, onType: (value: string) => void): TextFieldControl {
  const restMs = 150;
  const node = textField(label);
  node.setAttribute("placeholder", placeholder);
  let told = "";
  let timer = 0;
  const tell = (): void => {
    window.clearTimeout(timer);
    if (node.value === told) return;
    told = node.value;
    onType(told);
  };
  node.addEventListener("input", () => {
    window.clearTimeout(timer);
    timer = window.setTimeout(tell, restMs);
  });
  node.addEventListener("change", tell);
  return {
    node,
    setValue: (value) => {
      if (value === told) return;
      told = value;
      node.value = value;
    },
    setEnabled: (enabled) => {
      if (node.disabled === enabled) node.disabled = !enabled;
    },
    focus: () => node.focus(),
  };
}

function create<Control extends HTMLElement>(tag: string): Control {
  // SAFETY: registerControls has defined the tag with the toolkit's class of that name.
  return document.createElement(tag) as Control;
}

function buttonControl(node: Button, onPress: () => void, setLabel: (label: string) => void): ButtonControl {
  node.addEventListener("click", () => {
    if (!node.disabled) onPress();
  });
  return {
    node,
    setEnabled: (enabled) => {
      if (node.disabled === enabled) node.disabled = !enabled;
    },
    setVisible: (visible) => {
      setHidden(node, !visible);
    },
    setLabel,
  };
}

function option(item: DropdownItem): HTMLElement {
  const node = create<Option>("vscode-option");
  node.value = item.value;
  node.setAttribute("value", item.value);
  node.textContent = item.label;
  return node;
}

function sameItems(a: readonly DropdownItem[], b: readonly DropdownItem[]): boolean {
  return (
    a.length === b.length && a.every((item, index) => item.value === b[index]?.value && item.label === b[index].label)
  );
}

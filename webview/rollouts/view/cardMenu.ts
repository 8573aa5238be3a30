import { t } from "@vscode/l10n";
import type { RolloutCommand } from "../../../src/protocol/view.ts";
import { element } from "../../dom.ts";
import { icon } from "../../icons.ts";
import { clamp } from "../geometry.ts";
import type { ViewerEvent } from "../update.ts";
import type { Dispatch } from "./view.ts";

interface MenuItem {
  readonly label: string;
  /** What happens when it is chosen, after the rollout has been selected. */
  readonly event: (completion: number) => ViewerEvent;
}

const command = (label: string, name: RolloutCommand): MenuItem => ({
  label,
  event: (completion) => ({ kind: "rolloutCommand", command: name, completion }),
});

const items: readonly MenuItem[] = [
  command(t("Debug reward on this rollout"), "debugReward"),
  command(t("Pin as test case"), "pinCase"),
  { label: t("What if it said…"), event: () => ({ kind: "editing", isEditing: true }) },
  { label: t("Show tokens"), event: () => ({ kind: "tokensOn", isOn: true }) },
  command(t("Open as text"), "openText"),
  command(t("Compare text with…"), "compareText"),
  command(t("Copy link"), "copyLink"),
];

/** The button of a card that opens what can be done with its rollout. */
export function menuButton(completion: number): HTMLElement {
  const label = t("Actions for rollout {0}", completion + 1);
  const attributes = { "aria-haspopup": "menu", "aria-expanded": "false", "data-menu-of": String(completion) };
  return element("button", { class: "card-menu-button", label, title: label, attributes }, [icon("more")]);
}

/** One menu for all cards: it opens under the button that was pressed. Arrows choose, Escape closes. */
export function createCardMenu(root: HTMLElement, dispatch: Dispatch): HTMLElement {
  const node = element("div", {
    class: "card-menu",
    role: "menu",
    label: t("Actions"),
    attributes: { popover: "auto" },
  });
  const buttons = items.map((item) => {
    const button = element("button", { class: "card-menu-item", role: "menuitem", text: item.label, tabIndex: -1 });
    button.addEventListener("click", () => choose(item));
    return button;
  });
  node.append(...buttons);
  let opener: HTMLElement | null = null;

  root.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-menu-of]") : null;
    if (button !== null) open(button);
  });
  node.addEventListener("keydown", (event) => {
    const at = buttons.findIndex((button) => button === document.activeElement);
    const moves: Readonly<Record<string, number>> = {
      ArrowUp: at - 1,
      ArrowDown: at + 1,
      Home: 0,
      End: buttons.length - 1,
    };
    const next = moves[event.key];
    if (event.key === "Tab") close();
    if (event.key === "Escape") event.stopPropagation();
    if (next === undefined) return;
    event.preventDefault();
    buttons[clamp(next, 0, buttons.length - 1)]?.focus();
  });
  node.addEventListener("toggle", () => {
    const isOpen = node.matches(":popover-open");
    opener?.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen && (document.activeElement === document.body || node.contains(document.activeElement))) opener?.focus();
  });
  return node;

  function open(button: HTMLElement): void {
    opener = button;
    node.showPopover();
    const { bottom, top, right } = button.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = node;
    const isBelow = bottom + height <= window.innerHeight;
    node.style.top = `${isBelow ? bottom : Math.max(0, top - height)}px`;
    node.style.left = `${clamp(right - width, 0, window.innerWidth - width)}px`;
    buttons[0]?.focus();
  }

  function close(): void {
    node.hidePopover();
  }

  function choose(item: MenuItem): void {
    const completion = Number(opener?.dataset["menuOf"]);
    close();
    dispatch({ kind: "selectCompletion", completion });
    dispatch(item.event(completion));
  }
}

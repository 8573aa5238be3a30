import { t } from "@vscode/l10n";
import { maxChatPolicies, type ChatPolicy } from "../../src/protocol/chat.ts";
import type { ChatSlot } from "../../src/protocol/chatView.ts";
import { iconButton, textButton } from "../controls.ts";
import { element, whenChanged } from "../dom.ts";
import { busyNotice, errorNotice } from "./notice.ts";
import type { ChatActions, ChatState } from "./state.ts";
import { policyLetter } from "./turnGroup.ts";

/** The policies that are talked to, and what keeps one from being opened. */
export function createPolicies(actions: ChatActions): { node: HTMLElement; render(state: ChatState): void } {
  const { post } = actions;
  const list = element("ul", { class: "policies", label: t("Policies") });
  const compare = textButton(t("Compare with…"), "secondary", () => post({ kind: "choosePolicy", slot: 1 }));
  const notices = element("div", { class: "policy-notices" });
  const node = element("header", { class: "chat-header" }, [
    element("h1", { class: "visually-hidden", text: t("Chat with checkpoint") }),
    element("div", { class: "policy-row" }, [list, compare.node]),
    notices,
  ]);
  const render = whenChanged((slots: readonly ChatSlot[]) => {
    list.replaceChildren(...slots.map((slot, i) => policyItem(slot, i, slots.length, actions)));
    notices.replaceChildren(...slots.flatMap((slot, i) => noticeOf(slot, i, actions)));
    compare.setVisible(slots.length > 0 && slots.length < maxChatPolicies);
  });
  return { node, render: ({ slots }) => render(slots) };
}

function policyItem(slot: ChatSlot, i: number, count: number, { post }: ChatActions): HTMLElement {
  const { name, state } = slot;
  const change = iconButton("edit", t("Talk to another checkpoint in place of {0}", name), () =>
    post({ kind: "choosePolicy", slot: i }),
  );
  const close = iconButton("cross", t("Close {0}", name), () => post({ kind: "closePolicy", slot: i }));
  close.setVisible(count > 1);
  const open = textButton(t("Open"), "primary", () => post({ kind: "reopenPolicy", slot: i }));
  open.node.setAttribute("aria-label", t("Open {0}", name));
  return element("li", { class: "policy", title: state.kind === "open" ? aboutPolicy(state.policy) : name }, [
    count > 1 ? element("span", { class: `policy-letter policy-${policyLetter(i)}`, text: policyLetter(i) }) : null,
    element("span", { class: "policy-name", text: name }),
    element("span", { class: "policy-state", text: stateText(slot), role: "status" }),
    state.kind === "closed" ? open.node : null,
    change.node,
    close.node,
  ]);
}

function aboutPolicy({ dir, video }: ChatPolicy): string {
  const { fps, minFrames, maxFrames, maxPixels } = video;
  const frames = t(
    "{0} frames a second, {1} to {2} of them, of at most {3} pixels",
    fps,
    minFrames,
    maxFrames,
    maxPixels,
  );
  return `${dir}\n${frames}`;
}

function stateText({ state }: ChatSlot): string {
  switch (state.kind) {
    case "opening":
      return t("Opening…");
    case "open":
      return t("{0} parameters, {1}", formatCount(state.policy.parameters), state.policy.provider);
    case "busy":
      return t("Not opened yet");
    case "closed":
    case "failed":
      return t("Not open");
  }
}

function noticeOf(slot: ChatSlot, i: number, actions: ChatActions): readonly HTMLElement[] {
  const { state } = slot;
  if (state.kind === "busy") return [busyNotice(state.error, actions)];
  if (state.kind !== "failed") return [];
  const again = textButton(t("Open again"), "primary", () => actions.post({ kind: "reopenPolicy", slot: i }));
  const other = textButton(t("Choose another…"), "secondary", () => actions.post({ kind: "choosePolicy", slot: i }));
  return [errorNotice(state.error, [again.node, other.node])];
}

/** "1.2 M", "3.8 B" */
export function formatCount(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(1)} B`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(1)} M`;
  return count >= 1e3 ? `${Math.round(count / 1e3)} k` : String(count);
}

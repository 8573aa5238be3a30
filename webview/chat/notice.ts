import { t } from "@vscode/l10n";
import type { ErrorData } from "../../src/protocol/errors.ts";
import { textButton } from "../controls.ts";
import { element } from "../dom.ts";
import { icon } from "../icons.ts";
import type { ChatActions } from "./state.ts";

/** An error where it belongs, with what to do about it. */
export function errorNotice({ message, where, hint }: ErrorData, buttons: readonly HTMLElement[] = []): HTMLElement {
  const details = [where, hint].filter((detail) => detail !== undefined);
  return element("div", { class: "notice", role: "alert" }, [
    icon("error"),
    element("div", { class: "notice-text" }, [
      element("p", { text: message }),
      ...details.map((detail) => element("p", { class: "notice-detail", text: detail })),
      buttons.length === 0 ? null : element("div", { class: "notice-buttons" }, buttons),
    ]),
  ]);
}

/** A run uses the device: chat goes on beside it only if the user wants that. */
export function busyNotice({ where }: ErrorData, { post }: ChatActions): HTMLElement {
  const share = textButton(t("Share the device"), "secondary", () => post({ kind: "passBusy", how: "share" }));
  const wait = textButton(t("Wait for the run"), "primary", () => post({ kind: "passBusy", how: "wait" }));
  return element("div", { class: "notice is-question", role: "alert" }, [
    icon("warning"),
    element("div", { class: "notice-text" }, [
      element("p", { text: t("{0} is using this device.", where ?? t("A run")) }),
      element("p", { class: "notice-detail", text: t("Shared, it and the answers slow each other down.") }),
      element("div", { class: "notice-buttons" }, [wait.node, share.node]),
    ]),
  ]);
}

import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import type { CommandId } from "../commands.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import { notificationSetting, silenceNotifications } from "../setup/settings.ts";
import type { NoticeAction, RunNotice } from "./runNotice.ts";
import type { RunRegistry } from "./runRegistry.ts";
import { statusText } from "./statusText.ts";

const noticeButtons: Readonly<Record<NoticeAction, { title: string; command: CommandId }>> = {
  showRollouts: { title: t("Show Rollouts"), command: "videoRft.openRollouts" },
  showLog: { title: t("Show Log"), command: "videoRft.showRunLog" },
  resume: { title: t("Resume"), command: "videoRft.resumeRun" },
};

/** The one status bar item. */
export function createStatusItem(registry: RunRegistry): Disposable {
  const scope = new DisposableStore();
  const item = scope.add(vscode.window.createStatusBarItem("videoRft.run", vscode.StatusBarAlignment.Left, 50));
  item.name = t("RFT Run");
  const update = () => {
    const status = statusText(registry.runs);
    if (status === undefined) return item.hide();
    const command: CommandId = "videoRft.openRollouts";
    item.text = status.text;
    item.tooltip = status.tooltip;
    item.command = { command, title: t("Open Rollouts"), arguments: [{ runDir: status.runDir }] };
    item.show();
  };
  scope.add(
    registry.onEvent((event) => {
      if (event.kind === "changed") update();
    }),
  );
  update();
  return scope;
}

/** Tells when a run has ended or failed, unless the user wants no such messages. */
export async function showNotice(notice: RunNotice): Promise<void> {
  const wanted = notificationSetting();
  if (wanted === "none" || (wanted === "failures" && notice.kind === "end")) return;
  const silence = t("Don't Show Again");
  const buttons = notice.actions.map((action) => noticeButtons[action]);
  const titles = [...buttons.map((button) => button.title), silence];
  const chosen =
    notice.kind === "end"
      ? await vscode.window.showInformationMessage(notice.message, ...titles)
      : await vscode.window.showErrorMessage(notice.message, ...titles);
  if (chosen === silence) return silenceNotifications(notice.kind);
  const button = buttons.find(({ title }) => title === chosen);
  if (button !== undefined) await vscode.commands.executeCommand(button.command, { runDir: notice.runDir });
}

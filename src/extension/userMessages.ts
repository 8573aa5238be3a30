import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import { UserError, type ErrorCode } from "../protocol/errors.ts";
import { commandTable, type CommandId } from "./commands.ts";
import { thrownText } from "./errorText.ts";
import { ffmpegPath, openFfmpegSetting } from "./setup/settings.ts";

interface Remedy {
  readonly title: string;
  readonly run: () => Thenable<unknown>;
}

/** What a button of an error message does, where the error is one that a click mends. */
function remedyOf(code: ErrorCode): Remedy | undefined {
  if (code === "disconnected") return commandRemedy("videoRft.restartEngine");
  if (code === "not-trusted")
    return { title: t("Manage Trust"), run: () => vscode.commands.executeCommand("workbench.trust.manage") };
  if (code !== "no-ffmpeg") return undefined;
  // The setting is the only place that is looked at, so fetching one would not help.
  if (ffmpegPath() !== null) return { title: t("Open Setting"), run: openFfmpegSetting };
  return commandRemedy("videoRft.fetchFfmpeg");
}

/**
 * Tells the user about an error, once, with its remedy and *Show Log*. Cancelling is no error. Anything but a
 * `UserError` is a defect of ours: its stack goes to the log.
 */
export function showError(error: unknown, log: vscode.LogOutputChannel): void {
  if (UserError.is(error, "cancelled")) return;
  const text = thrownText(error);
  if (UserError.is(error)) {
    log.error(text);
    void offer(text, remedyOf(error.code), log);
    return;
  }
  log.error(error instanceof Error ? (error.stack ?? text) : text);
  void offer(text, undefined, log);
}

async function offer(message: string, remedy: Remedy | undefined, log: vscode.LogOutputChannel): Promise<void> {
  const buttons = remedy === undefined ? [] : [remedy.title];
  const chosen = await vscode.window.showErrorMessage(message, ...buttons, t("Show Log"));
  if (chosen === t("Show Log")) log.show();
  else if (chosen !== undefined) await remedy?.run();
}

function commandRemedy(id: CommandId): Remedy {
  return { title: commandTable[id].title, run: () => vscode.commands.executeCommand(id) };
}

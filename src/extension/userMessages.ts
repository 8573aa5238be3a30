import * as vscode from "vscode";
import { formatError, UserError, type ErrorCode } from "../protocol/errors.ts";
import type { CommandId } from "./commands.ts";
import { commandTable } from "./commands.ts";

/** What a button of an error message runs, where the error is one that a command mends. */
const remedies: Partial<Record<ErrorCode, CommandId>> = {
  "no-ffmpeg": "videoRft.fetchFfmpeg",
  disconnected: "videoRft.restartEngine",
};

/**
 * Tells the user about an error, once, with its remedy and *Show Log*. Cancelling is no error. Anything but a
 * `UserError` is a defect of ours: its stack goes to the log.
 */
export function showError(error: unknown, log: vscode.LogOutputChannel): void {
  if (UserError.is(error, "cancelled")) return;
  if (UserError.is(error)) {
    log.error(formatError(error.toData()));
    void offer(formatError(error.toData()), remedies[error.code]);
    return;
  }
  log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
  void offer(error instanceof Error ? error.message : String(error), undefined);
}

async function offer(message: string, remedy: CommandId | undefined): Promise<void> {
  const showLog: CommandId = "videoRft.showEngineLog";
  const buttons = remedy === undefined ? [] : [commandTable[remedy].title];
  const chosen = await vscode.window.showErrorMessage(message, ...buttons, "Show Log");
  if (chosen === undefined) return;
  await vscode.commands.executeCommand(chosen === "Show Log" || remedy === undefined ? showLog : remedy);
}

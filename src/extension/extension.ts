import "./l10n.ts";
import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import { Application } from "./application.ts";

let application: Application | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  try {
    application = new Application(context);
    await application.start();
  } catch (error) {
    // VS Code does not tell the user when an extension fails to start.
    const message = error instanceof Error ? error.message : String(error);
    void vscode.window.showErrorMessage(t("Video RFT could not start: {0}", message));
    throw error;
  }
}

export async function deactivate(): Promise<void> {
  await application?.stop();
  application = undefined;
}

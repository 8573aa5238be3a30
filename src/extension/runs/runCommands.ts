import { t } from "@vscode/l10n";
import fs from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { resumeRunProcess } from "../../protocol/messages.ts";
import { UserError } from "../../protocol/errors.ts";
import type { Engine } from "../engine/engineClient.ts";
import type { RunRegistry } from "./runRegistry.ts";
import type { TrackedRun } from "./runView.ts";
import { displayStatus, isGoingOn, isResumable, rewardText, stepText } from "./runView.ts";

/** A tree row, a notification's or the page's argument; anything else means: ask. */
export function runDirOf(argument: unknown): string | undefined {
  if (typeof argument !== "object" || argument === null || !("runDir" in argument)) return undefined;
  return typeof argument.runDir === "string" ? argument.runDir : undefined;
}

/** The run that a command is about: its argument, the only candidate, or the user's choice. */
export async function pickRun(
  registry: RunRegistry,
  options: { readonly title: string; readonly among: (run: TrackedRun) => boolean; readonly none: string },
): Promise<string | undefined> {
  // What is known is followed live; the folders are read only where that has nothing to offer.
  if (!registry.runs.some(options.among)) await registry.refresh();
  const runs = registry.runs.filter(options.among);
  const [only] = runs;
  if (only === undefined) {
    void vscode.window.showInformationMessage(options.none);
    return undefined;
  }
  if (runs.length === 1) return only.summary.runDir;
  const items = runs.map((run) => ({
    label: run.summary.name,
    description: [displayStatus(run), stepText(run), rewardText(run)].filter((part) => part !== undefined).join(" · "),
    detail: run.summary.runDir,
    runDir: run.summary.runDir,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: options.title,
    placeHolder: t("Choose a run"),
    matchOnDescription: true,
    matchOnDetail: true,
  });
  return chosen?.runDir;
}

export async function stopRun(registry: RunRegistry, argument: unknown): Promise<void> {
  const runDir =
    runDirOf(argument) ??
    (await pickRun(registry, { title: t("Stop Run"), among: isGoingOn, none: t("No run is going on.") }));
  if (runDir === undefined) return;
  const progress = { location: vscode.ProgressLocation.Window, title: t("Video RFT: stopping after this step") };
  await vscode.window.withProgress(progress, () => registry.stop(runDir));
}

/** Resumes a run and answers its folder. */
export async function resumeRun(engine: Engine, registry: RunRegistry, argument: unknown): Promise<string | undefined> {
  requireTrust(t("resume a run"));
  const none = t("There is no stopped or crashed run to resume.");
  const runDir = runDirOf(argument) ?? (await pickRun(registry, { title: t("Resume Run"), among: isResumable, none }));
  if (runDir === undefined) return undefined;
  const progress = { location: vscode.ProgressLocation.Window, title: t("Video RFT: resuming the run") };
  await vscode.window.withProgress(progress, async () => {
    await registry.untilReleased(runDir);
    await engine.request(resumeRunProcess, { runDir });
  });
  await registry.refresh();
  return runDir;
}

/** Where the command is not off already, since a handler can be called by anybody. */
export function requireTrust(what: string): void {
  if (vscode.workspace.isTrusted) return;
  throw new UserError({
    code: "not-trusted",
    message: t("This workspace is in Restricted Mode, so the extension does not {0} in it.", what),
    hint: t("Trust the workspace first (command Workspaces: Manage Workspace Trust)."),
  });
}

/** Shows the run's own log; a run that has none yet gets the engine's. */
export async function showRunLog(runDir: string, showEngineLog: () => void): Promise<void> {
  const file = path.join(runDir, "log.txt");
  const exists = await fs.access(file).then(
    () => true,
    () => false,
  );
  if (!exists) return showEngineLog();
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(file));
  const editor = await vscode.window.showTextDocument(document, { preview: true });
  const end = document.lineAt(document.lineCount - 1).range.end;
  editor.revealRange(new vscode.Range(end, end));
}

/** In the Explorer when the folder belongs to the workspace, else with the system's file manager or a new window. */
export async function openRunFolder(runDir: string): Promise<void> {
  const uri = vscode.Uri.file(runDir);
  if (vscode.workspace.getWorkspaceFolder(uri) !== undefined) {
    await vscode.commands.executeCommand("revealInExplorer", uri);
  } else if (vscode.env.remoteName === undefined) {
    await vscode.commands.executeCommand("revealFileInOS", uri);
  } else {
    await vscode.commands.executeCommand("vscode.openFolder", uri, { forceNewWindow: true });
  }
}

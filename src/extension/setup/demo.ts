import { t } from "@vscode/l10n";
import fs from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { writeSample } from "../../protocol/messages.ts";
import type { Engine } from "../engine/engineClient.ts";
import { demoIntentKey, takeableIntent, type DemoIntent } from "./demoIntent.ts";
import { withEngineProgress } from "./engineProgress.ts";

const sampleName = "moving-shapes";

export interface DemoOptions {
  readonly engine: Engine;
  readonly globalState: vscode.Memento;
  readonly demoDir: string;
  readonly startRun: (specPath: string) => Promise<void>;
}

/**
 * Makes the sample workspace where the user wants it, opens it in this window, and leaves word for the extension that
 * starts there to start its run.
 */
export async function tryDemo(options: DemoOptions): Promise<void> {
  const dir = await pickFolder(options.demoDir);
  if (dir === undefined) return;
  const specPath = await makeSample(options.engine, dir);
  if (isOpen(dir)) return options.startRun(specPath);
  const intent: DemoIntent = { kind: "startDemoRun", specPath, createdAtMs: Date.now() };
  await options.globalState.update(demoIntentKey, intent);
  await vscode.commands.executeCommand("vscode.openFolder", vscode.Uri.file(dir), { forceReuseWindow: true });
}

/** Starts the demo's run in the window that was opened for it; waits for trust where the window has none. */
export async function continueDemo(options: Omit<DemoOptions, "engine" | "demoDir">): Promise<void> {
  const folders = vscode.workspace.workspaceFolders?.map((folder) => folder.uri.fsPath) ?? [];
  const intent = takeableIntent(options.globalState.get(demoIntentKey), folders, Date.now());
  if (intent === undefined) return;
  await options.globalState.update(demoIntentKey, undefined);
  await vscode.window.showTextDocument(vscode.Uri.file(intent.specPath), { preview: false });
  if (vscode.workspace.isTrusted || (await trustGranted())) await options.startRun(intent.specPath);
}

async function trustGranted(): Promise<boolean> {
  const manage = t("Manage Trust");
  const granted = new Promise<boolean>((resolve) => {
    const subscription = vscode.workspace.onDidGrantWorkspaceTrust(() => {
      subscription.dispose();
      resolve(true);
    });
  });
  // A toast would be gone before the new window is read, and nothing would seem to happen.
  const detail = t(
    "A run executes what its folder says, so VS Code asks whether you trust it. The run starts as soon as you do.",
  );
  const chosen = await vscode.window.showInformationMessage(t("The demo is ready"), { modal: true, detail }, manage);
  if (chosen === manage) await vscode.commands.executeCommand("workbench.trust.manage");
  return granted;
}

async function pickFolder(demoDir: string): Promise<string | undefined> {
  const here = {
    label: `$(package) ${t("In the extension's storage")}`,
    detail: path.join(demoDir, sampleName),
    where: "storage",
  };
  const choose = {
    label: `$(folder-opened) ${t("In a folder of your choice…")}`,
    detail: t("A folder {0} is made in it", sampleName),
    where: "pick",
  };
  const chosen = await vscode.window.showQuickPick([here, choose], {
    title: t("Try the Demo"),
    placeHolder: t("Where to make the sample workspace"),
  });
  if (chosen === undefined) return undefined;
  if (chosen.where === "storage") return path.join(demoDir, sampleName);
  const picked = await vscode.window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    openLabel: t("Make the Sample Here"),
  });
  const parent = picked?.[0];
  return parent === undefined ? undefined : path.join(parent.fsPath, sampleName);
}

/** What is there already is kept, so a demo that was tried before is there at once. */
async function makeSample(engine: Engine, dir: string): Promise<string> {
  await fs.mkdir(dir, { recursive: true });
  const { specPath } = await withEngineProgress(
    engine,
    { task: "sample", title: t("Making the sample workspace") },
    (token) => engine.request(writeSample, { dir }, token),
  );
  return specPath;
}

function isOpen(dir: string): boolean {
  return vscode.workspace.workspaceFolders?.some((folder) => folder.uri.fsPath === dir) ?? false;
}

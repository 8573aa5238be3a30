import { t } from "@vscode/l10n";
import path from "node:path";
import * as vscode from "vscode";
import { startRunProcess } from "../../protocol/messages.ts";
import type { Engine } from "../engine/engineClient.ts";
import { requireTrust } from "../runs/runCommands.ts";
import { findSpecs } from "../runs/runFolders.ts";
import type { SpecDiagnostics } from "./specDiagnostics.ts";
import { isSpec } from "./specDiagnostics.ts";
import { problemLine } from "./specProblems.ts";

export interface StartRunServices {
  readonly engine: Engine;
  readonly diagnostics: SpecDiagnostics;
  /** Called with the folder of the run that has been started. */
  readonly started: (runDir: string) => Promise<void>;
}

/** The command: starts the run of the given, the active or a chosen specification. */
export async function startRun(services: StartRunServices, argument: unknown): Promise<void> {
  requireTrust(t("start a run"));
  const document = await pickSpec(argument);
  if (document === undefined) return;
  if (document.isDirty && !(await document.save())) return;
  const problems = await services.diagnostics.check(document);
  const errors = problems.filter((problem) => problem.severity === "error");
  const [first] = errors;
  if (first !== undefined) return sayProblems(document, errors.length, problemLine(first));
  const title = t("Video RFT: starting the run of {0}", path.basename(document.uri.fsPath));
  const { runDir } = await vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, () =>
    services.engine.request(startRunProcess, { specPath: document.uri.fsPath }),
  );
  await services.started(runDir);
}

/** The Problems panel lists problems of open documents, so the specification is opened first. */
async function sayProblems(document: vscode.TextDocument, count: number, first: string): Promise<void> {
  await vscode.window.showTextDocument(document, { preview: false });
  const name = path.basename(document.uri.fsPath);
  const message =
    count === 1
      ? t("{0} has a problem in {1}", name, first)
      : t("{0} has {1} problems. First, {2}", name, count, first);
  const show = t("Show Problems");
  void vscode.window.showErrorMessage(message, show).then((chosen) => {
    if (chosen === show) void vscode.commands.executeCommand("workbench.actions.view.problems");
  });
}

async function pickSpec(argument: unknown): Promise<vscode.TextDocument | undefined> {
  if (argument instanceof vscode.Uri) return vscode.workspace.openTextDocument(argument);
  const active = vscode.window.activeTextEditor?.document;
  if (active !== undefined && isSpec(active)) return active;
  const specs = await findSpecs();
  if (specs.length === 0) return sayNoSpec();
  const items = specs.map((uri) => {
    const label = path.basename(uri.fsPath);
    const relative = vscode.workspace.asRelativePath(uri);
    return { label, description: relative === label ? "" : relative, uri };
  });
  const chosen = await vscode.window.showQuickPick(items, {
    title: t("Start RFT Run"),
    placeHolder: t("Choose a run specification"),
    matchOnDescription: true,
  });
  return chosen === undefined ? undefined : vscode.workspace.openTextDocument(chosen.uri);
}

async function sayNoSpec(): Promise<undefined> {
  const demo = t("Try the Demo");
  const recipe = t("New Run Specification…");
  const message = t("This workspace has no run specification (a file that ends in .rft.json).");
  const chosen = await vscode.window.showInformationMessage(message, demo, recipe);
  if (chosen === demo) await vscode.commands.executeCommand("videoRft.tryDemo");
  if (chosen === recipe) await vscode.commands.executeCommand("videoRft.newSpec");
  return undefined;
}

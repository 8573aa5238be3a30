import { t } from "@vscode/l10n";
import fs from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { UserError } from "../../protocol/errors.ts";
import { editBetween, fixedText } from "../lint/specFixes.ts";
import { findSpecs } from "../runs/runFolders.ts";
import { isSpec } from "../spec/specDiagnostics.ts";
import { nameProblem, scaffoldReward, type RewardLanguage, type RewardScaffold } from "./rewardScaffold.ts";

/** Folder of new rewards, beside their specification. */
const folderName = "rewards";

/** The command: writes a reward with its types and two cases, names it in the specification, and opens it. */
export async function newReward(contractDir: string): Promise<void> {
  const spec = await pickSpec();
  if (spec === undefined) return;
  const language = await pickLanguage();
  if (language === undefined) return;
  const dir = path.join(path.dirname(spec.uri.fsPath), folderName);
  const name = await askName(dir, language);
  if (name === undefined) return;
  const scaffold = scaffoldReward(name, language);
  const edit = new vscode.WorkspaceEdit();
  await createFiles(edit, dir, scaffold, path.join(contractDir, scaffold.typesFile));
  addToSpec(edit, spec, scaffold);
  if (!(await vscode.workspace.applyEdit(edit))) throw new Error(t("The files could not be written into {0}", dir));
  await spec.save();
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(path.join(dir, scaffold.file)));
  await vscode.window.showTextDocument(document, { preview: false });
}

async function pickSpec(): Promise<vscode.TextDocument | undefined> {
  const active = vscode.window.activeTextEditor?.document;
  if (active !== undefined && isSpec(active)) return active;
  const specs = await findSpecs();
  const [first] = specs;
  if (first === undefined) {
    throw new UserError({
      code: "not-found",
      message: t("This workspace has no run specification (a file that ends in .rft.json) that could name a reward."),
      hint: t("Try the demo, or write one."),
    });
  }
  const items = specs.map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri }));
  const options = { title: t("New Reward"), placeHolder: t("Which runs is it for?") };
  const chosen = specs.length === 1 ? { uri: first } : await vscode.window.showQuickPick(items, options);
  return chosen === undefined ? undefined : vscode.workspace.openTextDocument(chosen.uri);
}

async function pickLanguage(): Promise<RewardLanguage | undefined> {
  const items: (vscode.QuickPickItem & { label: RewardLanguage })[] = [
    { label: "TypeScript", description: t("runs as it is, no build step") },
    { label: "Python", description: t("3.9 or later") },
  ];
  return (await vscode.window.showQuickPick(items, { title: t("New Reward"), placeHolder: t("Choose a language") }))
    ?.label;
}

function askName(dir: string, language: RewardLanguage): Thenable<string | undefined> {
  return vscode.window.showInputBox({
    title: t("New Reward"),
    prompt: t("Name of the function and of its file"),
    value: language === "TypeScript" ? "myReward" : "my_reward",
    validateInput: async (name) => {
      const file = path.join(dir, scaffoldReward(name, language).file);
      return nameProblem(name) ?? ((await isThere(file)) ? t("{0} is there already.", path.basename(file)) : undefined);
    },
  });
}

async function createFiles(
  edit: vscode.WorkspaceEdit,
  dir: string,
  { file, text, casesFile, cases, typesFile }: RewardScaffold,
  typesSource: string,
): Promise<void> {
  const uriOf = (name: string): vscode.Uri => vscode.Uri.file(path.join(dir, name));
  edit.createFile(uriOf(file), { contents: Buffer.from(text) });
  edit.createFile(uriOf(casesFile), { contents: Buffer.from(cases), ignoreIfExists: true });
  // It is ours, and goes with the version of the extension.
  edit.createFile(uriOf(typesFile), { contents: await fs.readFile(typesSource), overwrite: true });
}

function addToSpec(edit: vscode.WorkspaceEdit, spec: vscode.TextDocument, { row }: RewardScaffold): void {
  const value = { ...row, file: `${folderName}/${row.file}` };
  const text = spec.getText();
  const after = fixedText(text, { title: "", edits: [{ kind: "add", path: ["rewards"], value }] });
  const change = after === null ? null : editBetween(text, after);
  if (change === null) return; // a specification that cannot be read has its own problems
  edit.replace(spec.uri, new vscode.Range(spec.positionAt(change.start), spec.positionAt(change.end)), change.text);
}

async function isThere(file: string): Promise<boolean> {
  return fs.access(file).then(
    () => true,
    () => false,
  );
}

import { t } from "@vscode/l10n";
import os from "node:os";
import path from "node:path";
import * as vscode from "vscode";
import { recipes } from "./recipes.ts";

/** The command: writes a specification from a recipe where the user wants it, and opens it. Its comments say what to fill in. */
export async function newSpec(recipesDir: string): Promise<void> {
  const title = t("New Run Specification");
  const placeHolder = t("Choose a recipe; its comments say where each number comes from");
  const recipe = await vscode.window.showQuickPick([...recipes], { title, placeHolder, matchOnDetail: true });
  if (recipe === undefined) return;
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(os.homedir());
  const target = await vscode.window.showSaveDialog({
    title,
    defaultUri: vscode.Uri.joinPath(folder, recipe.file),
    filters: { [t("Run specification")]: ["json"] },
  });
  if (target === undefined) return;
  const text = await vscode.workspace.fs.readFile(vscode.Uri.file(path.join(recipesDir, recipe.file)));
  await vscode.workspace.fs.writeFile(target, text);
  await vscode.window.showTextDocument(target, { preview: false });
}

import { t } from "@vscode/l10n";
import path from "node:path";
import * as vscode from "vscode";
import { casesEnding } from "../../protocol/cases.ts";
import { makeCase } from "../../protocol/rewardMessages.ts";
import type { Engine } from "../engine/engineClient.ts";
import type { RewardTargets } from "../rewards/rewardTargets.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";

export interface PinServices {
  readonly engine: Engine;
  readonly registry: RunRegistry;
  readonly targets: RewardTargets;
}

/** Name of the file that pinned rollouts go to, beside the reward or the run's specification. */
const casesName = `rewards${casesEnding}`;

/**
 * Writes a rollout as a case with its present outcome, and selects what is expected, so that whoever pins a rollout
 * because its reward is wrong types the right one.
 */
export async function pinCase(
  { engine, registry, targets }: PinServices,
  { runDir, id, reward }: { readonly runDir: string; readonly id: string; readonly reward?: string | undefined },
): Promise<void> {
  const rewards = await targets.rewardsOf(runDir);
  const name = reward ?? (await pickReward(rewards));
  if (name === undefined) return;
  const code = rewards.find((one) => one.name === name)?.code ?? null;
  const specPath = registry.get(runDir)?.summary.specPath;
  const beside = code?.file ?? specPath ?? runDir;
  const file = path.join(path.dirname(beside), casesName);
  const { line } = await engine.request(makeCase, { runDir, id, reward: name, casesFile: file });
  await append(vscode.Uri.file(file), line);
}

async function pickReward(
  rewards: readonly { readonly name: string; readonly code: { readonly file: string } | null }[],
): Promise<string | undefined> {
  const [only] = rewards;
  if (rewards.length === 1) return only?.name;
  const items = rewards.map(({ name, code }) => ({
    label: name,
    description: code === null ? "built-in" : path.basename(code.file),
  }));
  items.sort((a, b) => Number(a.description === "built-in") - Number(b.description === "built-in"));
  const chosen = await vscode.window.showQuickPick(items, {
    title: t("Pin Rollout as Test"),
    placeHolder: t("Which reward is the case about?"),
  });
  return chosen?.label;
}

/** Adds a line through the editor, so that an open file keeps what is typed in it and the change can be undone. */
async function append(uri: vscode.Uri, line: string): Promise<void> {
  const edit = new vscode.WorkspaceEdit();
  edit.createFile(uri, { ignoreIfExists: true });
  if (!(await vscode.workspace.applyEdit(edit))) throw new Error(t("{0} could not be made", uri.fsPath));
  const document = await vscode.workspace.openTextDocument(uri);
  const end = document.lineAt(document.lineCount - 1).range.end;
  const insert = new vscode.WorkspaceEdit();
  insert.insert(uri, end, `${end.character > 0 ? "\n" : ""}${line}\n`);
  if (!(await vscode.workspace.applyEdit(insert))) throw new Error(t("{0} could not be changed", uri.fsPath));
  await document.save();
  const row = document.lineCount - 2;
  const editor = await vscode.window.showTextDocument(document, { preview: false });
  const start = document.lineAt(row).text.lastIndexOf('"expect":') + '"expect":'.length;
  editor.selection = new vscode.Selection(row, start, row, document.lineAt(row).text.length - 1);
  editor.revealRange(editor.selection);
}

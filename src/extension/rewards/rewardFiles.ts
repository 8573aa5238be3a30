import path from "node:path";
import * as vscode from "vscode";
import { getNodeValue, parseTree } from "jsonc-parser";
import { isWorkspaceReward, rewardSchema } from "../../protocol/rewardSpec.ts";
import { findSpecs } from "../runs/runFolders.ts";
import type { SpecReward } from "./rewardTargets.ts";

export const rewardLanguages: readonly string[] = ["typescript", "javascript", "python"];

export function isRewardLanguage(document: vscode.TextDocument): boolean {
  return document.uri.scheme === "file" && rewardLanguages.includes(document.languageId);
}

/** Functions that the workspace's specifications name; a specification with mistakes tells what can be read of it. */
export async function readSpecRewards(): Promise<readonly SpecReward[]> {
  const found: SpecReward[] = [];
  for (const uri of await findSpecs()) {
    const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
    for (const row of rewardRows(text)) {
      const parsed = rewardSchema.safeParse(row);
      if (!parsed.success || !isWorkspaceReward(parsed.data)) continue;
      const file = path.resolve(path.dirname(uri.fsPath), parsed.data.file);
      found.push({ specPath: uri.fsPath, reward: { ...parsed.data, file } });
    }
  }
  return found;
}

function rewardRows(text: string): readonly unknown[] {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const spec: unknown = root === undefined ? undefined : getNodeValue(root);
  if (typeof spec !== "object" || spec === null || !("rewards" in spec)) return [];
  return Array.isArray(spec.rewards) ? spec.rewards : [];
}

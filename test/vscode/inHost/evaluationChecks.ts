import fs from "node:fs";
import path from "node:path";
import * as vscode from "vscode";
import { openFolder } from "./folder.ts";
import { until } from "./until.ts";

/** Reports of evaluations. */
export const evaluationChecks: Readonly<Record<string, () => Promise<void>>> = {
  "the report of an evaluation opens": opensReport,
};

const score = { value: 0.5, low: 0.25, high: 0.75, n: 4 };
const record = { version: 3, step: 0, scores: { "choice/accuracy": score }, baselines: {}, settings: {}, examples: [] };

async function opensReport(): Promise<void> {
  const file = path.join(openFolder(), "evaluation.json");
  fs.writeFileSync(file, JSON.stringify(record));
  await vscode.commands.executeCommand("videoRft.openEvaluationReport", vscode.Uri.file(file));
  await until("the report", () => {
    const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
    const isReport = input instanceof vscode.TabInputWebview && input.viewType.endsWith("videoRft.evaluationReport");
    return isReport ? input : null;
  });
}

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import * as vscode from "vscode";
import { openFolder } from "./folder.ts";
import { until } from "./until.ts";

/** Rollouts of other trainers, and files of rollouts by themselves. */
export const importChecks: Readonly<Record<string, () => Promise<void>>> = {
  "rollouts of another trainer are imported and shown": imports,
  "a file of rollouts is shown as the viewer of its run": showsRolloutsFile,
  "the dashboard of a run opens": opensDashboard,
};

const swiftTable = {
  step: ["1", "1"],
  prompt: ["Where?", "Where?"],
  completion: ["<answer>here</answer>", "there"],
  Format: [1, 0],
  advantages: [0.7, -0.7],
};

async function imports(): Promise<void> {
  const file = path.join(openFolder(), "completions.jsonl");
  fs.writeFileSync(file, `${JSON.stringify(swiftTable)}\n`);
  await vscode.commands.executeCommand("videoRft.importRollouts", vscode.Uri.file(file));
  await until("the viewer of the imported run", () => {
    const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
    return tab?.input instanceof vscode.TabInputWebview && tab.label.startsWith("Rollouts: ") ? tab : null;
  });
}

async function showsRolloutsFile(): Promise<void> {
  const log = path.join(openFolder(), "completions.jsonl");
  const runDir = path.join(openFolder(), "imported", "runs", "host");
  const cli = path.join(__dirname, "..", "..", "dist", "engine", "cli.cjs");
  const made = spawnSync(process.execPath, [cli, "import", log, "--out", runDir], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
    encoding: "utf8",
  });
  assert.equal(made.status, 0, made.stderr);
  const inRun = vscode.Uri.file(path.join(runDir, "rollouts", "step-000001.jsonl"));
  const alone = vscode.Uri.file(path.join(openFolder(), "rollouts", "step-000001.jsonl"));
  fs.mkdirSync(path.dirname(alone.fsPath), { recursive: true });
  fs.copyFileSync(inRun.fsPath, alone.fsPath);
  for (const uri of [inRun, alone]) {
    await vscode.commands.executeCommand("vscode.openWith", uri, "videoRft.rolloutsFile");
    await until(`the custom editor of ${uri.fsPath}`, () => {
      const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
      return input instanceof vscode.TabInputCustom && input.uri.fsPath === uri.fsPath ? input : null;
    });
  }
}

async function opensDashboard(): Promise<void> {
  const runDir = path.join(openFolder(), "imported", "runs", "host"); // made by the check before
  await vscode.commands.executeCommand("videoRft.openDashboard", { runDir });
  await until("the dashboard", () => {
    const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
    return input instanceof vscode.TabInputWebview && input.viewType.endsWith("videoRft.dashboard") ? input : null;
  });
}

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import * as vscode from "vscode";
import { rewardChecks } from "./rewardChecks.ts";
import { until } from "./until.ts";

/** Runs inside the extension host. VS Code calls `run` and takes a rejection for a failed suite. */
export async function run(): Promise<void> {
  const checks: Readonly<Record<string, () => Promise<void>>> = {
    "the extension is found and activates": activates,
    "every command of the manifest is registered": registersCommands,
    "the editor completes keys of a run specification": completes,
    "the editor explains a key": explains,
    "problems that a schema cannot say are reported": reports,
    ...rewardChecks,
    "rollouts of another trainer are imported and shown": imports,
    "a file of rollouts is shown as the viewer of its run": showsRolloutsFile,
    "the dashboard of a run opens": opensDashboard,
  };
  const failed: string[] = [];
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`suite: ok ${name}`);
    } catch (error) {
      failed.push(name);
      console.log(`suite: FAILED ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
  assert.deepEqual(failed, []);
}

const spec = `{
  "name": "host",
  "policy": { "model": "nowhere" },
  "data": [{ "id": "a", "task": "tracking", "format": "got10k-sampled", "path": "missing.json", "videos": "." }],
  "rewards": [{ "name": "format" }],
  "grpo": { "steps": 2 }
}
`;

async function activates(): Promise<void> {
  const extension = vscode.extensions.getExtension("video-rft.video-rft");
  assert.ok(extension, "the extension is not there");
  await extension.activate();
  assert.ok(extension.isActive);
}

async function registersCommands(): Promise<void> {
  const manifest = vscode.extensions.getExtension("video-rft.video-rft")?.packageJSON as {
    contributes: { commands: readonly { command: string }[] };
  };
  const registered = new Set(await vscode.commands.getCommands(true));
  const missing = manifest.contributes.commands.map(({ command }) => command).filter((id) => !registered.has(id));
  assert.deepEqual(missing, []);
}

async function completes(): Promise<void> {
  const document = await openSpec();
  const position = document.positionAt(document.getText().indexOf('"steps"'));
  const labels = await until("a completion of groupSize", async () => {
    const list = await vscode.commands.executeCommand<vscode.CompletionList>(
      "vscode.executeCompletionItemProvider",
      document.uri,
      position,
    );
    const found = list.items.map((item) => (typeof item.label === "string" ? item.label : item.label.label));
    return found.some((label) => label.includes("groupSize")) ? found : null;
  });
  assert.ok(labels.some((label) => label.includes("learningRate")));
}

async function explains(): Promise<void> {
  const document = await openSpec();
  const position = document.positionAt(document.getText().indexOf('"model"') + 2);
  await until("a hover on model", async () => {
    const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
      "vscode.executeHoverProvider",
      document.uri,
      position,
    );
    const text = hovers
      .flatMap((hover) => hover.contents)
      .map((content) => (typeof content === "string" ? content : content.value))
      .join("\n");
    return text.includes("Hugging Face checkpoint directory") ? text : null;
  });
}

async function reports(): Promise<void> {
  const document = await openSpec();
  await until("a problem at missing.json", () => {
    const problems = vscode.languages.getDiagnostics(document.uri);
    const line = document.positionAt(document.getText().indexOf("missing.json")).line;
    return problems.some((problem) => problem.range.start.line === line) ? problems : null;
  });
}

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

function openFolder(): string {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
  assert.ok(folder, "no folder is open");
  return folder;
}

async function openSpec(): Promise<vscode.TextDocument> {
  const file = path.join(openFolder(), "host.rft.json");
  if (!fs.existsSync(file)) fs.writeFileSync(file, spec);
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(file));
  await vscode.window.showTextDocument(document);
  return document;
}

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import * as vscode from "vscode";
import { openFolder } from "./folder.ts";
import { evaluationChecks } from "./evaluationChecks.ts";
import { importChecks } from "./importChecks.ts";
import { rewardChecks } from "./rewardChecks.ts";
import { until } from "./until.ts";
import { validateSpec } from "../../../src/protocol/spec.ts";

/** Runs inside the extension host. VS Code calls `run` and takes a rejection for a failed suite. */
export async function run(): Promise<void> {
  const checks: Readonly<Record<string, () => Promise<void>>> = {
    "the extension is found and activates": activates,
    "every command of the manifest is registered": registersCommands,
    "the editor completes keys of a run specification": completes,
    "the editor explains a key": explains,
    "problems that a schema cannot say are reported": reports,
    ...rewardChecks,
    "a mistake has a quick fix, which changes nothing else": fixes,
    "a finding of the data stands at its row, one of a run at its key, each with a page": findsInDataAndRun,
    ...importChecks,
    ...evaluationChecks,
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

async function fixes(): Promise<void> {
  const typo = spec.replace('"steps": 2', '"num_generations": 4');
  const document = await openSpec("typo.rft.json", typo);
  const range = rangeOf(document, "num_generations");
  const action = await until("a quick fix", async () => {
    const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
      "vscode.executeCodeActionProvider",
      document.uri,
      range,
    );
    return actions.find(({ edit }) => edit !== undefined) ?? null;
  });
  assert.ok(action.edit !== undefined);
  assert.ok(await vscode.workspace.applyEdit(action.edit));
  assert.equal(document.getText(), typo.replace("num_generations", "groupSize"));
  await document.save();
}

async function findsInDataAndRun(): Promise<void> {
  const text = spec
    .replace(
      '"tracking", "format": "got10k-sampled", "path": "missing',
      '"temporal-grounding", "format": "charades-sta", "path": "rows',
    )
    .replace('{ "steps": 2 }', '{ "steps": 2, "beta": 0.5 }');
  const file = inFolder("found.rft.json");
  const row = { duration: 8, timestamps: [[5, 5]], sentences: ["a red circle spins"] };
  fs.writeFileSync(inFolder("rows.json"), JSON.stringify({ clip: row }, null, 1));
  writeRun(file, text);
  const document = await openSpec("found.rft.json", text);
  await vscode.commands.executeCommand("videoRft.refreshRuns");
  const found = await until("a finding of the run", () => findingOf(document.uri, "kl-runaway"));
  assert.equal(found.range.start.line, rangeOf(document, '"beta"').start.line);
  assert.match(found.message, /not a finite number in step 1/);
  const ofRow = await until("a finding of the data", () =>
    findingOf(vscode.Uri.file(inFolder("rows.json")), "zero-length"),
  );
  const rows = fs.readFileSync(inFolder("rows.json"), "utf8").split("\n");
  assert.ok(rows.slice(0, ofRow.range.start.line + 1).some((line) => line.includes("timestamps")));

  // What a click on the code does.
  assert.ok(typeof found.code === "object");
  const { target } = found.code;
  assert.deepEqual([target.scheme, target.path], ["command", "videoRft.explainDiagnostic"]);
  await vscode.commands.executeCommand(target.path, ...(JSON.parse(target.query) as string[]));
  await until("the page of the finding", () => {
    const labels = vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs.map(({ label }) => label));
    return labels.some((label) => label.includes("kl-runaway.md")) ? labels : null;
  });

  const edit = new vscode.WorkspaceEdit();
  edit.replace(document.uri, rangeOf(document, "0.5"), "0.9");
  assert.ok(await vscode.workspace.applyEdit(edit));
  await until("the end of a finding that was mended", () =>
    findingOf(document.uri, "kl-runaway") === null ? true : null,
  );
  await document.save();
}

function findingOf(uri: vscode.Uri, code: string): vscode.Diagnostic | null {
  const isIt = ({ code: shown }: vscode.Diagnostic): boolean => typeof shown === "object" && shown.value === code;
  return vscode.languages.getDiagnostics(uri).find(isIt) ?? null;
}

/** A run that has failed in its first step. */
function writeRun(specPath: string, specText: string): void {
  const dir = inFolder(path.join("runs", "2026-01-01-found"));
  fs.mkdirSync(path.join(dir, "rollouts"), { recursive: true });
  const json = (name: string, record: object): void =>
    fs.writeFileSync(path.join(dir, name), `${JSON.stringify({ version: 3, ...record })}\n`);
  const resolved = validateSpec(JSON.parse(specText));
  assert.ok(resolved.ok);
  const hashes = { policy: "", datasets: {}, prompts: {} };
  json("run.json", {
    ...{ id: "2026-01-01-found", name: "found", createdAt: "2026-01-01T00:00:00.000Z", specPath },
    ...{ spec: resolved.spec, baseDir: path.dirname(specPath), seed: 1, hashes },
  });
  const state = { status: "failed", phase: "idle", step: 1, steps: 2, reward: null, lastCheckpoint: null };
  json("state.json", { ...state, updatedAt: "2026-01-01T00:00:01.000Z" });
  json("metrics.jsonl", { step: 1, metrics: { reward: 0.5, kl: null } });
}

function rangeOf(document: vscode.TextDocument, text: string): vscode.Range {
  const start = document.getText().indexOf(text);
  assert.ok(start >= 0, `${text} is not in ${document.fileName}`);
  return new vscode.Range(document.positionAt(start), document.positionAt(start + text.length));
}

function inFolder(name: string): string {
  return path.join(openFolder(), name);
}

async function openSpec(name = "host.rft.json", text = spec): Promise<vscode.TextDocument> {
  const file = inFolder(name);
  if (!fs.existsSync(file)) fs.writeFileSync(file, text);
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(file));
  await vscode.window.showTextDocument(document);
  return document;
}

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import * as vscode from "vscode";
import { openFolder } from "./folder.ts";
import { until } from "./until.ts";

/** What the editor shows of a finished run of rewardWorkspace.ts, through VS Code's own provider commands. */
export const rewardChecks: Readonly<Record<string, () => Promise<void>>> = {
  "examples of a dataset have lenses with their rollouts": examplesHaveLenses,
  "a rollout is a read-only document with an outline and folding": rolloutIsDocument,
  "a rollout is pinned as a case with what came of it": rolloutIsPinned,
  "language models can ask about rollouts, and get links": toolsAnswer,
};

async function examplesHaveLenses(): Promise<void> {
  const uri = vscode.Uri.file(path.join(openFolder(), "annotations", "grounding.train.json"));
  await vscode.workspace.openTextDocument(uri);
  const lenses = await until("lenses of examples", async () => {
    const found = await vscode.commands.executeCommand<vscode.CodeLens[]>("vscode.executeCodeLensProvider", uri, 50);
    return found.some((lens) => lens.command?.title.includes("rollouts")) ? found : null;
  });
  const titles = lenses.map((lens) => lens.command?.title ?? "");
  assert.match(
    titles.find((title) => title.includes("rollouts")) ?? "",
    /^train-\d+_\d+: \d+ rollouts · reward \d\.\d\d/,
  );
}

async function rolloutIsDocument(): Promise<void> {
  const uri = vscode.Uri.from({ scheme: "rft", path: `/${path.basename(runDir())}/1/0/0` });
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document);
  assert.match(document.getText(), /^Question: /m);
  assert.match(document.getText(), /^overlap: /m);
  const symbols = await vscode.commands.executeCommand<vscode.DocumentSymbol[]>(
    "vscode.executeDocumentSymbolProvider",
    uri,
  );
  assert.deepEqual(
    symbols.map(({ name }) => name),
    ["Example", "Prompt", "Completion", "Answer", "Rewards", "Policy", "Video", "Row"],
  );
  const folds = await vscode.commands.executeCommand<vscode.FoldingRange[]>("vscode.executeFoldingRangeProvider", uri);
  assert.ok(folds.length >= symbols.length);
  const isWritable = vscode.workspace.fs.isWritableFileSystem("rft");
  assert.notEqual(isWritable, true);
}

async function rolloutIsPinned(): Promise<void> {
  await vscode.commands.executeCommand("videoRft.pinCase", { runDir: runDir(), id: "1/0/0", reward: "overlap" });
  const file = path.join(openFolder(), "rewards", "rewards.cases.jsonl");
  const text = await until("the case", () => (fs.existsSync(file) ? fs.readFileSync(file, "utf8") : null));
  const pinned = JSON.parse(text) as { reward: { file: string }; expect: unknown };
  assert.equal(pinned.reward.file, "overlap.ts");
  assert.ok("expect" in pinned);
}

async function toolsAnswer(): Promise<void> {
  const manifest = vscode.extensions.getExtension("video-rft.video-rft")?.packageJSON as {
    contributes: { languageModelTools: readonly { name: string }[] };
  };
  const known = new Set(vscode.lm.tools.map(({ name }) => name));
  assert.deepEqual(
    manifest.contributes.languageModelTools.map(({ name }) => name).filter((name) => !known.has(name)),
    [],
  );
  const run = path.basename(runDir());
  const found = await ask("videoRft_queryRollouts", { run, columns: ["overlap"], sortBy: "overlap", limit: 3 });
  assert.match(found, /\| \[\d\/\d\/\d\]\(rft:\/[^)]+\) \| (grounding|tracking) \|/);
  const changes = await ask("videoRft_compareSteps", { run, before: { to: 1 }, after: { from: 2 }, by: "dataset" });
  assert.match(changes, /before .* after/);
  const explained = await ask("videoRft_explainReward", { run, rollout: "1/0/0" });
  assert.match(explained, /export function overlap\(/);
  assert.match(explained, /def brevity\(/);
  assert.match(
    await ask("videoRft_queryRollouts", { run, sortBy: "nonsense" }),
    /^Error: there is no column "nonsense"/,
  );
}

async function ask(name: string, input: object): Promise<string> {
  const { content } = await vscode.lm.invokeTool(name, { input, toolInvocationToken: undefined });
  return content.map((part) => (part instanceof vscode.LanguageModelTextPart ? part.value : "")).join("");
}

function runDir(): string {
  const runs = path.join(openFolder(), "runs");
  const name = fs.readdirSync(runs).find((one) => one.endsWith("-tiny"));
  return path.join(runs, name ?? assert.fail("there is no run"));
}

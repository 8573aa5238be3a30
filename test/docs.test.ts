import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import ts from "typescript";
import { runCases } from "../src/engine/score/cases.ts";
import { tasksOfReward } from "../src/engine/rewards/rewards.ts";
import { nameProblem, scaffoldReward } from "../src/extension/rewards/rewardScaffold.ts";
import { rewardErrorKinds } from "../src/protocol/records.ts";
import { rewardSchema, rewardSignatures } from "../src/protocol/rewardSpec.ts";
import { taskIds } from "../src/protocol/tasks.ts";
import { groupOf, makeRewardWorkspace, type RewardWorkspace } from "./engine/hosts/rewardWorkspace.ts";

// What docs/rewards.md shows is run as it stands there: blocks with `file=NAME` are written into a workspace.
const page = fs.readFileSync(path.resolve("docs", "rewards.md"), "utf8");
let workspace: RewardWorkspace;

before(async () => {
  workspace = await makeRewardWorkspace();
  for (const name of fs.readdirSync(path.resolve("media", "contract"))) {
    workspace.write(name, fs.readFileSync(path.resolve("media", "contract", name), "utf8"));
  }
  for (const [, name = "", text = ""] of page.matchAll(/^```\w+ file=(\S+)\n(.*?)^```$/gms))
    workspace.write(name, text);
});
after(() => workspace.dispose());

async function valuesOf(
  reward: Record<string, unknown>,
  texts: readonly string[],
  row: object = {},
): Promise<unknown[]> {
  const scorer = workspace.scorer([reward]);
  const [scored = []] = await scorer.score([groupOf(texts, 0, { row })]);
  return scored.map(({ parts: [part] }) => part?.error?.message ?? part?.value);
}

const answers = ["<answer>5.0 to 10.0</answer>", "<answer>6.0 to 10.0</answer>", "I cannot tell."];

test("the examples of the page score as it says", async () => {
  const edges = [1, 0.9, 0];
  assert.deepEqual(await valuesOf({ file: "edges.ts", function: "edges" }, answers), edges);
  const each = { file: "edges_each.py", function: "edges", signature: "each" };
  assert.deepEqual(await valuesOf(each, answers), edges);
  const unlike = { file: "unlike.ts", function: "unlike", signature: "batch" };
  assert.deepEqual(await valuesOf(unlike, ["same", "same", "<answer>1 to 2</answer>"]), [0.5, 0.5, 1]);
  const trl = { file: "trl_style.py", function: "says_solution" };
  assert.deepEqual(await valuesOf(trl, answers, { solution: "5.0 to 10.0" }), [1, 0, 0]);
  assert.deepEqual(await valuesOf(trl, answers, { solution: null }), [null, null, null]);
  const swift = { file: "plugin.py", function: "brief", signature: "ms-swift" };
  assert.deepEqual(await valuesOf(swift, ["short", "word ".repeat(30)]), [1, 0]);
  const chat = { file: "chat.py", function: "polite", signature: "trl-chat" };
  assert.deepEqual(await valuesOf(chat, ["please", "no"]), [1, 0]);
});

test("a new reward does what its cases say, in both languages", async () => {
  const { engineDir, dir } = workspace;
  for (const language of ["TypeScript", "Python"] as const) {
    const { file, text, casesFile, cases, typesFile } = scaffoldReward(`new${language}`, language);
    assert.ok(fs.existsSync(path.join(dir, typesFile)), typesFile);
    workspace.write(file, text);
    workspace.write(casesFile, cases);
    const params = { engineDir, pythonPath: null, cacheDir: path.join(dir, "cache"), onLog: () => undefined };
    const outcomes = await runCases({ file: path.join(dir, casesFile), ...params });
    assert.equal(outcomes.length, 2);
    for (const { name, passed, actual } of outcomes) assert.ok(passed, `${language}, ${name}: ${actual}`);
  }
  assert.equal(nameProblem("my_reward2"), undefined);
  for (const name of ["", "2nd", "a-b", "class", "def"]) assert.notEqual(nameProblem(name), undefined, name);
});

test("the cases of the page pass", async () => {
  const { engineDir, dir } = workspace;
  const params = { engineDir, pythonPath: null, cacheDir: path.join(dir, "cache"), onLog: () => undefined };
  const outcomes = await runCases({ file: path.join(dir, "edges.cases.jsonl"), ...params });
  assert.equal(outcomes.length, 2);
  for (const { name, passed, actual } of outcomes) assert.ok(passed, `${name}: ${actual}`);
});

test("the TypeScript of the page fits the types that are copied beside it, in the strictest mode", () => {
  const files = ["edges.ts", "unlike.ts", "newTypeScript.ts"].map((name) => path.join(workspace.dir, name));
  const program = ts.createProgram(files, {
    ...{ strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, noEmit: true, types: [] },
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  });
  const found = ts.getPreEmitDiagnostics(program);
  assert.deepEqual(
    found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n")),
    [],
  );
});

test("the page names every signature, every error and every built-in reward with its tasks", () => {
  for (const signature of rewardSignatures) assert.ok(page.includes(`\n| \`${signature}\``), signature);
  for (const kind of rewardErrorKinds) assert.ok(page.includes(`\n| \`${kind}\``), kind);
  for (const { shape } of rewardSchema.options[0].options) {
    for (const name of "options" in shape.name ? shape.name.options : shape.name.values) {
      const row =
        page.split("\n").find((line) => line.startsWith(`| \`${name}\``)) ?? assert.fail(`${name} is missing`);
      const known = tasksOfReward(rewardSchema.parse({ name, ...needed[name] }));
      const told = row.includes(" every task ") ? taskIds : taskIds.filter((task) => row.includes(`\`${task}\``));
      assert.deepEqual([...told].sort(), [...known].sort(), name);
    }
  }
});

/** Options without a default. */
const needed: Readonly<Record<string, object>> = {
  overlong: { maxTokens: 9, bufferTokens: 1 },
  "event-recall": { endpoint: "http://127.0.0.1/v1", model: "judge" },
  "semantic-similarity": { endpoint: "http://127.0.0.1/v1", model: "judge" },
};

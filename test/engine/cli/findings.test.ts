import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { buildTestEngine, writeWorkspace, type TestEngine } from "../server/testEngine.ts";

let engine: TestEngine;

before(async () => {
  engine = await buildTestEngine();
});
after(() => {
  engine.dispose();
});

function cli(...args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [path.join(engine.settings.engineDir, "cli.cjs"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: engine.root,
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.once("close", (status) => resolve({ status, stdout, stderr })));
}

interface Problem {
  readonly code: string;
  readonly severity: string;
  readonly path?: string;
  readonly file?: string;
  readonly line?: number;
  readonly fixes: readonly string[];
}

test("inspect says what the run shows as a whole, and fails on an error; explain says what that means", async () => {
  const specPath = writeWorkspace(engine, "found", {
    rewards: [{ name: "tiou" }, { file: "moody.ts", function: "moody" }],
    grpo: { steps: 12, promptsPerStep: 2, groupSize: 4 },
  });
  const file = path.join(path.dirname(specPath), "moody.ts");
  fs.writeFileSync(file, "\nexport const moody = () => 0.25;\n");
  const runDir = path.join(engine.root, "found-run");
  assert.equal((await cli("run", specPath, "--out", runDir)).status, 0);
  const { status, stdout } = await cli("inspect", runDir);
  assert.equal(status, 0);
  assert.match(
    stdout,
    /^warning reward-constant: The reward moody was 0\.25 in all 96 rollouts.*\n {2}fix: Remove the/m,
  );
  assert.match(stdout, /^What a finding means: video-rft explain reward-constant$/m);
  assert.match(stdout, /^The run as a whole, 12 steps: 0 errors, \d warnings/m);

  fs.writeFileSync(file, "\nexport const moody = () => Math.random();\n");
  const problems = async (...args: string[]): Promise<Problem[]> => {
    const document = JSON.parse((await cli("inspect", runDir, "--json", ...args)).stdout) as { problems: Problem[] };
    return document.problems.filter(({ code }) => code.startsWith("reward-"));
  };
  assert.deepEqual(
    (await problems()).map(({ code, path: keys }) => [code, keys]),
    [["reward-constant", "rewards.moody"]],
  );
  const [, moody] = await problems("--call-rewards");
  assert.deepEqual([moody?.code, moody?.file, moody?.line], ["reward-not-deterministic", file, 2]);
  assert.deepEqual(await problems("--group", "0"), []);

  // A failing run: what is not a number is null in JSON.
  const metrics = path.join(runDir, "metrics.jsonl");
  const lines = fs.readFileSync(metrics, "utf8").trimEnd().split("\n");
  // SAFETY: written by the run.
  const [first = "{}", ...rest] = lines;
  const record = JSON.parse(first) as { metrics: object };
  const broken = JSON.stringify({ ...record, metrics: { ...record.metrics, kl: null } });
  fs.writeFileSync(metrics, `${[broken, ...rest].join("\n")}\n`);
  const failing = await cli("inspect", runDir, "--step", "1");
  assert.equal(failing.status, 1);
  assert.match(
    failing.stdout,
    /^error kl-runaway: The KL divergence to the reference is not a finite number in step 1/m,
  );

  fs.cpSync(path.resolve("docs", "diagnostics"), path.join(engine.root, "docs", "diagnostics"), { recursive: true });
  const page = await cli("explain", "kl-runaway");
  assert.equal(page.status, 0);
  assert.ok(page.stdout.startsWith("# The policy runs away from its reference\n"));
  assert.match((await cli("explain")).stdout, /^kl-runaway +The policy runs away from its reference$/m);
  const typo = await cli("explain", "kl-run-away");
  assert.equal(typo.status, 2);
  assert.match(typo.stderr, /Did you mean kl-runaway\?/);
});

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import * as esbuild from "esbuild";
import { parseSpec } from "../../../src/engine/data/specFile.ts";
import { checkSpecText } from "../../../src/engine/server/checkSpec.ts";
import type { EvaluationRecord } from "../../../src/protocol/records.ts";

const recipes = path.resolve("examples", "recipes");
const names = fs.readdirSync(recipes).filter((name) => name.endsWith(".rft.json"));
const textOf = (name: string): string => fs.readFileSync(path.join(recipes, name), "utf8");

test("every recipe is valid, and nothing is found in it but the files that its user has to bring", () => {
  assert.ok(names.length >= 6, names.join());
  for (const name of names) {
    const found = checkSpecText(textOf(name), path.join(recipes, name));
    const others = found.filter(({ code }) => code !== "missing-file" || name === "smoke.rft.json");
    assert.deepEqual(others, [], name);
    assert.match(textOf(name), /^\{\n {2}\/\/ /, `${name} begins with what it is`);
  }
});

test("VideoChat-R1's recipes spell out what its scripts leave to the defaults of their time", () => {
  for (const name of names.filter((recipe) => recipe.startsWith("videochat-r1-"))) {
    const parsed = parseSpec(textOf(name));
    assert.ok(parsed.ok, name);
    const { grpo, policy, video } = parsed.spec;
    const { groupSize, promptsPerStep, learningRate, beta, numIterations, lossType, temperature } = grpo;
    assert.deepEqual(
      { groupSize, promptsPerStep, learningRate, beta, numIterations, lossType, temperature },
      { groupSize: 8, promptsPerStep: 8, learningRate: 1e-6, beta: 0.04, numIterations: 1, lossType: "grpo", temperature: 1 }, // prettier-ignore
    );
    assert.equal(grpo.maxCompletionLength, 1024);
    assert.deepEqual([policy.training, policy.freezeVision, video.fps], ["full", false, 2]);
    for (const key of ["beta", "learningRate", "lossType", "lrSchedule"])
      assert.ok(textOf(name).includes(`"${key}"`), key);
  }
});

test("the smoke recipe trains, evaluates and leaves a report", async () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-smoke-"));
  try {
    const engineDir = path.join(root, "dist", "engine");
    await buildEngine(engineDir);
    const cli = (...args: string[]) => runCli(engineDir, root, args);
    const runDir = path.join(root, "run");
    const run = await cli("run", path.join(recipes, "smoke.rft.json"), "--out", runDir);
    assert.equal(run.status, 0, run.stderr);
    const records = ["step-000000", "step-000002"].map(
      (name) =>
        JSON.parse(fs.readFileSync(path.join(runDir, "evaluation", `${name}.json`), "utf8")) as EvaluationRecord,
    );
    for (const { scores, settings } of records) {
      assert.equal(scores["grounding/mIoU"]?.n, 8);
      assert.equal(scores["choice/accuracy"]?.n, 6);
      assert.ok(settings["parser"] !== undefined);
    }
    const page = path.join(root, "report.html");
    const first = path.join(runDir, "evaluation", "step-000000.json");
    const report = await cli("report", first, runDir, "--out", page);
    assert.equal(report.status, 0, report.stderr);
    assert.match(fs.readFileSync(page, "utf8"), /data:image\/jpeg;base64,/);
  } finally {
    fs.rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
});

async function buildEngine(outdir: string): Promise<void> {
  const file = pathToFileURL(path.resolve("esbuild.mjs")).href;
  // SAFETY: what esbuild.mjs exports.
  const { builds } = (await import(file)) as { builds: () => esbuild.BuildOptions[] };
  const build = builds().find(({ entryPoints }) => entryPoints !== undefined && "run" in entryPoints);
  await esbuild.build({ ...build, outdir, sourcemap: false });
}

function runCli(engineDir: string, root: string, args: readonly string[]) {
  const env = {
    ...process.env,
    VIDEO_RFT_CACHE: path.join(root, "cache"),
    VIDEO_RFT_RUNTIME_DIR: path.join(root, "rt"),
  };
  const child = spawn(process.execPath, [path.join(engineDir, "cli.cjs"), ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stderr = "";
  child.stdout.resume();
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise<{ status: number | null; stderr: string }>((resolve) =>
    child.once("close", (status) => resolve({ status, stderr })),
  );
}

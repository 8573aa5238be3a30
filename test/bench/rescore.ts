// How fast recorded rollouts are scored again: `node scripts/typescript.mjs test/bench/rescore.ts [--rollouts 50000]`
// generates a run and scores all of it with a built-in reward and with trivial functions in TypeScript and Python, as a
// save in the editor does: records are read, compared and counted. Beside it, a plain Python loop that reads the same
// records and calls the same function, without a process of its own, limits or comparison. `npm run build` first.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import type { RescoreReward } from "../../src/protocol/rescore.ts";
import { rewardSchema } from "../../src/protocol/rewardSpec.ts";
import { rescoreRun } from "../../src/engine/score/rescoreRun.ts";

const { values } = parseArgs({
  options: { rollouts: { type: "string", default: "50000" }, repeats: { type: "string", default: "3" } },
});
const rollouts = Number(values.rollouts);
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-rescore-"));
const runDir = path.join(dir, "run");

const typescript = "export const words = ({ text }: { text: string }): number => text.length / 1000;\n";
const python = "def words(completions, **kwargs):\n    return [len(text) / 1000 for text in completions]\n";
const loop = `
import json, pathlib, sys, time
sys.path.insert(0, ${JSON.stringify(dir)})
from words import words
begun = time.perf_counter()
count = 0
for file in sorted(pathlib.Path(${JSON.stringify(runDir)}, "rollouts").glob("*.jsonl")):
    for line in file.open():
        group = json.loads(line)
        completions = [c["text"] for c in group["completions"]]
        count += len(words(completions, prompts=[group["prompt"]] * len(completions)))
print(count / (time.perf_counter() - begun))
`;

interface Measured {
  readonly what: string;
  readonly perSec: readonly number[];
  readonly target: string;
}

try {
  const generator = ["scripts/typescript.mjs", "test/bench/viewerScale/generateRun.ts"];
  spawnSync(process.execPath, [...generator, runDir, String(rollouts)], { stdio: "inherit" });
  fs.writeFileSync(path.join(dir, "words.ts"), typescript);
  fs.writeFileSync(path.join(dir, "words.py"), python);
  const ofFile = (name: string): RescoreReward => ({
    kind: "spec",
    spec: rewardSchema.parse({ file: path.join(dir, name), function: "words" }),
  });
  const table: Measured[] = [
    await measure("tiou, built in", { kind: "named", name: "tiou" }, "50,000"),
    await measure("a trivial function in TypeScript", ofFile("words.ts"), "10,000"),
    await measure("a trivial function in Python, called as TRL does", ofFile("words.py"), "10,000"),
    { what: "a loop in Python over the same records", perSec: repeated(() => plainLoop()), target: "" },
  ];
  console.log(`\n| ${rollouts.toLocaleString("en-US")} rollouts | rollouts a second | target |\n| --- | --- | --- |`);
  for (const { what, perSec, target } of table) {
    const sorted = [...perSec].sort((a, b) => a - b).map((value) => Math.round(value).toLocaleString("en-US"));
    const middle = sorted[Math.floor(sorted.length / 2)] ?? "";
    console.log(`| ${what} | ${middle} (${sorted[0] ?? ""} to ${sorted.at(-1) ?? ""}) | ${target} |`);
  }
} finally {
  fs.rmSync(dir, { recursive: true, force: true });
}

async function measure(what: string, reward: RescoreReward, target: string): Promise<Measured> {
  const perSec: number[] = [];
  for (let i = 0; i < Number(values.repeats); i += 1) {
    const begunMs = performance.now();
    const { summary } = await rescoreRun({
      runDir,
      reward,
      engineDir: path.resolve("dist", "engine"),
      pythonPath: null,
      cacheDir: dir,
      onLog: (line) => console.error(line),
    });
    if (summary.errors > 0) throw new Error(`${summary.errors} errors: ${JSON.stringify(summary.errorExamples[0])}`);
    perSec.push((1000 * summary.rollouts) / (performance.now() - begunMs));
  }
  return { what, perSec, target };
}

function plainLoop(): number {
  const { stdout, stderr } = spawnSync("python3", ["-c", loop], { encoding: "utf8" });
  if (stdout === "") throw new Error(stderr);
  return Number(stdout);
}

function repeated(work: () => number): number[] {
  return Array.from({ length: Number(values.repeats) }, work);
}

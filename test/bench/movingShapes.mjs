// What training on the sample gains: `node test/bench/movingShapes.mjs [SPEC] [--seeds 7,8,9] [--methods grpo,sft]` trains
// with GRPO and with SFT, on the same examples and for the same number of gradient steps, once a seed, and prints the
// medians of the held-out scores beside the best answers without looking. `npm run build` and `npm start` (which makes
// the clips) first. Each run takes about as long as `npm start`.
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { parse } from "jsonc-parser";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seeds: { type: "string", default: "7,8,9" }, methods: { type: "string", default: "grpo,sft" } },
});
const root = path.resolve(import.meta.dirname, "../..");
const specFile = path.resolve(positionals[0] ?? path.join(root, "examples/moving-shapes/moving-shapes.rft.json"));
const seeds = values.seeds.split(",").map(Number);
const methods = values.methods.split(",");
const bars = [
  ["grounding", "mIoU"],
  ["tracking", "ao"],
  ["grounded-qa", "mIoU"],
  ["grounded-qa", "accuracy"],
  ["choice", "accuracy"],
];
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-bench-"));

const results = [];
for (const method of methods) {
  for (const seed of seeds) {
    const startedMs = performance.now();
    const { before, after, baselines } = (await train(method, seed)).evaluation;
    const minutes = (performance.now() - startedMs) / 60_000;
    results.push({ method, seed, minutes, before, after, baselines });
    const scores = bars.map(
      ([id, metric]) => `${id}/${metric} ${text(before, id, metric)} -> ${text(after, id, metric)}`,
    );
    console.log(`${method}, seed ${seed}, ${minutes.toFixed(1)} min: ${scores.join(", ")}`);
  }
}

const columns = methods.map((method) => results.filter((result) => result.method === method));
console.log(
  `\n| median of seeds ${seeds.join(", ")} | before | ${methods.map((m) => `after ${m.toUpperCase()} |`).join(" ")} best answer without looking |`,
);
console.log(`| --- | --- | ${methods.map(() => "--- |").join(" ")} --- |`);
for (const [id, metric] of bars) {
  const [first] = results;
  const best = Math.max(...Object.values(first.baselines).map((scores) => scores[id]?.[metric]?.value ?? 0));
  const after = columns.map((runs) => median(runs.map((run) => run.after[id][metric].value)));
  const cells = [first.before[id][metric].value, ...after, best].map((value) => value.toFixed(3));
  console.log(`| ${id}, ${metric} | ${cells.join(" | ")} |`);
}
fs.rmSync(scratch, { recursive: true });

/** The run's JSON document. */
async function train(method, seed) {
  const dir = path.dirname(specFile);
  const spec = parse(fs.readFileSync(specFile, "utf8"));
  const at = (file) => path.resolve(dir, file);
  const placed = (data) => data.map((set) => ({ ...set, path: at(set.path), videos: at(set.videos) }));
  // The same examples: the order of the prompts comes from the seed, whatever the method.
  const { steps, promptsPerStep, learningRate, maxCompletionLength } = spec.grpo;
  const changed = {
    ...spec,
    method,
    sft: { steps, promptsPerStep, learningRate, maxCompletionLength, ...spec.sft },
    policy: { ...spec.policy, model: at(spec.policy.model) },
    data: placed(spec.data),
    evaluate: { ...spec.evaluate, data: placed(spec.evaluate.data) },
    checkpoints: { everySteps: 0, keep: 1 },
  };
  const file = path.join(scratch, `${method}-${seed}.rft.json`);
  fs.writeFileSync(file, JSON.stringify(changed));
  const cli = path.join(root, "dist/engine/cli.cjs");
  const child = spawn(process.execPath, [cli, "run", file, "--seed", String(seed), "--json"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const chunks = [];
  child.stdout.on("data", (chunk) => chunks.push(chunk));
  const status = await new Promise((resolve) => child.once("close", resolve));
  if (status !== 0)
    throw new Error(`the ${method} run with seed ${seed} ended with ${status}: ${Buffer.concat(chunks)}`);
  return JSON.parse(Buffer.concat(chunks).toString());
}

function text(scores, id, metric) {
  return scores[id][metric].value.toFixed(3);
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

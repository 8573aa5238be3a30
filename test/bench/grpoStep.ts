// What a GRPO step costs, beside PyTorch: `node scripts/typescript.mjs test/bench/grpoStep.ts --python PYTHON` samples,
// scores and updates on one group of a policy of about 25 M parameters with random weights, in the embedded engine and
// with transformers (as TRL and ms-swift do it, a copy of the prompt for each completion; and with the prompt shared), one
// process each, in turns. `--python` is one with the packages of test/python/requirements.txt; without it only the
// embedded engine is measured. `--sweep` varies group size, prompt and completion length instead; `--plot FILE.svg` draws it.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { matmulLimit, neededOperations } from "./grpoStep/matmulShare.ts";
import { plotSweep, type SweepPanel, type SweepPoint } from "./grpoStep/plot.ts";
import { writeRandomCheckpoint, type StepShape } from "./grpoStep/shape.ts";

interface Measured {
  readonly steps: readonly Readonly<Record<string, number>>[];
  readonly peakBytes: number;
}

const { values } = parseArgs({
  options: {
    python: { type: "string" },
    turns: { type: "string", default: "2" },
    steps: { type: "string", default: "3" },
    sweep: { type: "boolean", default: false },
    plot: { type: "string" },
  },
});
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-grpo-step-"));
const checkpoint = path.join(dir, "policy");
const usual: StepShape = {
  ...{ checkpoint, frames: 20, heightPx: 448, widthPx: 336, promptTokens: 2048, groupSize: 8, completionTokens: 128 },
  ...{ beta: 0.04, steps: Number(values.steps) },
};

try {
  await writeRandomCheckpoint(checkpoint);
  if (values.sweep) sweep();
  else await compare();
} finally {
  fs.rmSync(dir, { recursive: true, force: true });
}

async function compare(): Promise<void> {
  const { python } = values;
  const torch = (kind: string, microBatch: number) => () =>
    measurePython(python ?? "", usual, [kind, String(microBatch)]);
  const variants = new Map<string, () => Measured>([["embedded engine", () => measureOurs(usual)]]);
  if (python !== undefined) {
    variants.set("PyTorch, copies, micro-batch 1", torch("copies", 1));
    variants.set("PyTorch, copies, micro-batch 2", torch("copies", 2));
    variants.set("PyTorch, prompt shared", torch("shared", 8));
  }
  const found = new Map<string, Measured[]>();
  for (let turn = 0; turn < Number(values.turns); turn++)
    for (const [name, measure] of variants) {
      const measured = measure();
      console.error(`${name}: ${row([measured])}`);
      found.set(name, [...(found.get(name) ?? []), measured]);
    }
  console.log(
    `\n| ${describe(usual)} | step | first step | peak memory | where the time goes |\n|---|---|---|---|---|`,
  );
  for (const [name, measured] of found) console.log(`| ${name} | ${row(measured)} |`);
  const limit = await matmulLimit();
  const later = (found.get("embedded engine") ?? []).flatMap(({ steps }) => steps.slice(1));
  console.log(
    `\nOne large product of matrices: ${(limit / 1e9).toFixed(0)} GFLOP/s. The embedded engine reaches of that, by part:`,
  );
  for (const [part, operations] of Object.entries(neededOperations(usual)))
    console.log(`- ${part}: ${(100 * (operations / median(columnOf(later, part)) / limit)).toFixed(0)} %`);
}

/** One size varied at a time. */
function sweep(): void {
  console.log("\n| group | prompt | completion | step | first step | peak memory | where the time goes |");
  console.log("|---|---|---|---|---|---|---|");
  const usually = measured(usual);
  const panel = (title: string, usualSize: number, shapes: ReadonlyMap<number, StepShape>): SweepPanel => {
    const points = [...shapes].map(([size, shape]) => pointOf(size, measured(shape)));
    return { title, points: [...points, pointOf(usualSize, usually)].sort((a, b) => a.size - b.size) };
  };
  const shapesOf = (sizes: readonly number[], shapeOf: (size: number) => StepShape) =>
    new Map(sizes.map((size) => [size, shapeOf(size)]));
  const { groupSize, promptTokens, completionTokens } = usual;
  const panels = [
    panel(
      "completions of a group",
      groupSize,
      shapesOf([2, 4, 16, 32], (size) => ({ ...usual, groupSize: size })),
    ),
    panel("tokens of the prompt", promptTokens, shapesOf([256, 512, 1024, 4096, 8192], withPrompt)),
    panel(
      "tokens of a completion",
      completionTokens,
      shapesOf([32, 64, 256, 512], (size) => ({ ...usual, completionTokens: size })),
    ),
  ];
  if (values.plot !== undefined) fs.writeFileSync(values.plot, plotSweep(panels));
}

function measured(shape: StepShape): Measured {
  const found = measureOurs(shape);
  console.log(`| ${shape.groupSize} | ${shape.promptTokens} | ${shape.completionTokens} | ${row([found])} |`);
  return found;
}

function pointOf(size: number, found: Measured): SweepPoint {
  const later = found.steps.slice(1);
  const { total = NaN, ...parts } = Object.fromEntries(
    Object.keys(later[0] ?? {}).map((name) => [name, median(columnOf(later, name))]),
  );
  return { size, parts, totalSec: total, peakBytes: found.peakBytes };
}

/** Frames such that all but 128 tokens are visual: 16 x 12 a pair of frames. */
function withPrompt(promptTokens: number): StepShape {
  const pairs = Math.max(1, Math.floor((promptTokens - 64) / 192));
  return { ...usual, promptTokens, frames: 2 * pairs };
}

function measureOurs(shape: StepShape): Measured {
  return readLast(
    execFileSync(process.execPath, ["scripts/typescript.mjs", "test/bench/grpoStep/ours.ts", write(shape)]),
  );
}

function measurePython(python: string, shape: StepShape, args: readonly string[]): Measured {
  const env = { ...process.env, TRANSFORMERS_VERBOSITY: "error", HF_HUB_DISABLE_PROGRESS_BARS: "1" };
  return readLast(execFileSync(python, ["test/bench/grpoStep/reference.py", write(shape), ...args], { env }));
}

function write(shape: StepShape): string {
  const file = path.join(dir, "shape.json");
  fs.writeFileSync(file, JSON.stringify({ ...shape, threads: os.availableParallelism() }));
  return file;
}

function readLast(output: Buffer): Measured {
  // SAFETY: the last line that both programs print.
  return JSON.parse(output.toString().trim().split("\n").at(-1) ?? "") as Measured;
}

/** Medians over all steps but the first of each process, which compiles; the range; the worst peak. */
function row(measured: readonly Measured[]): string {
  const later = measured.flatMap(({ steps }) => steps.slice(1));
  const column = (name: string): number[] => columnOf(later, name);
  const total = column("total");
  const range = `${seconds(total[0])} to ${seconds(total.at(-1))}`;
  const parts = Object.keys(later[0] ?? {}).filter((name) => name !== "total");
  const where = parts.map((name) => `${name} ${seconds(median(column(name)))}`).join(", ");
  const first = median(measured.map(({ steps }) => steps[0]?.["total"] ?? NaN).sort((a, b) => a - b));
  const peak = Math.max(...measured.map(({ peakBytes }) => peakBytes));
  return `${seconds(median(total))} (${range}) | ${seconds(first)} | ${(peak / 1e9).toFixed(1)} GB | ${where}`;
}

function columnOf(steps: Measured["steps"], name: string): number[] {
  return steps.map((step) => step[name] ?? NaN).sort((a, b) => a - b);
}

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function seconds(value: number | undefined): string {
  return `${(value ?? NaN).toFixed(2)} s`;
}

function describe({ groupSize, promptTokens, completionTokens }: StepShape): string {
  return `G = ${groupSize}, ${promptTokens} prompt tokens, ${completionTokens} completion tokens`;
}

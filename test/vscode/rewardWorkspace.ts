import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { makeTinyWorkspace, onlyRunDir, tinyName } from "./tinyWorkspace.ts";

export const overlapFile = path.join("rewards", "overlap.ts");
export const brevityFile = path.join("rewards", "brevity.py");

/** A reward of the workspace in TypeScript: what share of prediction and truth is common, boxes left out. */
export const overlapText = `import type { Prediction, Truth } from "./shapes.ts";

export function overlap(completion: { parsed: Prediction }, { truth }: { truth: Truth }) {
  if (truth.task !== "temporal-grounding") return null;
  const segment = completion.parsed.segment;
  if (!segment) {
    return { value: 0, parts: { tiou: 0 }, reason: "no segment" };
  }
  const common = Math.min(segment.endSec, truth.segment.endSec) - Math.max(segment.startSec, truth.segment.startSec);
  const whole = Math.max(segment.endSec, truth.segment.endSec) - Math.min(segment.startSec, truth.segment.startSec);
  const tiou = Math.max(0, common) / whole;
  return { value: tiou, parts: { tiou } };
}
`;

const shapesText = `interface Segment {
  startSec: number;
  endSec: number;
}

export interface Prediction {
  segment?: Segment;
}

export type Truth = { task: "temporal-grounding"; segment: Segment } | { task: "tracking" };
`;

/** A reward as TRL calls it. */
export const brevityText = `def brevity(completions, **kwargs):
    scores = []
    for text in completions:
        words = len(text.split())
        scores.append(1.0 / (1 + words))
    return scores
`;

/** The tiny workspace with a finished run of three steps that both functions have rewarded. */
export async function makeRewardWorkspace(): Promise<string> {
  const dir = await makeTinyWorkspace();
  fs.mkdirSync(path.join(dir, "rewards"));
  fs.writeFileSync(path.join(dir, overlapFile), overlapText);
  fs.writeFileSync(path.join(dir, "rewards", "shapes.ts"), shapesText);
  fs.writeFileSync(path.join(dir, brevityFile), brevityText);
  const specFile = path.join(dir, `${tinyName}.rft.json`);
  // SAFETY: written by makeTinyWorkspace just before.
  const spec = JSON.parse(fs.readFileSync(specFile, "utf8")) as { rewards: unknown[]; grpo: Record<string, unknown> };
  spec.rewards = [
    { name: "format" },
    { file: "rewards/overlap.ts", function: "overlap" },
    { file: "rewards/brevity.py", function: "brevity", signature: "trl", weight: 0.1 },
  ];
  spec.grpo = { ...spec.grpo, steps: 3 };
  fs.writeFileSync(specFile, JSON.stringify(spec, null, 2));
  const cli = path.resolve("dist", "engine", "cli.cjs");
  execFileSync(process.execPath, [cli, "run", specFile, "--now"], { stdio: ["ignore", "ignore", "inherit"] });
  if (onlyRunDir(dir) === null) throw new Error("the run left no folder");
  return dir;
}

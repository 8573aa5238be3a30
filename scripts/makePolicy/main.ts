import path from "node:path";
import { parseArgs } from "node:util";
import { writeCheckpoint } from "../../src/engine/policy/checkpoint.ts";
import type { Policy } from "../../src/engine/policy/policy.ts";
import { applyGradients, createOptimizer } from "../../src/engine/policy/trainer.ts";
import { makeScene } from "../../src/engine/samples/scene.ts";
import { accumulateTarget } from "../../src/engine/sft/sftStep.ts";
import { elementCount } from "../../src/engine/graph/types.ts";
import { GraphCache } from "../../src/engine/runtime/graphCache.ts";
import { createPolicy, reopenPolicy } from "./newPolicy.ts";
import { phases, sight, type Phase } from "./phases.ts";
import { probe } from "./probe.ts";
import { accumulateSight, readoutOf, visionPart } from "./sight.ts";
import { frameTimesSec, targetOf, taskClip } from "./targets.ts";
import type { Looseness } from "./lessons.ts";

/**
 * Makes the bundled policy from the generator alone: a tokenizer for its closed world, random weights, and a cold start by
 * supervised fine-tuning on scenes that the sample workspace does not hold. `npm run make:policy`.
 */
const { values: args } = parseArgs({
  options: {
    out: { type: "string", default: path.join("examples", "moving-shapes", "policy") },
    phase: { type: "string" }, // go on with this phase from the policy in --out
    threads: { type: "string", default: "2" },
  },
});
/** Seed of the lessons' scenes; the sample workspace has another. */
const seed = 1000;
const loose: Looseness = { segmentSec: 1.5, boxMargin: 0.3 };
const adam = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, maxGradNorm: 1 };
const reportSteps = 50;
const probeSteps = 200;

const threads = Number(args.threads);
const first = args.phase === undefined ? 0 : phases.findIndex((phase) => phase.name === args.phase);
if (first < 0) throw new Error(`no phase "${args.phase ?? ""}"; there are: ${phases.map((p) => p.name).join("; ")}`);
const policy =
  args.phase === undefined ? await createPolicy(args.out, seed, loose, threads) : await reopenPolicy(args.out, threads);
if (args.phase === undefined) {
  await teachSight(policy);
  await writeCheckpoint(args.out, policy.checkpoint, "bfloat16");
}
for (const phase of phases.slice(first)) {
  await teach(policy, phase);
  await report(policy, phase);
  await writeCheckpoint(args.out, policy.checkpoint, "bfloat16");
}
await policy.graphs.dispose();

/** One phase of the cold start: SFT with warm-up and cosine decay. */
async function teach(taught: Policy, phase: Phase): Promise<void> {
  const optimizer = createOptimizer(taught, adam);
  const startedMs = Date.now();
  let smoothLoss = 0;
  for (let step = 0; step < phase.steps; step++) {
    const targets = Array.from({ length: phase.clipsPerStep }, (_, i) => {
      const scene = makeScene(seed, phase.firstScene + step * phase.clipsPerStep + i);
      return targetOf(taught, scene, phase.lessons, loose);
    });
    const answerTokens = targets
      .flatMap((target) => target.isTarget_G_T ?? [])
      .flat()
      .filter(Boolean).length;
    let loss = 0;
    for (const target of targets) loss += await accumulateTarget(taught, optimizer, target, answerTokens);
    await applyGradients(taught, optimizer, phase.learningRate * schedule(step, phase.steps), 0.01);
    smoothLoss = step === 0 ? loss : smoothLoss * 0.97 + loss * 0.03;
    if (step > 0 && step % probeSteps === 0) {
      await report(taught, phase);
      await writeCheckpoint(args.out, taught.checkpoint, "bfloat16");
    }
    if (step % reportSteps === 0) {
      const secPerStep = (Date.now() - startedMs) / 1000 / (step + 1);
      process.stdout.write(
        `${phase.name}: step ${step}/${phase.steps}  loss ${smoothLoss.toFixed(3)}  ${secPerStep.toFixed(2)} s/step\n`,
      );
    }
  }
}

/** The vision tower alone. */
async function teachSight(taught: Policy): Promise<void> {
  const all = createOptimizer(taught, adam);
  const trainable = visionPart(taught.config);
  const gradients = new Map(trainable.map(({ name, shape }) => [name, new Float32Array(elementCount(shape))]));
  const optimizer = { ...all, trainable, gradients };
  const alone = { ...taught, graphs: new GraphCache({ threads }) };
  const readout = readoutOf(taught.config);
  const startedMs = Date.now();
  for (let step = 0; step < sight.steps; step++) {
    const sums: Record<string, number> = {};
    for (let i = 0; i < sight.clipsPerStep; i++) {
      const scene = makeScene(seed, sight.firstScene + step * sight.clipsPerStep + i);
      const weight = 1 / sight.clipsPerStep;
      const losses = await accumulateSight(alone, optimizer, scene, taskClip(scene), frameTimesSec, weight, readout);
      for (const [name, loss] of Object.entries(losses)) sums[name] = (sums[name] ?? 0) + loss * weight;
    }
    await applyGradients(alone, optimizer, sight.learningRate * schedule(step, sight.steps), 0.01);
    if (step % reportSteps === 0) {
      const text = Object.entries(sums)
        .map(([name, loss]) => `${name} ${loss.toFixed(2)}`)
        .join(", ");
      const secPerStep = (Date.now() - startedMs) / 1000 / (step + 1);
      process.stdout.write(`sight: step ${step}/${sight.steps}  ${text}  ${secPerStep.toFixed(2)} s/step\n`);
    }
  }
  await alone.graphs.dispose();
}

function schedule(step: number, steps: number): number {
  const warmup = Math.min(1, (step + 1) / 100);
  return warmup * (0.02 + 0.98 * 0.5 * (1 + Math.cos((Math.PI * step) / steps)));
}

/** Prints what the policy can see by now. */
async function report(taught: Policy, phase: Phase): Promise<void> {
  const scores = Object.entries(await probe(taught, seed + 500, phase.lessons));
  process.stdout.write(`  sees: ${scores.map(([name, value]) => `${name} ${value.toFixed(3)}`).join(", ")}\n`);
}

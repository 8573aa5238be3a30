import path from "node:path";
import { parseArgs } from "node:util";
import { elementCount } from "../../src/engine/graph/types.ts";
import { writeCheckpoint } from "../../src/engine/policy/checkpoint.ts";
import { trainableSpecs, type Policy } from "../../src/engine/policy/policy.ts";
import { applyGradients, createOptimizer } from "../../src/engine/policy/trainer.ts";
import { GraphCache } from "../../src/engine/runtime/graphCache.ts";
import { makeScene } from "../../src/engine/samples/scene.ts";
import { accumulateTarget } from "../../src/engine/sft/sftStep.ts";
import { createPolicy, reopenPolicy } from "./newPolicy.ts";
import { phases, sight, type Phase } from "./phases.ts";
import { probe } from "./probe.ts";
import { clipOf, createSight, glimpsesOf, visionPart } from "./sight.ts";
import { targetOf } from "./targets.ts";

/**
 * Makes the bundled policy from the generator alone: a tokenizer for its closed world, random weights, and a cold start by
 * supervised fine-tuning on scenes that the sample workspace does not hold. `npm run make:policy`.
 */
const { values: args } = parseArgs({
  options: {
    out: { type: "string", default: path.join("examples", "moving-shapes", "policy") },
    phase: { type: "string" }, // go on with this phase from the policy in --from
    from: { type: "string" }, // by default --out
    threads: { type: "string", default: "2" },
  },
});
/** Seed of the lessons' scenes; the sample workspace has another. */
const seed = 1000;
const adam = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, maxGradNorm: 1 };
const reportSteps = 50;
const probeSteps = 500;

const threads = Number(args.threads);
const names = [sight.name, ...phases.map((phase) => phase.name)];
const first = args.phase === undefined ? 0 : names.indexOf(args.phase);
if (first < 0) throw new Error(`no phase "${args.phase ?? ""}"; there are: ${names.join("; ")}`);
const policy =
  first === 0 ? await createPolicy(args.out, seed, threads) : await reopenPolicy(args.from ?? args.out, threads);
if (first === 0) await teachSight(policy);
for (const phase of phases.slice(Math.max(0, first - 1))) await teach(policy, phase);
await policy.graphs.dispose();

/** One phase of the cold start: SFT with warm-up and cosine decay. */
async function teach(taught: Policy, phase: Phase): Promise<void> {
  const optimizer = createOptimizer(trainableSpecs(taught), adam, taught.graphs.device);
  await inSteps(
    phase,
    async (step) => {
      const targets = Array.from({ length: phase.clipsPerStep }, (_, i) => {
        const scene = makeScene(seed, phase.firstScene + step * phase.clipsPerStep + i);
        return targetOf(taught, scene, phase.lessons, phase.looseness);
      });
      const answerTokens = targets
        .flatMap((target) => target.isTarget_G_T ?? [])
        .flat()
        .filter(Boolean).length;
      let loss = 0;
      for (const target of targets) loss += await accumulateTarget(taught, optimizer, target, answerTokens);
      await applyGradients(taught, optimizer, phase.learningRate * schedule(step, phase.decaySteps), 0.01);
      return { loss };
    },
    () => probe(taught, seed + 500, phase.lessons),
  );
}

/** The vision tower alone. */
async function teachSight(taught: Policy): Promise<void> {
  const trainable = visionPart(taught.config);
  const gradients = new Map(trainable.map(({ name, shape }) => [name, new Float32Array(elementCount(shape))]));
  const optimizer = { ...createOptimizer(trainableSpecs(taught), adam, taught.graphs.device), trainable, gradients };
  const alone = { ...taught, graphs: new GraphCache({ threads, hasArena: true }) };
  const lessons = createSight(alone, optimizer);
  const heldOut = Array.from({ length: 40 }, (_, i) => clipOf(makeScene(seed + 500, i)));
  await inSteps(
    sight,
    async (step) => {
      const sums: Record<string, number> = {};
      for (let i = 0; i < sight.clipsPerStep; i++) {
        const losses = await lessons.accumulate(
          glimpsesOf(seed, step * sight.clipsPerStep + i),
          1 / sight.clipsPerStep,
        );
        for (const [name, loss] of Object.entries(losses)) sums[name] = (sums[name] ?? 0) + loss / sight.clipsPerStep;
      }
      await applyGradients(alone, optimizer, sight.learningRate * schedule(step, sight.decaySteps), 0.01);
      return sums;
    },
    () => lessons.score(heldOut),
  );
  await alone.graphs.dispose();
}

/** Runs the steps of a phase; prints what it comes to and saves it now and then, and at the end. */
async function inSteps(
  { name, steps }: { readonly name: string; readonly steps: number },
  take: (step: number) => Promise<Record<string, number>>,
  scores: () => Promise<Record<string, number>>,
): Promise<void> {
  const startedMs = Date.now();
  let smooth: Record<string, number> = {};
  for (let step = 0; step < steps; step++) {
    const losses = await take(step);
    smooth = Object.fromEntries(
      Object.entries(losses).map(([key, loss]) => [key, 0.97 * (smooth[key] ?? loss) + 0.03 * loss]),
    );
    const done = step + 1;
    if (done % reportSteps === 0) {
      const secPerStep = (Date.now() - startedMs) / 1000 / done;
      print(`${name}: step ${done}/${steps}  ${textOf(smooth)}  ${secPerStep.toFixed(2)} s/step`);
    }
    if (done % probeSteps === 0 || done === steps) {
      print(`  on other scenes: ${textOf(await scores())}`);
      await writeCheckpoint(args.out, policy.checkpoint, "bfloat16");
    }
  }
}

/** Share of the learning rate: warm-up, then a cosine down to 2 %. */
function schedule(step: number, decaySteps: number): number {
  const warmup = Math.min(1, (step + 1) / 100);
  return warmup * (0.02 + 0.98 * 0.5 * (1 + Math.cos((Math.PI * step) / decaySteps)));
}

function textOf(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([key, value]) => `${key} ${value.toFixed(3)}`)
    .join(", ");
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

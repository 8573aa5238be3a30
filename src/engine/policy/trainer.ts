import path from "node:path";
import { elementCount } from "../graph/types.ts";
import type { Device, Resident } from "../runtime/device.ts";
import type { CompiledGraph, Feeds } from "../runtime/session.ts";
import { buildAdamW, buildGradientNorm, type AdamWOptions, type TrainableSpec } from "./optimizerGraph.ts";
import { tensorOf, trainableSpecs, type Policy } from "./policy.ts";
import { SafetensorsFile, writeSafetensors } from "./safetensors.ts";
import { nameInPolicy } from "./segments.ts";

/** Gradients, AdamW's moments and the step count: what training holds beside the weights. */
export interface OptimizerState {
  readonly trainable: readonly TrainableSpec[];
  readonly gradients: ReadonlyMap<string, Float32Array>;
  readonly m: ReadonlyMap<string, Float32Array>;
  readonly v: ReadonlyMap<string, Float32Array>;
  readonly options: AdamWOptions;
  /** Where all of them are while graphs read and write them; `downloadState` brings them into the arrays. */
  readonly device: Device;
  step: number;
}

export function createOptimizer(
  trainable: readonly TrainableSpec[],
  options: AdamWOptions,
  device: Device,
): OptimizerState {
  const zeros = (): Map<string, Float32Array> =>
    new Map(trainable.map(({ name, shape }) => [name, new Float32Array(elementCount(shape))]));
  return { trainable, gradients: zeros(), m: zeros(), v: zeros(), options, device, step: 0 };
}

/**
 * Feeds and in-place outputs for the gradients that a graph adds to.
 * @param firstLayer number in the policy of the graph's first layer
 */
export function gradientBuffers(
  optimizer: OptimizerState,
  graph: CompiledGraph,
  firstLayer = 0,
): { feeds: Feeds; into: Feeds } {
  const prefix = "grad.";
  const feeds: Record<string, Resident> = {};
  const into: Record<string, Resident> = {};
  for (const name of graph.inputNames) {
    if (!name.startsWith(prefix)) continue;
    const array = need(optimizer.gradients, nameInPolicy(name.slice(prefix.length), firstLayer));
    const data = optimizer.device.resident(array);
    feeds[name] = data;
    into[`new_${name}`] = data;
  }
  return { feeds, into };
}

/**
 * *Apply*: clips the accumulated gradients by their global norm, steps AdamW in place and clears the gradients.
 * @returns the norm before clipping; when it is not finite nothing is changed
 */
export async function applyGradients(
  policy: Policy,
  optimizer: OptimizerState,
  learningRate: number,
  weightDecay: number,
): Promise<number> {
  const { trainable, options, device } = optimizer;
  const norm = await gradientNorm(policy, optimizer);
  if (!Number.isFinite(norm)) return norm;
  const graph = await policy.graphs.get("adamw", () => buildAdamW(trainable, options));
  const step = optimizer.step + 1;
  const feeds: Record<string, Resident> = {
    step_size: Float32Array.of(learningRate / (1 - options.beta1 ** step)),
    inverse_correction: Float32Array.of(1 / Math.sqrt(1 - options.beta2 ** step)),
    keep: Float32Array.of(1 - learningRate * weightDecay),
  };
  const into: Record<string, Resident> = {};
  for (const { name } of trainable) {
    const weight = device.resident(tensorOf(policy, name));
    const m = device.resident(need(optimizer.m, name));
    const v = device.resident(need(optimizer.v, name));
    const gradient = device.resident(need(optimizer.gradients, name));
    Object.assign(feeds, { [name]: weight, [`m.${name}`]: m, [`v.${name}`]: v, [`grad.${name}`]: gradient });
    Object.assign(into, { [`new.${name}`]: weight, [`new_m.${name}`]: m, [`new_v.${name}`]: v });
  }
  const { grad_norm } = await graph.run(feeds, into);
  optimizer.step = step;
  clearGradients(optimizer);
  return Number(grad_norm?.[0]);
}

export function clearGradients(optimizer: OptimizerState): void {
  for (const gradient of optimizer.gradients.values()) optimizer.device.zero(gradient);
}

/** Brings what training has changed on the device into the arrays: before they are saved, or read in any other way. */
export async function downloadState(policy: Policy, optimizer: OptimizerState): Promise<void> {
  const { trainable, gradients, m, v, device } = optimizer;
  for (const { name } of trainable) await device.download(tensorOf(policy, name));
  for (const arrays of [gradients, m, v]) for (const array of arrays.values()) await device.download(array);
}

/** Optimizer state and float32 master weights: what an exact resume needs beside the checkpoint's rounded weights. */
export async function saveTrainingState(dir: string, policy: Policy, optimizer: OptimizerState): Promise<void> {
  const tensors = optimizer.trainable.flatMap(({ name, shape }) => [
    { name: `weight.${name}`, shape, data: tensorOf(policy, name) },
    { name: `m.${name}`, shape, data: need(optimizer.m, name) },
    { name: `v.${name}`, shape, data: need(optimizer.v, name) },
  ]);
  await writeSafetensors(path.join(dir, stateFile), tensors, "float32", { step: String(optimizer.step) });
}

/** Reads what `saveTrainingState` wrote into the policy and optimizer given. */
export async function loadTrainingState(dir: string, policy: Policy, optimizer: OptimizerState): Promise<void> {
  const file = await SafetensorsFile.open(path.join(dir, stateFile));
  try {
    for (const { name } of trainableSpecs(policy)) tensorOf(policy, name).set(await file.read(`weight.${name}`));
    for (const { name } of optimizer.trainable) {
      need(optimizer.m, name).set(await file.read(`m.${name}`));
      need(optimizer.v, name).set(await file.read(`v.${name}`));
    }
    optimizer.step = Number(file.metadata["step"]);
  } finally {
    await file.close();
  }
}

const stateFile = "trainer.safetensors";

async function gradientNorm(policy: Policy, optimizer: OptimizerState): Promise<number> {
  const { trainable, device } = optimizer;
  if (device.hasOwnMemory) {
    const graph = await policy.graphs.get("gradient_norm", () => buildGradientNorm(trainable));
    const { grad_norm } = await graph.run(gradientBuffers(optimizer, graph).feeds);
    return Number(grad_norm?.[0]);
  }
  let sum = 0;
  for (const gradient of optimizer.gradients.values()) for (const x of gradient) sum += x * x;
  return Math.sqrt(sum);
}

function need(map: ReadonlyMap<string, Float32Array>, name: string): Float32Array {
  const data = map.get(name);
  if (data === undefined) throw new Error(`internal: no optimizer state for ${name}`);
  return data;
}

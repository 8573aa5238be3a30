import path from "node:path";
import type { Provider } from "../../protocol/device.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import { elementCount } from "../graph/types.ts";
import { readCheckpointConfig, type Checkpoint, type Weights } from "../policy/checkpoint.ts";
import { adapterSpecs, loraConfigOf, type LoraConfig } from "../policy/lora.ts";
import type { PolicyConfig } from "../policy/config.ts";
import { readMergedCheckpoint } from "../policy/mergedCheckpoint.ts";
import { trainableSpecs, type Policy } from "../policy/policy.ts";
import { readTokenizer } from "../policy/tokenizer.ts";
import { createOptimizer, loadTrainingState, type OptimizerState } from "../policy/trainer.ts";
import { seededRandom } from "../rollout/tokenChoice.ts";
import { GraphCache } from "../runtime/graphCache.ts";
import type { ActivationLimits } from "../policy/activations.ts";
import {
  activationLimits,
  cardRoom,
  leastLoad,
  machineRoom,
  policyMemory,
  policyUse,
  requireMemory,
  type MemoryRoom,
  type PolicyUse,
} from "./policyMemory.ts";

/** What a policy is computed on. */
export interface PolicyDevice {
  readonly provider: Provider;
  /** Of its own; null where it has none, or nobody knows. */
  readonly memoryBytes: number | null;
}

export interface OpenedPolicy {
  readonly policy: Policy;
  readonly optimizer: OptimizerState;
}

/**
 * The policy of a run: the spec's model, its adapters, and the optimizer, as a checkpoint left them where there is one.
 * @param trains false leaves out what only training needs: the reference's copy, gradients and moments
 * @throws UserError "bad-checkpoint"; "unsupported" when it does not fit into memory
 */
export async function openPolicy(
  spec: RunSpec,
  baseDir: string,
  checkpointDir: string | null,
  threads: number,
  trains = true,
  device: PolicyDevice = { provider: "cpu", memoryBytes: null },
): Promise<OpenedPolicy> {
  const dir = path.resolve(baseDir, spec.policy.model);
  const use = policyUse(spec, trains);
  const limits = requireRooms(dir, await readCheckpointConfig(dir), use, device);
  const checkpoint = await readMergedCheckpoint(dir);
  const { config } = checkpoint;
  const lora = loraConfigOf(spec.policy);
  const optimisation = spec.method === "grpo" ? spec.grpo : spec.sft;
  const needsCopy = trains && lora === null && use.hasReference;
  const policy: Policy = {
    checkpoint,
    config,
    tokenizer: await readTokenizer(checkpoint.modelDir, config),
    lora,
    adapters: lora === null ? new Map<string, Float32Array>() : newAdapters(config, lora, optimisation.seed),
    reference: needsCopy ? new Map([...checkpoint.weights].map(([name, data]) => [name, data.slice()])) : null,
    freezeVision: spec.policy.freezeVision,
    graphs: new GraphCache({ threads, provider: device.provider, hasArena: weightBytes(checkpoint) < smallBytes }),
    limits,
    visualCache: new Map(),
    visualStore: null,
  };
  const adamw = {
    beta1: optimisation.adamBeta1,
    beta2: optimisation.adamBeta2,
    epsilon: optimisation.adamEpsilon,
    maxGradNorm: optimisation.maxGradNorm,
  };
  const optimizer = createOptimizer(trains ? trainableSpecs(policy) : [], adamw, policy.graphs.device);
  if (checkpointDir !== null) await loadTrainingState(checkpointDir, policy, optimizer);
  return { policy, optimizer };
}

/**
 * A policy is read to the machine's memory; where the card's is known, it is computed in that.
 * @returns limits of its graphs
 */
function requireRooms(
  dir: string,
  config: PolicyConfig,
  use: PolicyUse,
  { memoryBytes }: PolicyDevice,
): ActivationLimits {
  const limitsIn = (room: MemoryRoom): ActivationLimits => {
    const memory = policyMemory(config, use, leastLoad, room.bytes);
    requireMemory(dir, memory, use, room);
    return activationLimits(memory, room.bytes);
  };
  const inMachine = limitsIn(machineRoom());
  return memoryBytes === null ? inMachine : limitsIn(cardRoom(memoryBytes));
}

/** Below this a policy's activations are small too, and speed counts for more than memory. */
const smallBytes = 64e6;

function weightBytes({ weights }: Checkpoint): number {
  return [...weights.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** A uniform in +-1 / sqrt(in) (kaiming_uniform with a = sqrt 5), B zero: the adapter starts as nothing (PEFT's default). */
function newAdapters(config: PolicyConfig, lora: LoraConfig, seed: number): Weights {
  const random = seededRandom(seed);
  return new Map(
    adapterSpecs(config, lora).map(({ name, shape, matrix }) => {
      const bound = 1 / Math.sqrt(shape[1] ?? 1);
      const draw = (): number => (matrix === "A" ? bound * (2 * random() - 1) : 0);
      return [name, Float32Array.from({ length: elementCount(shape) }, draw)];
    }),
  );
}

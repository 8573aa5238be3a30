import os from "node:os";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import { elementCount } from "../graph/types.ts";
import { readCheckpointConfig } from "../policy/checkpoint.ts";
import type { PolicyConfig } from "../policy/config.ts";
import { adapterSpecs, loraConfigOf, type LoraConfig } from "../policy/lora.ts";
import {
  completionBytes,
  completionLayerBytes,
  completionPlan,
  headRowBytes,
  limitsFor,
  promptLayerBytes,
  promptSegments,
  type ActivationLimits,
} from "../policy/activations.ts";
import { parameterSpecs } from "../policy/parameters.ts";
import type { Segment } from "../policy/segments.ts";

/** What a policy holds in memory, in bytes. Everything is float32 there, whatever the file holds. */
export interface PolicyMemory {
  /** One copy, which all graphs read. */
  readonly weights: number;
  /** The copy that stays the reference of full training with a KL term. */
  readonly reference: number;
  /** Gradients and AdamW's two moments. */
  readonly optimizer: number;
  /** What the largest graph of a step holds, and what is handed from graph to graph. */
  readonly activations: number;
  readonly total: number;
}

export interface PolicyUse {
  /** null trains all weights, or those of the decoder. */
  readonly lora: LoraConfig | null;
  readonly freezeVision: boolean;
  /** Whether the loss has a KL term. */
  readonly hasReference: boolean;
  /** false: only samples. */
  readonly trains: boolean;
}

/** Tokens that activations are reckoned with. */
export interface PolicyLoad {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** @param available memory of the machine, which decides how the decoder is cut where it is scarce */
export function policyMemory(
  config: PolicyConfig,
  use: PolicyUse,
  load: PolicyLoad,
  available = machineBytes(),
): PolicyMemory {
  const specs = parameterSpecs(config);
  const floats = (some: readonly { readonly shape: readonly number[] }[]): number =>
    some.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const adapters = use.lora === null ? [] : adapterSpecs(config, use.lora);
  const trained = use.lora === null ? specs.filter(({ part }) => !(use.freezeVision && part === "vision")) : adapters;
  const weights = 4 * (floats(specs) + floats(adapters));
  const reference = use.trains && use.lora === null && use.hasReference ? weights : 0;
  const optimizer = use.trains ? 12 * floats(trained) : 0;
  const held = weights + reference + optimizer;
  const cache = 8 * load.promptTokens * config.text.layers * config.text.kvHeads * config.text.headDim;
  const activations = use.trains
    ? 2 * cache + trainingBytes(config, load, limitsFor(held, available))
    : cache + promptLayerBytes(config, load.promptTokens);
  return { weights, reference, optimizer, activations, total: held + activations + programBytes };
}

/** Node, onnxruntime and compiled graphs. */
const programBytes = 0.25e9;

/** Limits of a policy's graphs in the memory that they are computed in. */
export function activationLimits(
  { weights, reference, optimizer }: PolicyMemory,
  available = machineBytes(),
): ActivationLimits {
  return limitsFor(weights + reference + optimizer, available);
}

/** What the graph of a step that holds most holds: of a segment of the prompt, or of a micro-batch of up to 8 completions. */
function trainingBytes(config: PolicyConfig, load: PolicyLoad, limits: ActivationLimits): number {
  const { promptTokens, completionTokens } = load;
  const { hiddenSize } = config.text;
  const ofPrompt = promptSegments(config, promptTokens, limits);
  const promptStates = ofPrompt.length === 1 ? 0 : 4 * hiddenSize * promptTokens * ofPrompt.length;
  const prompt = longest(ofPrompt) * promptLayerBytes(config, promptTokens);
  const shape = { promptLength: promptTokens, count: 1, completionLength: completionTokens };
  const plan = completionPlan(config, shape, limits);
  const each = completionBytes(config, shape);
  const completions =
    plan.kind === "whole"
      ? each * Math.min(8, Math.floor(limits.bytes / each))
      : Math.max(longest(plan.segments) * completionLayerBytes(config, shape), plan.headRows * headRowBytes(config)) +
        4 * hiddenSize * completionTokens * plan.segments.length;
  return promptStates + Math.max(prompt, completions);
}

function longest(segments: readonly Segment[]): number {
  return Math.max(...segments.map(({ count }) => count));
}

/** The least that a run is sure to need: a prompt with little to see, and a completion. */
export const leastLoad: PolicyLoad = { promptTokens: 128, completionTokens: 16 };

export function policyUse(spec: RunSpec, trains: boolean): PolicyUse {
  const hasReference = spec.method === "grpo" && spec.grpo.beta > 0;
  return { lora: loraConfigOf(spec.policy), freezeVision: spec.policy.freezeVision, hasReference, trains };
}

/** Memory that this process may use: the machine's, or the limit of its container. */
export function machineBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, os.totalmem()) : os.totalmem();
}

/** Memory that a policy is to lie in. */
export interface MemoryRoom {
  readonly owner: "this machine" | "its graphics card";
  readonly bytes: number;
  /** What other policies hold of it. */
  readonly heldBytes?: number;
}

export function machineRoom(): MemoryRoom {
  return { owner: "this machine", bytes: machineBytes() };
}

/** Memory of the graphics card that a policy is computed on. */
export function cardRoom(bytes: number): MemoryRoom {
  return { owner: "its graphics card", bytes };
}

/**
 * Beside policies that hold memory already, a policy that only samples must fit into the rest: asked before its process is
 * started.
 * @throws UserError "bad-checkpoint"; "unsupported" as requireMemory
 */
export async function requireMemoryBeside(spec: RunSpec, baseDir: string, heldBytes: number): Promise<void> {
  const dir = path.resolve(baseDir, spec.policy.model);
  const use = policyUse(spec, false);
  const memory = policyMemory(await readCheckpointConfig(dir), use, leastLoad);
  requireMemory(dir, memory, use, { ...machineRoom(), heldBytes });
}

/**
 * Before weights are read: a policy that does not fit would end the process halfway, or bring the machine to a halt.
 * @throws UserError "unsupported" with what it would need
 */
export function requireMemory(
  dir: string,
  memory: PolicyMemory,
  use: PolicyUse,
  { owner, bytes, heldBytes = 0 }: MemoryRoom,
): void {
  if (memory.total <= bytes - heldBytes) return;
  const parts = [
    `weights ${inGigabytes(memory.weights)}`,
    ...(memory.reference > 0 ? [`reference policy ${inGigabytes(memory.reference)}`] : []),
    ...(memory.optimizer > 0 ? [`gradients and moments ${inGigabytes(memory.optimizer)}`] : []),
    `activations ${inGigabytes(memory.activations)}`,
  ];
  throw new UserError({
    code: "unsupported",
    where: dir,
    message:
      `the policy needs about ${inGigabytes(memory.total)} of memory (${parts.join(", ")}); ` +
      `${owner} has ${inGigabytes(bytes)}${heldBytes > 0 ? `, of which another policy holds ${inGigabytes(heldBytes)}` : ""}.`,
    hint: [
      ...(owner === "this machine" ? [] : ['Compute on the CPU ("policy": { "device": "cpu" }).']),
      ...(heldBytes > 0 ? ["Close the other policy."] : []),
      ...(use.trains && use.lora === null ? ['Train adapters instead ("policy": { "lora": { "rank": 16 } }).'] : []),
      "Take a smaller checkpoint, or a machine with more memory.",
    ].join(" Or: "),
  });
}

function inGigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

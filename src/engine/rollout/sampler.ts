import type { FinishReason } from "../../protocol/records.ts";
import { concatenated } from "../policy/concatenated.ts";
import { buildDecodeStep } from "../policy/decodeStep.ts";
import { weightFeeds, type Policy } from "../policy/policy.ts";
import { masked } from "../policy/policyGraph.ts";
import type { PreparedPrompt } from "../policy/preparedPrompt.ts";
import { computePromptKv, type PromptKv } from "../policy/promptKv.ts";
import { completionRotary } from "../policy/rotary.ts";
import type { Device, Resident } from "../runtime/device.ts";
import type { TensorData } from "../runtime/session.ts";
import { chooseToken, seededRandom, topTokens, type ChoiceOptions, type TopToken } from "./tokenChoice.ts";

export interface GroupRequest {
  readonly prompt: PreparedPrompt;
  readonly seed: number;
  /** The prompt's keys and values, where the caller has them; else they are computed here. */
  readonly kv?: PromptKv;
}

export interface SamplerOptions extends ChoiceOptions {
  readonly groupSize: number;
  readonly maxCompletionLength: number;
  /** Ends the sampling between two tokens: what was sampled until then is given. */
  readonly signal?: AbortSignal | undefined;
  /** Called after every token with the completions so far, by prompt; they go on growing after the call. */
  readonly onToken?: ((sampled: readonly (readonly GrowingCompletion[])[]) => void) | undefined;
  /** Most likely tokens that are kept beside each sampled one. */
  readonly keepTopTokens?: number | undefined;
}

/** A completion while it is sampled. */
export interface GrowingCompletion {
  readonly tokens: readonly number[];
  readonly finishReason: FinishReason | null;
}

export interface Completion {
  readonly tokens_T: Int32Array;
  readonly logprobs_T: Float32Array;
  readonly entropies_T: Float32Array;
  /** null: the sampling was cancelled before this completion ended. */
  readonly finishReason: FinishReason | null;
  /** The N most likely tokens at each place, [T * N]; absent when none are kept. */
  readonly alternatives?: {
    readonly count: number;
    readonly tokens_TN: Int32Array;
    readonly logprobs_TN: Float32Array;
  };
}

type Outputs = Readonly<Record<string, TensorData>>;

/** Slots for decoded tokens grow by this much at a time, so that short completions pay for short attention. */
const slotBucket = 32;
const padBucket = 64;

/**
 * Samples a group of completions of each prompt, all together: one prefill a prompt, then one graph run a token for every
 * row that is still going. A completion's randomness depends on its prompt's seed and its index alone.
 * @returns completions by prompt, groupSize each; those that had not ended when the signal was aborted say so
 */
export async function sampleGroups(
  policy: Policy,
  requests: readonly GroupRequest[],
  options: SamplerOptions,
): Promise<readonly (readonly Completion[])[]> {
  const { groupSize, maxCompletionLength, signal, onToken } = options;
  const rows = Array.from({ length: requests.length * groupSize }, (_, row) => newRow(requests, row, groupSize));
  let batch: Batch = {
    requests,
    groupSize,
    rows,
    cache: await prefillAll(policy, requests),
    own: { slots: 0, feeds: {} },
  };
  try {
    for (let position = 0; position < maxCompletionLength; position++) {
      if (signal?.aborted === true) break;
      if (position === batch.own.slots) batch = await withMoreSlots(policy, batch);
      const logits_B_V = await decodeStep(policy, batch, position);
      takeTokens(policy, batch.rows, logits_B_V, options);
      onToken?.(byPrompt(rows, groupSize));
      if (batch.rows.every(isFinished)) break;
    }
  } finally {
    for (const array of cachesOf(batch)) policy.graphs.device.release(array);
  }
  return byPrompt(rows, groupSize).map((group) => group.map(completionOf));
}

function byPrompt(rows: readonly Row[], groupSize: number): Row[][] {
  return Array.from({ length: rows.length / groupSize }, (_, i) => rows.slice(i * groupSize, (i + 1) * groupSize));
}

/** What is decoded together: the rows of the prompts that have not ended. */
interface Batch {
  readonly requests: readonly GroupRequest[];
  readonly groupSize: number;
  readonly rows: readonly Row[];
  readonly cache: PromptCache;
  readonly own: OwnCache;
}

interface Row {
  input: number;
  readonly random: () => number;
  readonly tokens: number[];
  readonly logprobs: number[];
  readonly entropies: number[];
  readonly top: TopToken[];
  finishReason: FinishReason | null;
}

/** Keys and values of all prompts, stacked: per layer [prompts, kvHeads, P, headDim], as feeds. */
interface PromptCache {
  readonly promptLength: number;
  readonly feeds: Record<string, Float32Array>;
}

/** Keys and values of the completions: per layer [B, kvHeads, slots, headDim], as feeds. */
interface OwnCache {
  readonly slots: number;
  readonly feeds: Record<string, Float32Array>;
}

function isFinished(row: Row): boolean {
  return row.finishReason !== null;
}

/** Arrays that the device may have copies of from token to token. */
function cachesOf({ cache, own }: Batch): Float32Array[] {
  return [...Object.values(cache.feeds), ...Object.values(own.feeds)];
}

/** Room for `slotBucket` more tokens of the rows that still go on; rearranged in this process, wherever it is computed. */
async function withMoreSlots(policy: Policy, batch: Batch): Promise<Batch> {
  const { device } = policy.graphs;
  for (const array of Object.values(batch.own.feeds)) await device.download(array);
  const next = widen(policy, withoutFinished(policy, batch));
  const kept = new Set(cachesOf(next));
  for (const array of cachesOf(batch)) if (!kept.has(array)) device.release(array);
  return next;
}

/** Prompts whose completions have all ended are let go: long answers do not pay for short ones. */
function withoutFinished(policy: Policy, batch: Batch): Batch {
  const { groupSize, rows, cache, own } = batch;
  const rowsOf = (prompt: number): number[] => Array.from({ length: groupSize }, (_, k) => prompt * groupSize + k);
  const going = batch.requests.map((_, i) => i).filter((i) => !rowsOf(i).every((row) => isFinished(at(rows, row))));
  if (going.length === batch.requests.length) return batch;
  const goingRows = going.flatMap(rowsOf);
  const { kvHeads, headDim } = policy.config.text;
  const { prompt_mask, ...keysAndValues } = cache.feeds;
  return {
    requests: going.map((i) => at(batch.requests, i)),
    groupSize,
    rows: goingRows.map((row) => at(rows, row)),
    cache: {
      promptLength: cache.promptLength,
      feeds: {
        ...pickBlocks(keysAndValues, going, kvHeads * cache.promptLength * headDim),
        ...pickBlocks({ prompt_mask }, going, cache.promptLength),
      },
    },
    own: { slots: own.slots, feeds: pickBlocks(own.feeds, goingRows, kvHeads * own.slots * headDim) },
  };
}

/** Some blocks of `size` elements of each tensor. */
function pickBlocks(
  feeds: Readonly<Record<string, Float32Array | undefined>>,
  blocks: readonly number[],
  size: number,
): Record<string, Float32Array> {
  const picked: Record<string, Float32Array> = {};
  for (const [name, data] of Object.entries(feeds)) {
    if (data !== undefined) picked[name] = concatenated(blocks.map((i) => data.subarray(i * size, (i + 1) * size)));
  }
  return picked;
}

function at<T>(items: readonly T[], i: number): T {
  const item = items[i];
  if (item === undefined) throw new Error("internal: row missing");
  return item;
}

function newRow(requests: readonly GroupRequest[], row: number, groupSize: number): Row {
  const request = requests[Math.floor(row / groupSize)];
  if (request === undefined) throw new Error("internal: row without a prompt");
  const seed = Math.imul(request.seed + 1, 0x9e3779b1) ^ Math.imul((row % groupSize) + 1, 0x85ebca77);
  return {
    input: request.prompt.lastToken,
    random: seededRandom(seed),
    tokens: [],
    logprobs: [],
    entropies: [],
    top: [],
    finishReason: null,
  };
}

async function prefillAll(policy: Policy, requests: readonly GroupRequest[]): Promise<PromptCache> {
  const { kvHeads, headDim, layers } = policy.config.text;
  const longest = Math.max(...requests.map((r) => r.prompt.paddedLength));
  const promptLength = Math.ceil(longest / padBucket) * padBucket;
  const feeds: Record<string, Float32Array> = {};
  const perPrompt = kvHeads * promptLength * headDim;
  for (let layer = 0; layer < layers; layer++) {
    feeds[`prompt_k.${layer}`] = new Float32Array(requests.length * perPrompt);
    feeds[`prompt_v.${layer}`] = new Float32Array(requests.length * perPrompt);
  }
  const mask = new Float32Array(requests.length * promptLength);
  for (const [i, { prompt, kv }] of requests.entries()) {
    mask.fill(masked, i * promptLength + prompt.prefixLength, (i + 1) * promptLength);
    const { keys_L, values_L } = kv ?? (await computePromptKv(policy, prompt));
    for (let layer = 0; layer < layers; layer++) {
      for (const [kind, from] of [["k", keys_L[layer]] as const, ["v", values_L[layer]] as const]) {
        const to = feeds[`prompt_${kind}.${layer}`];
        if (from === undefined || to === undefined) throw new Error("internal: prefill output missing");
        for (let head = 0; head < kvHeads; head++) {
          const source = from.subarray(
            head * prompt.paddedLength * headDim,
            (head + 1) * prompt.paddedLength * headDim,
          );
          to.set(source, i * perPrompt + head * promptLength * headDim);
        }
      }
    }
  }
  feeds["prompt_mask"] = mask;
  return { promptLength, feeds };
}

/** The same keys and values in buffers with room for `slotBucket` more tokens. */
function widen(policy: Policy, batch: Batch): Batch {
  const { rows, own } = batch;
  const { kvHeads, headDim, layers } = policy.config.text;
  const slots = own.slots + slotBucket;
  const narrowWidth = own.slots * headDim;
  const feeds: Record<string, Float32Array> = {};
  for (let layer = 0; layer < layers; layer++) {
    for (const kind of ["k", "v"]) {
      const name = `own_${kind}.${layer}`;
      const wider = new Float32Array(rows.length * kvHeads * slots * headDim);
      const narrow = own.feeds[name] ?? new Float32Array(0);
      for (let r = 0; r * narrowWidth < narrow.length; r++)
        wider.set(narrow.subarray(r * narrowWidth, (r + 1) * narrowWidth), r * slots * headDim);
      feeds[name] = wider;
    }
  }
  return { ...batch, own: { slots, feeds } };
}

async function decodeStep(policy: Policy, batch: Batch, position: number): Promise<Float32Array> {
  const { requests, groupSize, rows, cache, own } = batch;
  const { device } = policy.graphs;
  const { promptLength } = cache;
  const writesSlot = device.hasOwnMemory;
  const shape = { prompts: requests.length, groupSize, promptLength, slots: own.slots, writesSlot };
  const key = `decode/${shape.prompts}/${groupSize}/${shape.promptLength}/${own.slots}`;
  const graph = await policy.graphs.get(key, () => buildDecodeStep(policy.config, policy.lora, shape));
  const rotaries = requests.map(({ prompt }) => completionRotary(prompt.lastPosition + position, 1, policy.config));
  const slotMask = new Float32Array(own.slots).fill(masked, position);
  const ownFeeds = residents(device, own.feeds);
  const feeds = {
    ...weightFeeds(policy, graph),
    ...residents(device, cache.feeds),
    ...ownFeeds,
    ...(writesSlot ? { is_new_slot: Uint8Array.from(slotMask, (_, slot) => Number(slot === position)) } : {}),
    ids: BigInt64Array.from(rows, (row) => BigInt(row.input)),
    cos: concatenated(rotaries.map((r) => r.cos)),
    sin: concatenated(rotaries.map((r) => r.sin)),
    slot_mask: slotMask,
  };
  const into = Object.fromEntries(Object.entries(ownFeeds).map(([name, cached]) => [`next_${name}`, cached]));
  const outputs = await graph.run(feeds, writesSlot ? into : {});
  if (!writesSlot) writeSlot(policy, batch, position, outputs);
  const { logits } = outputs;
  if (!(logits instanceof Float32Array)) throw new Error("internal: logits missing");
  return logits;
}

function residents(device: Device, arrays: Readonly<Record<string, Float32Array>>): Record<string, Resident> {
  return Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, device.resident(array)]));
}

/** Puts a token's keys and values, as the graph has given them, among those of its completion. */
function writeSlot(policy: Policy, { rows, own }: Batch, position: number, outputs: Outputs): void {
  const { kvHeads, headDim, layers } = policy.config.text;
  for (let layer = 0; layer < layers; layer++) {
    for (const kind of ["k", "v"]) {
      const fresh = outputs[`new_${kind}.${layer}`];
      const buffer = own.feeds[`own_${kind}.${layer}`];
      if (!(fresh instanceof Float32Array) || buffer === undefined) throw new Error("internal: decode output missing");
      for (let r = 0; r < rows.length * kvHeads; r++) {
        buffer.set(fresh.subarray(r * headDim, (r + 1) * headDim), (r * own.slots + position) * headDim);
      }
    }
  }
}

function takeTokens(policy: Policy, rows: readonly Row[], logits_B_V: Float32Array, options: SamplerOptions): void {
  const { vocabSize } = policy.config.text;
  rows.forEach((row, i) => {
    if (isFinished(row)) return;
    const logits_V = logits_B_V.subarray(i * vocabSize, (i + 1) * vocabSize);
    const choice = chooseToken(logits_V, options, row.random);
    row.top.push(...topTokens(logits_V, options.temperature, options.keepTopTokens ?? 0));
    row.input = choice.token;
    row.tokens.push(choice.token);
    row.logprobs.push(choice.logprob);
    row.entropies.push(choice.entropy);
    if (policy.config.eosTokenIds.includes(choice.token)) row.finishReason = "eos";
    else if (row.tokens.length === options.maxCompletionLength) row.finishReason = "length";
  });
}

function completionOf(row: Row): Completion {
  return {
    tokens_T: Int32Array.from(row.tokens),
    logprobs_T: Float32Array.from(row.logprobs),
    entropies_T: Float32Array.from(row.entropies),
    finishReason: row.finishReason,
    ...(row.top.length === 0 ? {} : { alternatives: alternativesOf(row) }),
  };
}

function alternativesOf({ tokens, top }: Row): Completion["alternatives"] {
  return {
    count: top.length / tokens.length,
    tokens_TN: Int32Array.from(top, ({ token }) => token),
    logprobs_TN: Float32Array.from(top, ({ logprob }) => logprob),
  };
}

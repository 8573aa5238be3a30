import type { GraphBuilder } from "../graph/builder.ts";
import type { Value } from "../graph/types.ts";
import { attend, countingPositions, masked, type PolicyGraph } from "./policyGraph.ts";

/** Keys and values of one layer over the prompt: [kvHeads, P, headDim]. */
export interface LayerCache {
  readonly k: Value;
  readonly v: Value;
}

/** A prompt before the first layer. */
export interface PromptEmbedding {
  /** [P, hidden] */
  readonly embeddings: Value;
  /** Features added after each of the first layers, zero where there is text: [P, hidden] each. */
  readonly deepstack: readonly Value[];
}

/** Rows of prompt attention scores made at once: above this, a chunk sees only the keys before its end. */
const attentionChunk = 256;

/** A run of consecutive layers over the prompt. Layers are numbered from the first of the run: see segments.ts. */
export interface PromptLayers {
  readonly layers: number;
  /** Whether the decoder ends with them: then the last layer computes only keys and values, since nobody reads its output. */
  readonly isLast: boolean;
  /** Keys and values by layer of tokens that stand before these, each [kvHeads, B, headDim]; none when these are the first. */
  readonly before?: readonly LayerCache[];
}

/**
 * The prompt through layers of the decoder, causal. Shared by sampling (whose cache it fills) and training (whose completions
 * attend to it). Adds inputs `prompt_cos`, `prompt_sin` [P, headDim / 2].
 * @returns hidden states after the layers, which mean nothing when the run is the last
 */
export function addPromptLayers(
  p: PolicyGraph,
  { embeddings, deepstack }: PromptEmbedding,
  { layers, isLast, before = [] }: PromptLayers,
): { readonly caches: readonly LayerCache[]; readonly hidden: Value } {
  if (layers === 0) return { caches: [], hidden: embeddings };
  const { g } = p;
  const { headDim, heads, kvHeads, rmsNormEps } = p.config.text;
  const length = embeddings.shape[0] ?? 0;
  const rotary = addRotaryInputs(p, "prompt", 1, length);
  const chunks = attentionChunks(p, length, before[0]?.k.shape[1] ?? 0);
  const rowsPerKey = heads / kvHeads;
  const caches: LayerCache[] = [];
  let x = embeddings;
  for (let layer = 0; layer < layers; layer++) {
    const name = `model.layers.${layer}`;
    const h = g.rmsNorm(x, p.weight(`${name}.input_layernorm.weight`), rmsNormEps);
    const perHead = (z: Value, count: number): Value => g.transpose(g.reshape(z, [length, count, headDim]), [1, 0, 2]);
    const k = perHead(rotary(addHeads(p, name, "k", h), kvHeads), kvHeads);
    const v = perHead(p.linear(h, `${name}.self_attn.v_proj`), kvHeads);
    caches.push({ k, v });
    if (isLast && layer === layers - 1) break;
    const q = perHead(rotary(addHeads(p, name, "q", h), heads), heads);
    const earlier = before[layer];
    const [allK, allV] = earlier === undefined ? [k, v] : [g.concat([earlier.k, k], 1), g.concat([earlier.v, v], 1)];
    const attended = attendCausally(g, g.reshape(q, [kvHeads, rowsPerKey, length, headDim]), allK, allV, chunks);
    const rows = g.reshape(g.transpose(attended, [2, 0, 1, 3]), [length, heads * headDim]);
    x = addMlp(p, name, g.add(x, p.linear(rows, `${name}.self_attn.o_proj`)));
    const features = deepstack[layer];
    if (features !== undefined) x = g.add(x, features);
  }
  return { caches, hidden: x };
}

/**
 * G completions of C tokens each through layers of the decoder, attending to one shared prompt and to themselves: the prompt
 * is computed once, however large the group. Row i of a completion holds the token that precedes prediction i, so the first
 * row is the prompt's last token and no prompt position ever needs logits.
 * Adds inputs `completion_cos`, `completion_sin` [C, headDim / 2] and `completion_mask` [C, P + C].
 * @param embeddings [G * C, hidden]
 * @param prompt keys and values by layer, one a layer that is added
 * @returns hidden states, [G * C, hidden]
 */
export function addCompletionLayers(
  p: PolicyGraph,
  embeddings: Value,
  prompt: readonly LayerCache[],
  groupSize: number,
  length: number,
): Value {
  if (prompt.length === 0) return embeddings;
  const { g } = p;
  const { headDim, heads, kvHeads, rmsNormEps } = p.config.text;
  const promptLength = prompt[0]?.k.shape[1] ?? 0;
  const total = promptLength + length;
  const rotary = addRotaryInputs(p, "completion", groupSize, length);
  const mask = g.input("completion_mask", [length, total]);
  const rowsPerKey = heads / kvHeads;
  const withPrompt = (cached: Value, own: Value): Value => {
    const shape = [kvHeads, groupSize, promptLength, headDim];
    return g.concat([g.expand(g.reshape(cached, [kvHeads, 1, promptLength, headDim]), shape), own], 2);
  };
  let x = embeddings;
  prompt.forEach((cache, layer) => {
    const name = `model.layers.${layer}`;
    const h = g.rmsNorm(x, p.weight(`${name}.input_layernorm.weight`), rmsNormEps);
    const keyed = (z: Value): Value => g.transpose(g.reshape(z, [groupSize, length, kvHeads, headDim]), [2, 0, 1, 3]);
    const k = withPrompt(cache.k, keyed(rotary(addHeads(p, name, "k", h), kvHeads)));
    const v = withPrompt(cache.v, keyed(p.linear(h, `${name}.self_attn.v_proj`)));
    const q0 = rotary(addHeads(p, name, "q", h), heads);
    const q = g.transpose(g.reshape(q0, [groupSize, length, kvHeads, rowsPerKey, headDim]), [2, 0, 3, 1, 4]);
    const folded = g.reshape(q, [kvHeads, groupSize, rowsPerKey * length, headDim]);
    const scoreShape = [kvHeads, groupSize, rowsPerKey, length, total];
    const out = attend(g, folded, k, v, headDim ** -0.5, { value: mask, scoreShape });
    const unfolded = g.reshape(out, [kvHeads, groupSize, rowsPerKey, length, headDim]);
    const rows = g.reshape(g.transpose(unfolded, [1, 3, 0, 2, 4]), [groupSize * length, heads * headDim]);
    x = addMlp(p, name, g.add(x, p.linear(rows, `${name}.self_attn.o_proj`)));
  });
  return x;
}

/** Token embeddings of ids [N]. */
export function addEmbedding(p: PolicyGraph, ids: Value): Value {
  return p.g.gather(p.weight("model.embed_tokens.weight"), ids);
}

/**
 * A prompt in which some tokens stand for rows of `visual` [N, visualWidth]; null when it shows nothing.
 * Adds inputs `prompt_ids` [P], `visual_rows` [P] (row of `visual` a token stands for, else 0) and `is_visual` [P, 1].
 */
export function addPromptEmbedding(p: PolicyGraph, length: number, visual: Value | null): PromptEmbedding {
  const { g } = p;
  const { hiddenSize } = p.config.text;
  const text = addEmbedding(p, g.input("prompt_ids", [length], "int64"));
  if (visual === null) return { embeddings: text, deepstack: [] };
  const seen = g.gather(visual, g.input("visual_rows", [length], "int64"));
  const isVisual = g.input("is_visual", [length, 1], "bool");
  const levels = new Array<number>(p.config.vision.deepstackBlocks.length + 1).fill(hiddenSize);
  const [replacing, ...added] = g.split(seen, 1, levels);
  if (replacing === undefined) throw new Error("internal: visual embedding split");
  return {
    embeddings: g.where(isVisual, replacing, text),
    deepstack: added.map((features) => g.where(isVisual, features, g.constant(0))),
  };
}

/** Queries or keys of rows [N, hidden], normed a head at a time where the architecture has it: [N, heads * headDim]. */
export function addHeads(p: PolicyGraph, layer: string, which: "q" | "k", x: Value): Value {
  const { g } = p;
  const { headDim, rmsNormEps } = p.config.text;
  const projected = p.linear(x, `${layer}.self_attn.${which}_proj`);
  if (!p.config.architecture.decoder.hasQueryKeyNorm) return projected;
  const [rows = 0, width = 0] = projected.shape;
  const weight = p.weight(`${layer}.self_attn.${which}_norm.weight`);
  return g.reshape(g.rmsNorm(g.reshape(projected, [rows, width / headDim, headDim]), weight, rmsNormEps), [
    rows,
    width,
  ]);
}

/** Logits [N, vocab] of hidden states [N, hidden] after the last layer. */
export function addHead(p: PolicyGraph, hidden: Value): Value {
  const { g } = p;
  const tied = p.config.tieWordEmbeddings;
  const normed = g.rmsNorm(hidden, p.weight("model.norm.weight"), p.config.text.rmsNormEps);
  return g.linear(normed, p.weight(tied ? "model.embed_tokens.weight" : "lm_head.weight"));
}

/** x + down(silu(gate(norm x)) * up(norm x)) */
export function addMlp(p: PolicyGraph, layer: string, x: Value): Value {
  const { g } = p;
  const h = g.rmsNorm(x, p.weight(`${layer}.post_attention_layernorm.weight`), p.config.text.rmsNormEps);
  const gated = g.mul(g.silu(p.linear(h, `${layer}.mlp.gate_proj`)), p.linear(h, `${layer}.mlp.up_proj`));
  return g.add(x, p.linear(gated, `${layer}.mlp.down_proj`));
}

/** Adds a rotary table as inputs `<name>_cos`, `<name>_sin`; the function turns [rows * length, heads * headDim]. */
function addRotaryInputs(p: PolicyGraph, name: string, rows: number, length: number) {
  const { g } = p;
  const { headDim } = p.config.text;
  const cos = g.input(`${name}_cos`, [length, headDim / 2]);
  const sin = g.input(`${name}_sin`, [length, headDim / 2]);
  const positions = countingPositions(g, rows, length);
  return (x: Value, heads: number): Value =>
    g.reshape(g.rotary(g.reshape(x, [rows, length, heads * headDim]), positions, cos, sin, heads), x.shape);
}

/** Query rows start … end - 1 of the prompt, which see the keys before `end` through a mask [end - start, end]. */
interface AttentionChunk {
  /** Rows of queries. */
  readonly start: number;
  readonly end: number;
  /** Keys that the last of them sees, those of what stands before included. */
  readonly keys: number;
  readonly mask: Value;
}

/** The masks are as large as the scores of a head, so all layers of a graph share them. */
function attentionChunks(p: PolicyGraph, length: number, before: number): readonly AttentionChunk[] {
  return Array.from({ length: Math.ceil(length / attentionChunk) }, (_, i) => {
    const start = i * attentionChunk;
    const end = Math.min(length, start + attentionChunk);
    return { start, end, keys: before + end, mask: causalMask(p, before + start, before + end) };
  });
}

/** Causal self-attention of the prompt, in chunks of query rows; q [kvHeads, rowsPerKey, P, headDim]. */
function attendCausally(g: GraphBuilder, q: Value, k: Value, v: Value, chunks: readonly AttentionChunk[]): Value {
  const [kvHeads = 0, rowsPerKey = 0, , headDim = 0] = q.shape;
  const parts = g.split(
    q,
    2,
    chunks.map(({ start, end }) => end - start),
  );
  const outs = chunks.map(({ start, end, keys, mask }, i) => {
    const rows = end - start;
    const queries = parts[i];
    if (queries === undefined) throw new Error("internal: query split");
    const folded = g.reshape(queries, [kvHeads, rowsPerKey * rows, headDim]);
    const scores = { value: mask, scoreShape: [kvHeads, rowsPerKey, rows, keys] };
    const out = attend(g, folded, g.slice(k, 1, 0, keys), g.slice(v, 1, 0, keys), headDim ** -0.5, scores);
    return g.reshape(out, [kvHeads, rowsPerKey, rows, headDim]);
  });
  return g.concat(outs, 2);
}

/** [end - start, end]: row i sees keys 0 … start + i. Padding of a prompt stands at its end, so it is never seen. */
function causalMask(p: PolicyGraph, start: number, end: number): Value {
  const data = new Float32Array((end - start) * end);
  for (let i = start; i < end; i++) data.fill(masked, (i - start) * end + i + 1, (i - start + 1) * end);
  return p.g.tensor(data, [end - start, end]);
}

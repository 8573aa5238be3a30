import type { GraphBuilder } from "../graph/builder.ts";
import type { Graph, Value } from "../graph/types.ts";
import { addEmbedding, addHead, addHeads, addMlp } from "./decoder.ts";
import { PolicyGraph } from "./policyGraph.ts";
import type { PolicyConfig } from "./config.ts";
import type { LoraConfig } from "./lora.ts";

/** Sizes of a decoding step: `prompts` prompts padded to `promptLength`, each with `groupSize` completions. */
export interface DecodeShape {
  readonly prompts: number;
  readonly groupSize: number;
  readonly promptLength: number;
  /** Slots for the keys and values of tokens decoded so far. */
  readonly slots: number;
  /** Whether the graph puts the new keys and values into their slot, since the caller cannot reach the buffers. */
  readonly writesSlot: boolean;
}

/**
 * One token for every completion of several groups. The prompt's keys and values are inputs shared by its group; those of
 * the completion live in buffers that the caller owns and fills from `new_k`, `new_v`, so nothing large is ever copied.
 *
 * Inputs: `ids` [B]; `cos`, `sin` [prompts, headDim / 2]; `prompt_mask` [prompts, 1, 1, P]; `slot_mask` [slots];
 * per layer `prompt_k`, `prompt_v` [prompts, kvHeads, P, headDim], `own_k`, `own_v` [B, kvHeads, slots, headDim].
 * Outputs: `logits` [B, vocab]; per layer `new_k`, `new_v` [B, kvHeads, headDim]. B = prompts * groupSize.
 * With `writesSlot`: input `is_new_slot` [slots, 1]; per layer `next_own_k`, `next_own_v` in place of `new_k`, `new_v`.
 */
export function buildDecodeStep(config: PolicyConfig, lora: LoraConfig | null, shape: DecodeShape): Graph {
  const p = new PolicyGraph("decode", config, lora);
  const { g } = p;
  const { prompts, groupSize, promptLength, slots, writesSlot } = shape;
  const { layers, heads, kvHeads, headDim, rmsNormEps } = config.text;
  const batch = prompts * groupSize;
  const rowsPerKey = heads / kvHeads;
  const cos = g.input("cos", [prompts, headDim / 2]);
  const sin = g.input("sin", [prompts, headDim / 2]);
  const promptOfRow = BigInt64Array.from({ length: batch }, (_, row) => BigInt(Math.floor(row / groupSize)));
  const positions = g.tensor(promptOfRow, [batch, 1]);
  const promptMask = g.input("prompt_mask", [prompts, 1, 1, promptLength]);
  const slotMask = g.input("slot_mask", [slots]);
  const isNewSlot = writesSlot ? g.input("is_new_slot", [slots, 1], "bool") : null;
  const turn = (x: Value, count: number): Value =>
    g.reshape(g.rotary(g.reshape(x, [batch, 1, count * headDim]), positions, cos, sin, count), [batch, count, headDim]);

  let x = addEmbedding(p, g.input("ids", [batch], "int64"));
  for (let layer = 0; layer < layers; layer++) {
    const name = `model.layers.${layer}`;
    const promptK = g.input(`prompt_k.${layer}`, [prompts, kvHeads, promptLength, headDim]);
    const promptV = g.input(`prompt_v.${layer}`, [prompts, kvHeads, promptLength, headDim]);
    const ownK = g.input(`own_k.${layer}`, [batch, kvHeads, slots, headDim]);
    const ownV = g.input(`own_v.${layer}`, [batch, kvHeads, slots, headDim]);
    const h = g.rmsNorm(x, p.weight(`${name}.input_layernorm.weight`), rmsNormEps);
    const k = turn(addHeads(p, name, "k", h), kvHeads);
    const v = g.reshape(p.linear(h, `${name}.self_attn.v_proj`), [batch, kvHeads, headDim]);
    const q = g.scale(turn(addHeads(p, name, "q", h), heads), headDim ** -0.5);
    const newK = g.reshape(k, [batch, kvHeads, 1, headDim]);
    const newV = g.reshape(v, [batch, kvHeads, 1, headDim]);
    addCacheOutput(g, `k.${layer}`, newK, ownK, isNewSlot);
    addCacheOutput(g, `v.${layer}`, newV, ownV, isNewSlot);

    // The rows of a group are folded into the query axis, so that its prompt is read once.
    const byRow = g.reshape(q, [batch, kvHeads, rowsPerKey, headDim]);
    const fold = (z: Value): Value => {
      const last = z.shape.at(-1) ?? 0;
      const grouped = g.reshape(z, [prompts, groupSize, kvHeads, rowsPerKey, last]);
      return g.reshape(g.transpose(grouped, [0, 2, 1, 3, 4]), [prompts, kvHeads, groupSize * rowsPerKey, last]);
    };
    const unfold = (z: Value): Value => {
      const last = z.shape.at(-1) ?? 0;
      const grouped = g.reshape(z, [prompts, kvHeads, groupSize, rowsPerKey, last]);
      return g.reshape(g.transpose(grouped, [0, 2, 1, 3, 4]), [batch, kvHeads, rowsPerKey, last]);
    };
    const promptScores = g.add(g.matmul(fold(byRow), promptK, { transB: true }), promptMask);
    const ownScores = g.add(g.matmul(byRow, ownK, { transB: true }), slotMask);
    const selfScores = g.matmul(byRow, newK, { transB: true });
    const weights = g.softmax(g.concat([unfold(promptScores), ownScores, selfScores], 3));
    const [onPrompt, onOwn, onSelf] = g.split(weights, 3, [promptLength, slots, 1]);
    if (onPrompt === undefined || onOwn === undefined || onSelf === undefined) throw new Error("internal: split");
    const fromPrompt = unfold(g.matmul(fold(onPrompt), promptV));
    const fromSelf = g.mul(onSelf, newV);
    const mixed = g.add(g.add(fromPrompt, g.matmul(onOwn, ownV)), fromSelf);
    const rows = g.reshape(mixed, [batch, heads * headDim]);
    x = addMlp(p, name, g.add(x, p.linear(rows, `${name}.self_attn.o_proj`)));
  }
  g.output("logits", addHead(p, x));
  return g;
}

/** What a token adds to a cache, alone or in its slot among what is there. */
function addCacheOutput(g: GraphBuilder, name: string, fresh: Value, own: Value, isNewSlot: Value | null): void {
  if (isNewSlot !== null) return g.output(`next_own_${name}`, g.where(isNewSlot, fresh, own));
  const [batch = 0, kvHeads = 0, , headDim = 0] = fresh.shape;
  g.output(`new_${name}`, g.reshape(fresh, [batch, kvHeads, headDim]));
}

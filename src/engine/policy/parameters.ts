import type { Shape } from "../graph/types.ts";
import type { PolicyConfig } from "./config.ts";

/** One weight of the policy; names are those of the Hugging Face checkpoint. Matrices are [out, in] as in torch.nn.Linear. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly part: "vision" | "text";
}

export function parameterSpecs(config: PolicyConfig): readonly ParameterSpec[] {
  return [...visionParameters(config), ...textParameters(config)];
}

function visionParameters({ vision: v }: PolicyConfig): ParameterSpec[] {
  const part = "vision";
  const d = v.hiddenSize;
  const merged = d * v.spatialMergeSize ** 2;
  const blocks = Array.from({ length: v.depth }, (_, i): [string, Shape][] => [
    [`visual.blocks.${i}.norm1.weight`, [d]],
    [`visual.blocks.${i}.norm2.weight`, [d]],
    [`visual.blocks.${i}.attn.qkv.weight`, [3 * d, d]],
    [`visual.blocks.${i}.attn.qkv.bias`, [3 * d]],
    [`visual.blocks.${i}.attn.proj.weight`, [d, d]],
    [`visual.blocks.${i}.attn.proj.bias`, [d]],
    [`visual.blocks.${i}.mlp.gate_proj.weight`, [v.intermediateSize, d]],
    [`visual.blocks.${i}.mlp.gate_proj.bias`, [v.intermediateSize]],
    [`visual.blocks.${i}.mlp.up_proj.weight`, [v.intermediateSize, d]],
    [`visual.blocks.${i}.mlp.up_proj.bias`, [v.intermediateSize]],
    [`visual.blocks.${i}.mlp.down_proj.weight`, [d, v.intermediateSize]],
    [`visual.blocks.${i}.mlp.down_proj.bias`, [d]],
  ]);
  const all: [string, Shape][] = [
    ["visual.patch_embed.proj.weight", [d, 3, v.temporalPatchSize, v.patchSize, v.patchSize]],
    ...blocks.flat(),
    ["visual.merger.ln_q.weight", [d]],
    ["visual.merger.mlp.0.weight", [merged, merged]],
    ["visual.merger.mlp.0.bias", [merged]],
    ["visual.merger.mlp.2.weight", [v.outHiddenSize, merged]],
    ["visual.merger.mlp.2.bias", [v.outHiddenSize]],
  ];
  return all.map(([name, shape]) => ({ name, shape, part }));
}

function textParameters({ text: t, tieWordEmbeddings }: PolicyConfig): ParameterSpec[] {
  const part = "text";
  const [queryDim, keyDim] = [t.heads * t.headDim, t.kvHeads * t.headDim];
  const layers = Array.from({ length: t.layers }, (_, i): [string, Shape][] => [
    [`model.layers.${i}.input_layernorm.weight`, [t.hiddenSize]],
    [`model.layers.${i}.post_attention_layernorm.weight`, [t.hiddenSize]],
    [`model.layers.${i}.self_attn.q_proj.weight`, [queryDim, t.hiddenSize]],
    [`model.layers.${i}.self_attn.q_proj.bias`, [queryDim]],
    [`model.layers.${i}.self_attn.k_proj.weight`, [keyDim, t.hiddenSize]],
    [`model.layers.${i}.self_attn.k_proj.bias`, [keyDim]],
    [`model.layers.${i}.self_attn.v_proj.weight`, [keyDim, t.hiddenSize]],
    [`model.layers.${i}.self_attn.v_proj.bias`, [keyDim]],
    [`model.layers.${i}.self_attn.o_proj.weight`, [t.hiddenSize, queryDim]],
    [`model.layers.${i}.mlp.gate_proj.weight`, [t.intermediateSize, t.hiddenSize]],
    [`model.layers.${i}.mlp.up_proj.weight`, [t.intermediateSize, t.hiddenSize]],
    [`model.layers.${i}.mlp.down_proj.weight`, [t.hiddenSize, t.intermediateSize]],
  ]);
  const head: [string, Shape][] = tieWordEmbeddings ? [] : [["lm_head.weight", [t.vocabSize, t.hiddenSize]]];
  const all: [string, Shape][] = [
    ["model.embed_tokens.weight", [t.vocabSize, t.hiddenSize]],
    ...layers.flat(),
    ["model.norm.weight", [t.hiddenSize]],
    ...head,
  ];
  return all.map(([name, shape]) => ({ name, shape, part }));
}

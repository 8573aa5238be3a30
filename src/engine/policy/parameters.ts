import type { Shape } from "../graph/types.ts";
import type { PolicyConfig, VisionConfig } from "./config.ts";

/** One weight of the policy; names are those of the Hugging Face checkpoint. Matrices are [out, in] as in torch.nn.Linear. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly part: "vision" | "text";
}

export function parameterSpecs(config: PolicyConfig): readonly ParameterSpec[] {
  return [...visionParameters(config), ...textParameters(config)];
}

/** Name of a tensor in a file that transformers loads: ours, or with the modules where transformers 5 has them. */
export function savedName(name: string, { architecture }: PolicyConfig): string {
  if (architecture.tensorNames === "flat") return name;
  return name.replace(/^model\./, "model.language_model.").replace(/^visual\./, "model.visual.");
}

/** transformers 5 writes `model.language_model.` and `model.visual.`; the published checkpoints say `model.` and `visual.`. */
export function canonicalName(name: string): string {
  return name.replace(/^model\.language_model\./, "model.").replace(/^model\.visual\./, "visual.");
}

type Named = [name: string, shape: Shape];

function visionParameters({ vision: v }: PolicyConfig): ParameterSpec[] {
  const part = "vision";
  const d = v.hiddenSize;
  const merged = d * v.spatialMergeSize ** 2;
  const { design } = v;
  const blocks = Array.from({ length: v.depth }, (_, i) => `visual.blocks.${i}`).flatMap((block) => [
    ...norm(v, `${block}.norm1`, d),
    ...norm(v, `${block}.norm2`, d),
    ...linear(`${block}.attn.qkv`, 3 * d, d),
    ...linear(`${block}.attn.proj`, d, d),
    ...visionMlp(v, block),
  ]);
  const merger = (name: string, normDim: number): Named[] => [
    ...norm(v, `${name}.${design.merger.norm}`, normDim),
    ...linear(`${name}.${design.merger.up}`, merged, merged),
    ...linear(`${name}.${design.merger.down}`, v.outHiddenSize, merged),
  ];
  const all: Named[] = [
    ["visual.patch_embed.proj.weight", [d, 3, v.temporalPatchSize, v.patchSize, v.patchSize]],
    ...(design.hasPatchBias ? [["visual.patch_embed.proj.bias", [d]] satisfies Named] : []),
    ...(v.positionEmbeddings > 0 ? [["visual.pos_embed.weight", [v.positionEmbeddings, d]] satisfies Named] : []),
    ...blocks,
    ...merger("visual.merger", d),
    ...v.deepstackBlocks.flatMap((_, i) => merger(`visual.deepstack_merger_list.${i}`, merged)),
  ];
  return all.map(([name, shape]) => ({ name, shape, part }));
}

function visionMlp(v: VisionConfig, block: string): Named[] {
  const [d, inner] = [v.hiddenSize, v.intermediateSize];
  const { mlp } = v.design;
  if (mlp !== "gated") return [...linear(`${block}.${mlp.up}`, inner, d), ...linear(`${block}.${mlp.down}`, d, inner)];
  return [
    ...linear(`${block}.mlp.gate_proj`, inner, d),
    ...linear(`${block}.mlp.up_proj`, inner, d),
    ...linear(`${block}.mlp.down_proj`, d, inner),
  ];
}

function textParameters({ text: t, tieWordEmbeddings, architecture }: PolicyConfig): ParameterSpec[] {
  const part = "text";
  const [queryDim, keyDim] = [t.heads * t.headDim, t.kvHeads * t.headDim];
  const { hasQkvBias, hasQueryKeyNorm } = architecture.decoder;
  const projection = (name: string, out: number): Named[] => {
    const both = linear(name, out, t.hiddenSize);
    return hasQkvBias ? both : both.slice(0, 1);
  };
  const layers = Array.from({ length: t.layers }, (_, i) => `model.layers.${i}`).flatMap((layer): Named[] => [
    [`${layer}.input_layernorm.weight`, [t.hiddenSize]],
    [`${layer}.post_attention_layernorm.weight`, [t.hiddenSize]],
    ...projection(`${layer}.self_attn.q_proj`, queryDim),
    ...projection(`${layer}.self_attn.k_proj`, keyDim),
    ...projection(`${layer}.self_attn.v_proj`, keyDim),
    ...(hasQueryKeyNorm
      ? [
          [`${layer}.self_attn.q_norm.weight`, [t.headDim]] satisfies Named,
          [`${layer}.self_attn.k_norm.weight`, [t.headDim]] satisfies Named,
        ]
      : []),
    [`${layer}.self_attn.o_proj.weight`, [t.hiddenSize, queryDim]],
    [`${layer}.mlp.gate_proj.weight`, [t.intermediateSize, t.hiddenSize]],
    [`${layer}.mlp.up_proj.weight`, [t.intermediateSize, t.hiddenSize]],
    [`${layer}.mlp.down_proj.weight`, [t.hiddenSize, t.intermediateSize]],
  ]);
  const head: Named[] = tieWordEmbeddings ? [] : [["lm_head.weight", [t.vocabSize, t.hiddenSize]]];
  const all: Named[] = [
    ["model.embed_tokens.weight", [t.vocabSize, t.hiddenSize]],
    ...layers,
    ["model.norm.weight", [t.hiddenSize]],
    ...head,
  ];
  return all.map(([name, shape]) => ({ name, shape, part }));
}

function linear(name: string, out: number, input: number): Named[] {
  return [
    [`${name}.weight`, [out, input]],
    [`${name}.bias`, [out]],
  ];
}

function norm({ design }: VisionConfig, name: string, dim: number): Named[] {
  const weight: Named = [`${name}.weight`, [dim]];
  return design.norm === "rms" ? [weight] : [weight, [`${name}.bias`, [dim]]];
}

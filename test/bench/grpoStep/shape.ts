import fs from "node:fs";
import path from "node:path";
import { elementCount } from "../../../src/engine/graph/types.ts";
import { readPolicyConfig } from "../../../src/engine/policy/config.ts";
import { parameterSpecs } from "../../../src/engine/policy/parameters.ts";
import { writeSafetensors } from "../../../src/engine/policy/safetensors.ts";
import { seededRandom } from "../../../src/engine/rollout/tokenChoice.ts";

/** What one step is measured on; the Python half reads it as JSON. */
export interface StepShape {
  readonly checkpoint: string;
  /** Frames of `widthPx` x `heightPx`, all taken. */
  readonly frames: number;
  readonly heightPx: number;
  readonly widthPx: number;
  readonly promptTokens: number;
  readonly groupSize: number;
  readonly completionTokens: number;
  readonly beta: number;
  readonly steps: number;
}

/** The decoder of about 25 M parameters of the spike; a vision tower that weighs nothing beside it. */
export const mediumText = { hidden: 512, layers: 8, heads: 8, kvHeads: 2, headDim: 64, ffn: 1408, vocab: 4096 };

/** Writes a checkpoint with random weights, with the tokenizer of the bundled policy. */
export async function writeRandomCheckpoint(dir: string, text = mediumText): Promise<void> {
  const bundled = path.resolve("examples", "moving-shapes", "policy");
  fs.mkdirSync(dir, { recursive: true });
  for (const name of fs.readdirSync(bundled).filter((file) => !/safetensors|^config/.test(file)))
    fs.copyFileSync(path.join(bundled, name), path.join(dir, name));
  const file = path.join(dir, "config.json");
  const known = JSON.parse(fs.readFileSync(path.join(bundled, "config.json"), "utf8")) as Record<string, unknown>;
  const sixth = text.headDim / 8;
  const json = {
    ...known,
    tie_word_embeddings: true,
    text_config: {
      ...(known["text_config"] as object),
      vocab_size: text.vocab,
      hidden_size: text.hidden,
      intermediate_size: text.ffn,
      num_hidden_layers: text.layers,
      num_attention_heads: text.heads,
      num_key_value_heads: text.kvHeads,
      head_dim: text.headDim,
      rope_parameters: { rope_type: "default", rope_theta: 1e6, mrope_section: [2 * sixth, sixth, sixth] },
      tie_word_embeddings: true,
    },
    vision_config: {
      ...(known["vision_config"] as object),
      depth: 1,
      hidden_size: 64,
      intermediate_size: 64,
      num_heads: 2,
      out_hidden_size: text.hidden,
      fullatt_block_indexes: [],
    },
  };
  fs.writeFileSync(file, JSON.stringify(json, null, 2));
  const random = seededRandom(7);
  const tensors = parameterSpecs(readPolicyConfig(json, file)).map(({ name, shape }) => {
    const scale = Math.sqrt(3 / (shape.length > 1 ? elementCount(shape.slice(1)) : 1));
    const draw = (): number => (name.endsWith("bias") ? 0 : scale * (2 * random() - 1));
    const isNorm = shape.length === 1 && !name.endsWith("bias");
    return { name, shape, data: Float32Array.from({ length: elementCount(shape) }, () => (isNorm ? 1 : draw())) };
  });
  await writeSafetensors(path.join(dir, "model.safetensors"), tensors, "bfloat16");
}

import { performance } from "node:perf_hooks";
import { elementCount } from "../graph/types.ts";
import { bfloat16ToFloat32 } from "../policy/bfloat16.ts";
import { readPolicyConfig, type PolicyConfig } from "../policy/config.ts";
import { parameterSpecs } from "../policy/parameters.ts";
import { machineBytes, policyMemory } from "./policyMemory.ts";

/** What a published size of policy asks of this machine; bytes and seconds are derived, not tried. */
export interface PolicySize {
  readonly name: string;
  readonly parameters: number;
  readonly samplingBytes: number;
  readonly loraBytes: number;
  readonly fullBytes: number;
  /** Reading a bfloat16 checkpoint from memory and widening it; a slow disk adds its own time. */
  readonly openSec: number;
}

/**
 * Settings of the config.json files of Qwen2.5-VL-3B and 7B, as far as sizes go by them, and of a decoder like Qwen2.5-0.5B
 * under the same vision tower.
 */
const published = {
  "policy 0.5B": {
    ...{ hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24 },
    ...{ num_attention_heads: 14, num_key_value_heads: 2, vocab_size: 151936, tie_word_embeddings: true },
    mrope_section: [8, 12, 12],
  },
  "policy 3B": {
    ...{ hidden_size: 2048, intermediate_size: 11008, num_hidden_layers: 36 },
    ...{ num_attention_heads: 16, num_key_value_heads: 2, vocab_size: 151936, tie_word_embeddings: true },
    mrope_section: [16, 24, 24],
  },
  "policy 7B": {
    ...{ hidden_size: 3584, intermediate_size: 18944, num_hidden_layers: 28 },
    ...{ num_attention_heads: 28, num_key_value_heads: 4, vocab_size: 152064, tie_word_embeddings: false },
    mrope_section: [16, 24, 24],
  },
};
const vision = { depth: 32, hidden_size: 1280, intermediate_size: 3420, num_heads: 16 };
const tokens = { video_token_id: 151656, image_token_id: 151655, vision_start_token_id: 151652, eos_token_id: 151645 };
/** What a video of some minutes and an answer with reasoning take. */
const usualLoad = { promptTokens: 2048, completionTokens: 512 };
const adapters = { rank: 16, alpha: 32, targets: ["q_proj", "k_proj", "v_proj", "o_proj"] };

export function publishedConfig(name: keyof typeof published): PolicyConfig {
  const { mrope_section, ...text } = published[name];
  const json = {
    ...{ model_type: "qwen2_5_vl", ...text, ...tokens, rope_scaling: { mrope_section } },
    vision_config: { ...vision, out_hidden_size: text.hidden_size },
  };
  return readPolicyConfig(json, name);
}

export function policySizes(available = machineBytes()): PolicySize[] {
  const secPerParameter = widenSecPerElement();
  // SAFETY: the keys of the table are its names.
  return (Object.keys(published) as (keyof typeof published)[]).map((name) => {
    const config = publishedConfig(name);
    const parameters = parameterSpecs(config).reduce((sum, { shape }) => sum + elementCount(shape), 0);
    const use = { lora: null, freezeVision: false, hasReference: true, trains: true };
    return {
      name,
      parameters,
      samplingBytes: policyMemory(config, { ...use, trains: false }, usualLoad, available).total,
      loraBytes: policyMemory(config, { ...use, lora: adapters }, usualLoad, available).total,
      fullBytes: policyMemory(config, use, usualLoad, available).total,
      openSec: parameters * secPerParameter,
    };
  });
}

/**
 * "15.0 GB to sample, …: trains with LoRA on this machine, opens in about 20 s"
 * @param onCard memory of its graphics card; null where there is none, or nobody knows
 */
export function policySizeText(size: PolicySize, available = machineBytes(), onCard: number | null = null): string {
  const { samplingBytes, loraBytes, fullBytes, openSec } = size;
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  const need = `${gigabytes(samplingBytes)} to sample, ${gigabytes(loraBytes)} with LoRA, ${gigabytes(fullBytes)} to train in full`;
  const ableIn = (bytes: number): string => {
    if (fullBytes <= bytes) return "trains in full";
    if (loraBytes <= bytes) return "trains with LoRA";
    return samplingBytes <= bytes ? "samples only" : "does not fit";
  };
  const [able, there] = [ableIn(available), onCard === null ? null : ableIn(Math.min(available, onCard))];
  const card = there === null ? "" : there === able ? " and on its graphics card" : `, ${there} on its graphics card`;
  return `${need}: ${able} on this machine${card}, opens in about ${Math.ceil(openSec)} s`;
}

/** Seconds to widen a bfloat16 into fresh memory, tried on a few million. */
function widenSecPerElement(): number {
  const halves = new Uint16Array(8_000_000).fill(0x3f80);
  bfloat16ToFloat32(halves.subarray(0, 1_000_000), new Float32Array(1_000_000)); // compiled before it is timed
  const begun = performance.now();
  bfloat16ToFloat32(halves, new Float32Array(halves.length));
  return (performance.now() - begun) / 1000 / halves.length;
}

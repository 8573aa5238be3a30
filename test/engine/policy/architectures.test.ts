import assert from "node:assert/strict";
import { test } from "node:test";
import { elementCount } from "../../../src/engine/graph/types.ts";
import { architectures } from "../../../src/engine/policy/architectures/architectures.ts";
import { readPolicyConfig } from "../../../src/engine/policy/config.ts";
import { adapterSpecs } from "../../../src/engine/policy/lora.ts";
import { parameterSpecs, savedName } from "../../../src/engine/policy/parameters.ts";

const ids = {
  image_token_id: 151655,
  video_token_id: 151656,
  vision_start_token_id: 151652,
  vision_end_token_id: 151653,
};
const qwen2Rope = { rope_theta: 1000000, rope_scaling: { type: "mrope", mrope_section: [16, 24, 24] } };

/** What the config.json of published checkpoints says, in their own layout, and how many parameters they have. */
const published: Readonly<Record<string, { readonly config: unknown; readonly billions: number }>> = {
  "Qwen2-VL-2B-Instruct": {
    billions: 2.21,
    config: {
      ...ids,
      ...qwen2Rope,
      ...text(1536, 8960, 28, 12, 2),
      model_type: "qwen2_vl",
      eos_token_id: 151645,
      tie_word_embeddings: true,
      use_sliding_window: false,
      vision_config: {
        depth: 32,
        embed_dim: 1280,
        mlp_ratio: 4,
        num_heads: 16,
        in_chans: 3,
        hidden_size: 1536,
        patch_size: 14,
        spatial_merge_size: 2,
        spatial_patch_size: 14,
        temporal_patch_size: 2,
      },
    },
  },
  "Qwen2.5-VL-3B-Instruct": {
    billions: 3.75,
    config: {
      ...ids,
      ...qwen2Rope,
      ...text(2048, 11008, 36, 16, 2),
      model_type: "qwen2_5_vl",
      eos_token_id: 151645,
      tie_word_embeddings: true,
      use_sliding_window: false,
      vision_config: {
        depth: 32,
        hidden_act: "silu",
        hidden_size: 1280,
        intermediate_size: 3420,
        num_heads: 16,
        in_chans: 3,
        out_hidden_size: 2048,
        patch_size: 14,
        spatial_merge_size: 2,
        spatial_patch_size: 14,
        window_size: 112,
        fullatt_block_indexes: [7, 15, 23, 31],
        tokens_per_second: 2,
        temporal_patch_size: 2,
      },
    },
  },
  "Qwen3-VL-4B-Instruct": {
    billions: 4.44,
    config: {
      ...ids,
      model_type: "qwen3_vl",
      tie_word_embeddings: true,
      text_config: {
        ...text(2560, 9728, 36, 32, 8),
        attention_bias: false,
        eos_token_id: 151645,
        head_dim: 128,
        model_type: "qwen3_vl_text",
        rope_scaling: { mrope_interleaved: true, mrope_section: [24, 20, 20], rope_type: "default" },
        rope_theta: 5000000,
      },
      vision_config: {
        deepstack_visual_indexes: [5, 11, 17],
        depth: 24,
        hidden_act: "gelu_pytorch_tanh",
        hidden_size: 1024,
        in_channels: 3,
        intermediate_size: 4096,
        model_type: "qwen3_vl",
        num_heads: 16,
        num_position_embeddings: 2304,
        out_hidden_size: 2560,
        patch_size: 16,
        spatial_merge_size: 2,
        temporal_patch_size: 2,
      },
    },
  },
};

for (const [name, { config: json, billions }] of Object.entries(published)) {
  test(`${name}: its config.json is read, and gives as many parameters as the checkpoint has`, () => {
    const config = readPolicyConfig(json, "config.json");
    const specs = parameterSpecs(config);
    const count = specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    assert.equal((count / 1e9).toFixed(2), String(billions));
    assert.equal(new Set(specs.map((spec) => spec.name)).size, specs.length);
    assert.deepEqual(config.eosTokenIds, [151645]);
    const isNested = config.architecture.modelType === "qwen3_vl";
    assert.ok(
      specs.every(
        (spec) => savedName(spec.name, config).startsWith("model.") || (!isNested && /^visual/.test(spec.name)),
      ),
    );
    const lora = { rank: 8, alpha: 16, targets: ["q_proj", "down_proj"] };
    assert.equal(adapterSpecs(config, lora).length, config.text.layers * 4);
  });
}

test("the rows of the table are of different models", () => {
  assert.equal(new Set(architectures.map(({ modelType }) => modelType)).size, architectures.length);
  assert.deepEqual(
    Object.values(published).map(({ config }) => readPolicyConfig(config, "config.json").architecture.modelType),
    architectures.map(({ modelType }) => modelType),
  );
});

function text(hidden: number, intermediate: number, layers: number, heads: number, kvHeads: number) {
  return {
    hidden_act: "silu",
    hidden_size: hidden,
    intermediate_size: intermediate,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    rms_norm_eps: 1e-6,
    vocab_size: 151936,
  };
}

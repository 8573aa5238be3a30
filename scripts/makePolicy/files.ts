import fs from "node:fs/promises";
import path from "node:path";
import { learnBytePairs, wordPattern, type BytePairs } from "./bytePairs.ts";

/** Qwen's special tokens that a video prompt uses; the policy's vocabulary is its own, their ids come from config.json. */
const specialTokens = [
  "<|endoftext|>",
  "<|im_start|>",
  "<|im_end|>",
  "<|vision_start|>",
  "<|vision_end|>",
  "<|vision_pad|>",
  "<|image_pad|>",
  "<|video_pad|>",
] as const;

const chatTemplate =
  "{% for message in messages %}<|im_start|>{{ message['role'] }}\n" +
  "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}" +
  "{% if part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>" +
  "{% elif part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>" +
  "{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}" +
  "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/** Writes tokenizer.json, tokenizer_config.json, chat_template.jinja and config.json of the bundled policy. */
export async function writePolicyFiles(dir: string, corpus: readonly string[]): Promise<void> {
  const { vocab, merges } = learnBytePairs(corpus);
  const first = Object.keys(vocab).length;
  const idOf = (token: (typeof specialTokens)[number]): number => first + specialTokens.indexOf(token);
  await fs.mkdir(dir, { recursive: true });
  const write = (name: string, value: unknown): Promise<void> =>
    fs.writeFile(path.join(dir, name), JSON.stringify(value, null, name === "tokenizer.json" ? undefined : 2) + "\n");
  await write("tokenizer.json", tokenizerJson({ vocab, merges }, idOf));
  await write("tokenizer_config.json", {
    tokenizer_class: "PreTrainedTokenizerFast",
    bos_token: null,
    eos_token: "<|im_end|>",
    pad_token: "<|endoftext|>",
    clean_up_tokenization_spaces: false,
  });
  await fs.writeFile(path.join(dir, "chat_template.jinja"), chatTemplate);
  await write("config.json", {
    architectures: ["Qwen2_5_VLForConditionalGeneration"],
    model_type: "qwen2_5_vl",
    tie_word_embeddings: true,
    eos_token_id: idOf("<|im_end|>"),
    pad_token_id: idOf("<|endoftext|>"),
    image_token_id: idOf("<|image_pad|>"),
    video_token_id: idOf("<|video_pad|>"),
    vision_start_token_id: idOf("<|vision_start|>"),
    vision_end_token_id: idOf("<|vision_end|>"),
    // Rounded up, so that matrix products have even sizes.
    vocab_size: Math.ceil((first + specialTokens.length) / 64) * 64,
    ...textSizes,
    vision_config: visionSizes,
  });
}

const textSizes = {
  hidden_size: 192,
  intermediate_size: 512,
  num_hidden_layers: 4,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  rope_scaling: { type: "mrope", rope_type: "default", mrope_section: [4, 6, 6] },
  hidden_act: "silu",
  torch_dtype: "bfloat16",
};

/** One window is a quarter of a 112 x 112 frame; the later blocks see the whole frame. */
const visionSizes = {
  model_type: "qwen2_5_vl",
  depth: 3,
  hidden_size: 128,
  intermediate_size: 256,
  num_heads: 4,
  out_hidden_size: 192,
  in_channels: 3,
  patch_size: 14,
  temporal_patch_size: 2,
  spatial_merge_size: 2,
  window_size: 56,
  fullatt_block_indexes: [1, 2],
  tokens_per_second: 1,
  hidden_act: "silu",
};

/** In the layout of the `tokenizers` library: byte-level BPE with Qwen's special tokens. */
function tokenizerJson({ vocab, merges }: BytePairs, idOf: (token: (typeof specialTokens)[number]) => number): unknown {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content) => ({
      id: idOf(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: wordPattern }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges,
    },
  };
}

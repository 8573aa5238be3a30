"""Tiny checkpoints with random weights, for fixtures: written by transformers itself."""

import json
import pathlib

import numpy
import torch

import torchvisionStub  # noqa: F401  before transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
)

# Configuration and model by model_type.
ARCHITECTURES = {
    "qwen2_vl": (Qwen2VLConfig, Qwen2VLForConditionalGeneration),
    "qwen2_5_vl": (Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration),
    "qwen3_vl": (Qwen3VLConfig, Qwen3VLForConditionalGeneration),
}

SPECIAL_TOKENS = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
]

# Qwen2's own pre-tokenizer pattern and chat template: what the published checkpoints bring.
WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}"
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "{% set image_count.value = image_count.value + 1 %}"
    "{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif content['type'] == 'video' or 'video' in content %}"
    "{% set video_count.value = video_count.value + 1 %}"
    "{% if add_vision_id %}Video {{ video_count.value }}: {% endif %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CORPUS = [
    "When does the red square move? Give the start and end in seconds.",
    "<think>The square moves from 1.5 to 3.0 seconds.</think><answer>1.5 to 3.0</answer>",
    "To accurately pinpoint the event in the video, determine the precise time period of the event.",
]


def make_tokenizer(vocab_size: int) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in SPECIAL_TOKENS])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    fast.chat_template = CHAT_TEMPLATE
    return fast


def make_config(tokenizer: PreTrainedTokenizerFast, text: dict, vision: dict, tied: bool, model_type="qwen2_5_vl"):
    ids = {t: tokenizer.convert_tokens_to_ids(t) for t in SPECIAL_TOKENS}
    ends = dict(eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"], bos_token_id=None)
    make, _ = ARCHITECTURES[model_type]
    return make(
        text_config=dict(text, max_position_embeddings=2048, tie_word_embeddings=tied, **ends),
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=tied,
    )


def make_checkpoint(folder: pathlib.Path, config, tokenizer, seed: int):
    """Writes a bfloat16 checkpoint and returns it as loaded again, in float32."""
    torch.manual_seed(seed)
    _, make = ARCHITECTURES[config.model_type]
    model = make(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(random_weight(name, parameter.shape))
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return load_checkpoint(folder)


def load_checkpoint(folder: pathlib.Path, **options):
    model_type = json.loads((folder / "config.json").read_text())["model_type"]
    _, make = ARCHITECTURES[model_type]
    return make.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", **options)


def random_weight(name: str, shape: torch.Size) -> torch.Tensor:
    """Large enough that attention is uneven and logits differ: a bug must show."""
    noise = torch.randn(shape)
    if name.endswith("bias"):
        return 0.3 * noise
    if "norm" in name or "ln_q" in name:
        return 1 + 0.3 * noise
    if "embed_tokens" in name:
        return 0.6 * noise
    fan_in = torch.Size(shape[1:]).numel()
    return noise * (2.5 if "lm_head" in name else 1.4) / fan_in**0.5


def make_pixels(frames: int, height: int, width: int) -> numpy.ndarray:
    """RGB [F, H, W, 3] by a formula that test/fixtures/tinyClip.ts repeats."""
    f, y, x, c = numpy.meshgrid(
        numpy.arange(frames), numpy.arange(height), numpy.arange(width), numpy.arange(3), indexing="ij"
    )
    return ((x * (3 + c) + y * (5 - c) + ((x * y * (f + 1)) >> 4) + 29 * f * (c + 1)) & 255).astype(numpy.uint8)


def canonical(name: str) -> str:
    """Parameter names as the published checkpoints have them."""
    return name.replace("model.language_model.", "model.").replace("model.visual.", "visual.")


def write_json(path: pathlib.Path, value) -> None:
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")

"""Writes grpo/ of a folder of fixtures: losses and gradients of tiny policies by PyTorch, each completion with its own
copy of the prompt.

    python test/python/makeGrpoFixture.py WHEELS OUT   (see makePolicyFixture.py)
"""

import itertools
import pathlib
import shutil
import sys
import tempfile

import torch

import tinyPolicy  # before all that imports transformers
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from qwenInputs import Reference, extended, token_types
from transformers import Qwen2VLImageProcessorPil, Qwen2VLVideoProcessor, Qwen3VLVideoProcessor

torch.set_num_threads(1)
VOCABULARY = 272
OPTIONS = dict(epsilon=0.2, epsilonHigh=0.28, temperature=0.8, maxCompletionLength=24)
LORA = dict(rank=3, alpha=5, targets=["q_proj", "v_proj", "gate_proj", "down_proj"])
ALL_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
GRADIENT_CASES = [("grpo", "token", 0.04), ("dapo", "sequence", 0), ("bnpo", "sequence", 0.04)]
ADAMW = dict(learningRate=0.01, beta1=0.9, beta2=0.95, epsilon=1e-8, weightDecay=0.1, maxGradNorm=10.0)
PATCHES = dict(patch_size=4, spatial_merge_size=2, temporal_patch_size=2)


def small_text(**changes) -> dict:
    rope = dict(rope_type="default", mrope_section=[2, 1, 1], rope_theta=10000.0)
    heads = dict(num_attention_heads=2, num_key_value_heads=1, num_hidden_layers=2)
    sizes = dict(heads, vocab_size=VOCABULARY, hidden_size=16, intermediate_size=24, rope_parameters=rope)
    return dict(sizes, **changes)


# Every architecture, with little else.
SMALL_CASES = {
    "qwen2.5-vl": (
        "qwen2_5_vl",
        small_text(),
        dict(
            PATCHES, depth=2, hidden_size=16, intermediate_size=12, num_heads=2, out_hidden_size=16, window_size=16,
            fullatt_block_indexes=[1], tokens_per_second=2,
        ),
    ),
    "qwen2-vl": (
        "qwen2_vl",
        small_text(),
        dict(PATCHES, depth=2, embed_dim=16, hidden_size=16, mlp_ratio=2, num_heads=2),
    ),
    "qwen3-vl": (
        "qwen3_vl",
        small_text(
            num_hidden_layers=3,
            head_dim=16,
            rope_parameters=dict(
                rope_type="default", mrope_section=[4, 2, 2], mrope_interleaved=True, rope_theta=10000.0
            ),
        ),
        dict(
            PATCHES, depth=2, hidden_size=16, intermediate_size=12, num_heads=2, out_hidden_size=16,
            num_position_embeddings=9, deepstack_visual_indexes=[0, 1],
        ),
    ),
}
# What AdamW makes of a few tensors says enough: their shapes differ, and the norm reads all gradients.
ADAMW_TENSORS = [
    "model.embed_tokens.weight",
    "model.layers.0.input_layernorm.weight",
    "model.layers.1.self_attn.q_proj.bias",
    "visual.patch_embed.proj.weight",
]


class Group:
    """A prompt with its visuals and completions, as tensors."""

    def __init__(self, config, reference, visuals: list[dict], text: list[int], completions: list[list[int]], advantages):
        self.config, self.visuals = config, visuals
        self.completions, self.advantages = completions, advantages
        self.pixels = pixel_inputs(config, visuals)
        self.prompt = [5]
        for visual in visuals:
            self.prompt += visual_tokens(config, visual)
        self.prompt += text
        ids = torch.tensor([self.prompt])
        seconds = [2 * v["duration"] / v["frames"] for v in visuals if v["type"] == "video"]
        self.positions = reference.rope_index(config, ids, dict(self.pixels, second_per_grid_ts=torch.tensor(seconds)))

    def logprobs(self, model, temperature: float) -> list[torch.Tensor]:
        """Of the tokens of each completion; the prompt is computed anew for each."""
        found = []
        for completion in self.completions:
            ids = torch.tensor([self.prompt + completion])
            positions = extended(self.positions, len(completion))
            out = model(input_ids=ids, position_ids=positions, **self.pixels, **token_types(self.config, ids))
            scores = (out.logits[0, len(self.prompt) - 1 : -1] / temperature).log_softmax(-1)
            found.append(scores.gather(1, torch.tensor(completion)[:, None])[:, 0])
        return found


def visual_tokens(config, visual: dict) -> list[int]:
    """A visual in a prompt; where the prompt tells the time, a token of text stands before each temporal patch."""
    side = 2 * config.vision_config.patch_size
    count = visual["height"] * visual["width"] // side**2
    start = config.vision_start_token_id
    if visual["type"] == "image":
        return [start] + [config.image_token_id] * count
    patches = visual["frames"] // 2
    if config.model_type == "qwen3_vl":
        return [t for i in range(patches) for t in [40 + i, start, *[config.video_token_id] * count]]
    return [start] + [config.video_token_id] * (patches * count)


def pixel_inputs(config, visuals: list[dict]) -> dict:
    """As the processors of transformers; they know only patches of 14 and 16 by name."""
    is_qwen3 = config.model_type == "qwen3_vl"
    options = dict(do_resize=False, patch_size=config.vision_config.patch_size)
    if is_qwen3:
        options.update(image_mean=[0.5] * 3, image_std=[0.5] * 3)
    frames = [tinyPolicy.make_pixels(v.get("frames", 1), v["height"], v["width"]) for v in visuals]
    videos = [torch.from_numpy(f).permute(0, 3, 1, 2) for v, f in zip(visuals, frames) if v["type"] == "video"]
    images = [f[0] for v, f in zip(visuals, frames) if v["type"] == "image"]
    found = {}
    if videos:
        processor = (Qwen3VLVideoProcessor if is_qwen3 else Qwen2VLVideoProcessor)(do_sample_frames=False, **options)
        made = processor(videos=videos, return_tensors="pt")
        found.update(pixel_values_videos=made["pixel_values_videos"], video_grid_thw=made["video_grid_thw"])
    if images:
        made = Qwen2VLImageProcessorPil(**options)(images=images, return_tensors="pt")
        found.update(pixel_values=made["pixel_values"], image_grid_thw=made["image_grid_thw"])
    return found


def video(frames: int, height: int, width: int, duration: float) -> dict:
    return dict(type="video", frames=frames, height=height, width=width, duration=duration)


def main() -> None:
    wheels, out = map(pathlib.Path, sys.argv[1:3])
    make_qwen25(out / "grpo", Reference(wheels, "qwen2_5_vl"))
    for name, (model_type, text, vision) in SMALL_CASES.items():
        make_small(out / "grpo" / name, Reference(wheels, model_type), text, vision)


def make_qwen25(out: pathlib.Path, reference: Reference) -> None:
    """Qwen2.5-VL with every loss."""
    tokenizer = tinyPolicy.make_tokenizer(VOCABULARY)
    config = make_config(tokenizer)
    model = tinyPolicy.make_checkpoint(out / "checkpoint", config, tokenizer, seed=5)
    torch.manual_seed(6)
    random_ids = lambda count: torch.randint(0, 256, (count,)).tolist()
    shown = [[video(4, 16, 24, 2.5)], [video(2, 16, 16, 1)]]
    groups = [
        Group(config, reference, shown[0], random_ids(9), [random_ids(n) for n in (5, 18, 11)], [1.2, -0.7, 0.4]),
        Group(config, reference, shown[1], random_ids(4), [random_ids(n) for n in (7, 3)], [-0.9, 0.9]),
    ]
    # Shifted as a whole too, so that ratios of sequences are clipped as well as those of tokens.
    now, old, ref = logprobs_around(model, groups, [[-0.4, 0.35, 0.1], [0.3, -0.15]])

    tensors: dict[str, torch.Tensor] = {}
    losses, clipped = {}, {}
    for loss_type, level, beta in itertools.product(
        ["grpo", "dr_grpo", "dapo", "bnpo"], ["token", "sequence"], [0, 0.04]
    ):
        case = f"{loss_type}/{level}/{beta}"
        with_gradients = (loss_type, level, beta) in GRADIENT_CASES
        with torch.set_grad_enabled(with_gradients):
            loss, share = grpo_loss(model, groups, old, ref, loss_type, level, beta)
        losses[case], clipped[case] = float(loss.detach()), share
        if with_gradients:
            tensors.update(gradients(model, loss, case))
    tensors.update(gradients(model, sft_loss(model, groups), "sft"))
    losses["sft"] = float(sft_loss(model, groups).detach())
    tensors.update(adamw(model, [tensors_of(tensors, "grpo/token/0.04"), tensors_of(tensors, "dapo/sequence/0")]))
    finish(out, model, groups, (now, old, ref), tensors, losses, clipped, LORA)


def make_small(out: pathlib.Path, reference: Reference, text: dict, vision: dict) -> None:
    """One loss with clipping and KL, on prompts with a video and an image."""
    tokenizer = tinyPolicy.make_tokenizer(VOCABULARY)
    config = tinyPolicy.make_config(tokenizer, text, vision, True, reference.model_type)
    model = tinyPolicy.make_checkpoint(out / "checkpoint", config, tokenizer, seed=7)
    torch.manual_seed(8)
    random_ids = lambda count: torch.randint(0, 256, (count,)).tolist()
    shown = [video(4, 16, 24, 2.5), dict(type="image", height=24, width=16)]
    completions = [random_ids(n) for n in (6, 9, 4)]
    groups = [Group(config, reference, shown, random_ids(5), completions, [1.2, -0.7, 0.4])]
    now, old, ref = logprobs_around(model, groups, [[-0.4, 0.35, 0.1]])
    case = "grpo/token/0.04"
    loss, share = grpo_loss(model, groups, old, ref, "grpo", "token", 0.04)
    assert share > 0, "some tokens are clipped"
    tensors = gradients(model, loss, case)
    losses, clipped = {case: float(loss.detach())}, {case: share}
    finish(out, model, groups, (now, old, ref), tensors, losses, clipped, dict(LORA, targets=ALL_TARGETS))


def logprobs_around(model, groups, shifts):
    """Log-probabilities of the policy, and those of an older one and of a reference somewhere near."""
    with torch.no_grad():
        now = [group.logprobs(model, OPTIONS["temperature"]) for group in groups]
    old = [[x + s + 0.3 * torch.randn_like(x) for x, s in zip(g, shift)] for g, shift in zip(now, shifts)]
    ref = [[x + 0.5 * torch.randn_like(x) for x in group] for group in now]
    return now, old, ref


def finish(out, model, groups, logprobs, tensors: dict, losses: dict, clipped: dict, options: dict) -> None:
    """Adds a LoRA step, which changes the model, and writes everything."""
    now, old, ref = logprobs
    lora_loss, lora_tensors, lora_logprobs = lora(model, groups, old, ref, out, options)
    tensors.update(lora_tensors)
    losses["lora"] = lora_loss
    floats = lambda nested: [[x.tolist() for x in group] for group in nested]
    expected = dict(
        options=OPTIONS,
        lora=options,
        adamw=ADAMW,
        losses=losses,
        clipped=clipped,
        groups=[
            dict(
                visuals=group.visuals,
                promptIds=group.prompt,
                completions=group.completions,
                advantages=group.advantages,
                logprobs=floats(now)[i],
                oldLogprobs=floats(old)[i],
                refLogprobs=floats(ref)[i],
                loraLogprobs=floats(lora_logprobs)[i],
            )
            for i, group in enumerate(groups)
        ],
    )
    tinyPolicy.write_json(out / "expected.json", expected)
    save_file({name: t.contiguous() for name, t in tensors.items()}, out / "expected.safetensors")
    for file in out.rglob("*.*"):
        file.chmod(0o644)
    print(out.name, losses, clipped)


def make_config(tokenizer):
    rope = dict(rope_type="default", mrope_section=[2, 1, 1], rope_theta=10000.0)
    heads = dict(num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=2)
    text = dict(heads, vocab_size=VOCABULARY, hidden_size=32, intermediate_size=24, rope_parameters=rope)
    vision = dict(depth=2, hidden_size=16, intermediate_size=12, num_heads=2, out_hidden_size=32, window_size=16)
    fixed = dict(patch_size=4, spatial_merge_size=2, temporal_patch_size=2, fullatt_block_indexes=[1])
    return tinyPolicy.make_config(tokenizer, text, dict(vision, **fixed, tokens_per_second=2), tied=True)


def grpo_loss(model, groups, old, ref, loss_type: str, level: str, beta: float):
    """The loss of one step as TRL's GRPOTrainer computes it; and the share of tokens whose ratio is clipped."""
    low, high = 1 - OPTIONS["epsilon"], 1 + OPTIONS["epsilonHigh"]
    sequences = sum(len(group.completions) for group in groups)
    tokens = sum(len(c) for group in groups for c in group.completions)
    total, clipped = 0, 0
    for group, old_g, ref_g in zip(groups, old, ref):
        logprobs = group.logprobs(model, OPTIONS["temperature"])
        group_tokens = sum(len(c) for c in group.completions)
        for logp, old_t, ref_t, advantage in zip(logprobs, old_g, ref_g, group.advantages):
            log_ratio = logp - old_t
            if level == "sequence":
                log_ratio = log_ratio.mean()[None].expand(len(logp))
            ratio = log_ratio.exp()
            bounded = ratio.clamp(low, high)
            per_token = -torch.min(ratio * advantage, bounded * advantage)
            clipped += int((bounded * advantage < ratio * advantage).sum())
            if beta != 0:
                per_token = per_token + beta * ((ref_t - logp).exp() - (ref_t - logp) - 1)
            if loss_type == "grpo":
                total = total + per_token.mean() / sequences
            elif loss_type == "dr_grpo":
                total = total + per_token.sum() / (sequences * OPTIONS["maxCompletionLength"])
            elif loss_type == "dapo":
                total = total + per_token.sum() / tokens
            else:
                total = total + per_token.sum() / group_tokens / len(groups)
    return total, clipped / tokens


def sft_loss(model, groups) -> torch.Tensor:
    """Mean negative log-likelihood of all completion tokens; prompts carry no loss."""
    logprobs = torch.cat([x for group in groups for x in group.logprobs(model, 1)])
    return -logprobs.mean()


def gradients(model, loss: torch.Tensor, case: str) -> dict[str, torch.Tensor]:
    model.zero_grad()
    loss.backward()
    named = {tinyPolicy.canonical(n): p for n, p in model.named_parameters() if p.requires_grad}
    return {f"{case}/{name}": p.grad.clone() for name, p in named.items()}


def tensors_of(tensors: dict, case: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(case + "/"): t for name, t in tensors.items() if name.startswith(case + "/")}


def adamw(model, steps: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Weights after two steps of clip_grad_norm_ and AdamW, decay on matrices only as in transformers' Trainer."""
    weights = {tinyPolicy.canonical(n): p.detach().clone().requires_grad_() for n, p in model.named_parameters()}
    decayed = [w for w in weights.values() if w.ndim >= 2]
    plain = [w for w in weights.values() if w.ndim < 2]
    optimizer = torch.optim.AdamW(
        [dict(params=decayed, weight_decay=ADAMW["weightDecay"]), dict(params=plain, weight_decay=0)],
        lr=ADAMW["learningRate"],
        betas=(ADAMW["beta1"], ADAMW["beta2"]),
        eps=ADAMW["epsilon"],
    )
    found = {}
    for number, step in enumerate(steps):
        for name, weight in weights.items():
            weight.grad = step[name].clone()
        norm = torch.nn.utils.clip_grad_norm_(weights.values(), ADAMW["maxGradNorm"])
        optimizer.step()
        found[f"adamw/{number}/grad_norm"] = norm.reshape(1)
        found.update({f"adamw/{number}/{name}": weights[name].detach().clone() for name in ADAMW_TENSORS})
    return found


def lora(model, groups, old, ref, out: pathlib.Path, options: dict):
    """Loss, gradients and log-probabilities with a random adapter; its weights are kept as peft writes them."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    targets = rf".*language_model\.layers\.\d+\..*\.({'|'.join(options['targets'])})"
    config = LoraConfig(r=options["rank"], lora_alpha=options["alpha"], target_modules=targets)
    adapted = get_peft_model(model, config)
    torch.manual_seed(9)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                parameter.copy_((0.4 if "lora_A" in name else 0.03) * torch.randn(parameter.shape))
    with tempfile.TemporaryDirectory() as saved:
        adapted.save_pretrained(saved)
        shutil.copy(pathlib.Path(saved) / "adapter_model.safetensors", out / "adapter.safetensors")
    loss, _ = grpo_loss(adapted, groups, old, ref, "grpo", "token", 0.04)
    loss.backward()
    named = {n: p.grad for n, p in adapted.named_parameters() if p.requires_grad}
    rename = lambda n: tinyPolicy.canonical(n.removeprefix("base_model.model.")).replace(".default", "")
    with torch.no_grad():
        logprobs = [group.logprobs(adapted, OPTIONS["temperature"]) for group in groups]
    return float(loss.detach()), {f"lora/{rename(n)}": g for n, g in named.items()}, logprobs


if __name__ == "__main__":
    main()

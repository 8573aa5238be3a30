"""Writes test/fixtures/grpo: losses and gradients of a tiny policy by PyTorch, each completion with its own copy of the prompt.

    python test/python/makeGrpoFixture.py transformers-4.49.0-py3-none-any.whl   (see makePolicyFixture.py)
"""

import itertools
import pathlib
import shutil
import sys
import tempfile

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file

import tinyPolicy
from makePolicyFixture import extended, original_rope_index, token_types

torch.set_num_threads(1)
OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "grpo"
VOCABULARY = 272
OPTIONS = dict(epsilon=0.2, epsilonHigh=0.28, temperature=0.8, maxCompletionLength=24)
LORA = dict(rank=3, alpha=5, targets=["q_proj", "v_proj", "gate_proj", "down_proj"])
GRADIENT_CASES = [("grpo", "token", 0.04), ("dapo", "sequence", 0), ("bnpo", "sequence", 0.04)]
ADAMW = dict(learningRate=0.01, beta1=0.9, beta2=0.95, epsilon=1e-8, weightDecay=0.1, maxGradNorm=10.0)
# What AdamW makes of a few tensors says enough: their shapes differ, and the norm reads all gradients.
ADAMW_TENSORS = [
    "model.embed_tokens.weight",
    "model.layers.0.input_layernorm.weight",
    "model.layers.1.self_attn.q_proj.bias",
    "visual.patch_embed.proj.weight",
]


class Group:
    """A prompt with its video and completions, as tensors."""

    def __init__(self, model, rope_index, video: dict, text: list[int], completions: list[list[int]], advantages):
        config, vision = model.config, model.config.vision_config
        side = vision.patch_size
        grid = [video["frames"] // 2, video["height"] // side, video["width"] // side]
        tokens = grid[0] * grid[1] * grid[2] // 4
        self.prompt = [5, config.vision_start_token_id] + [config.video_token_id] * tokens + text
        self.video, self.completions, self.advantages = video, completions, advantages
        self.grid = torch.tensor([grid])
        self.pixels = patches(tinyPolicy.make_pixels(video["frames"], video["height"], video["width"]), side)
        seconds = torch.tensor([2 * video["duration"] / video["frames"]])
        ids = torch.tensor([self.prompt])
        self.positions, _ = rope_index(model, ids, video_grid_thw=self.grid, second_per_grid_ts=seconds)

    def logprobs(self, model, temperature: float) -> list[torch.Tensor]:
        """Of the tokens of each completion; the prompt is computed anew for each."""
        found = []
        for completion in self.completions:
            ids = torch.tensor([self.prompt + completion])
            out = model(
                input_ids=ids,
                position_ids=extended(self.positions, len(completion)),
                pixel_values_videos=self.pixels,
                video_grid_thw=self.grid,
                **token_types(model, ids),
            )
            scores = (out.logits[0, len(self.prompt) - 1 : -1] / temperature).log_softmax(-1)
            found.append(scores.gather(1, torch.tensor(completion)[:, None])[:, 0])
        return found


def main() -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    rope_index = original_rope_index(pathlib.Path(sys.argv[1]))
    tokenizer = tinyPolicy.make_tokenizer(VOCABULARY)
    model = tinyPolicy.make_checkpoint(OUT / "checkpoint", make_config(tokenizer), tokenizer, seed=5)
    torch.manual_seed(6)
    random_ids = lambda count: torch.randint(0, 256, (count,)).tolist()
    videos = [dict(frames=4, height=16, width=24, duration=2.5), dict(frames=2, height=16, width=16, duration=1)]
    groups = [
        Group(model, rope_index, videos[0], random_ids(9), [random_ids(n) for n in (5, 18, 11)], [1.2, -0.7, 0.4]),
        Group(model, rope_index, videos[1], random_ids(4), [random_ids(n) for n in (7, 3)], [-0.9, 0.9]),
    ]
    with torch.no_grad():
        now = [group.logprobs(model, OPTIONS["temperature"]) for group in groups]
    # Shifted as a whole too, so that ratios of sequences are clipped as well as those of tokens.
    shifts = [[-0.4, 0.35, 0.1], [0.3, -0.15]]
    old = [[x + s + 0.3 * torch.randn_like(x) for x, s in zip(g, shift)] for g, shift in zip(now, shifts)]
    ref = [[x + 0.5 * torch.randn_like(x) for x in group] for group in now]

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
    # Last, since it changes the model.
    lora_loss, lora_tensors, lora_logprobs = lora(model, groups, old, ref)
    tensors.update(lora_tensors)
    losses["lora"] = lora_loss

    floats = lambda nested: [[x.tolist() for x in group] for group in nested]
    expected = dict(
        options=OPTIONS,
        lora=LORA,
        adamw=ADAMW,
        losses=losses,
        clipped=clipped,
        groups=[
            dict(
                video=group.video,
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
    tinyPolicy.write_json(OUT / "expected.json", expected)
    save_file({name: t.contiguous() for name, t in tensors.items()}, OUT / "expected.safetensors")
    for file in OUT.rglob("*.*"):
        file.chmod(0o644)
    print(losses, clipped)


def make_config(tokenizer):
    rope = dict(rope_type="default", mrope_section=[2, 1, 1], rope_theta=10000.0)
    heads = dict(num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=2)
    text = dict(heads, vocab_size=VOCABULARY, hidden_size=32, intermediate_size=24, rope_parameters=rope)
    vision = dict(depth=2, hidden_size=16, intermediate_size=12, num_heads=2, out_hidden_size=32, window_size=16)
    fixed = dict(patch_size=4, spatial_merge_size=2, temporal_patch_size=2, fullatt_block_indexes=[1])
    return tinyPolicy.make_config(tokenizer, text, dict(vision, **fixed, tokens_per_second=2), tied=True)


def patches(pixels, side: int) -> torch.Tensor:
    """As Qwen2VLVideoProcessor, which knows only patches of 14 by name."""
    from transformers import Qwen2VLVideoProcessor

    processor = Qwen2VLVideoProcessor(do_sample_frames=False, do_resize=False, patch_size=side)
    frames = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    return processor(videos=[frames], return_tensors="pt")["pixel_values_videos"]


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


def lora(model, groups, old, ref):
    """Loss, gradients and log-probabilities with a random adapter; its weights are kept as peft writes them."""
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    targets = rf".*language_model\.layers\.\d+\..*\.({'|'.join(LORA['targets'])})"
    config = LoraConfig(r=LORA["rank"], lora_alpha=LORA["alpha"], target_modules=targets)
    adapted = get_peft_model(model, config)
    torch.manual_seed(9)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                parameter.copy_((0.4 if "lora_A" in name else 0.03) * torch.randn(parameter.shape))
    with tempfile.TemporaryDirectory() as saved:
        adapted.save_pretrained(saved)
        shutil.copy(pathlib.Path(saved) / "adapter_model.safetensors", OUT / "adapter.safetensors")
    loss, _ = grpo_loss(adapted, groups, old, ref, "grpo", "token", 0.04)
    loss.backward()
    named = {n: p.grad for n, p in adapted.named_parameters() if p.requires_grad}
    rename = lambda n: tinyPolicy.canonical(n.removeprefix("base_model.model.")).replace(".default", "")
    with torch.no_grad():
        logprobs = [group.logprobs(adapted, OPTIONS["temperature"]) for group in groups]
    return float(loss.detach()), {f"lora/{rename(n)}": g for n, g in named.items()}, logprobs


if __name__ == "__main__":
    main()

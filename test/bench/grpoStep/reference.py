"""One process of grpoStep.ts or loraStep.ts: steps of a group with transformers and PyTorch; a line of JSON at the end.

    python reference.py SHAPE.json copies|shared MICRO_BATCH

`copies` is what TRL and ms-swift do: each completion has its own copy of the prompt in generate, in scoring and in the
update, MICRO_BATCH completions at a time. `shared` computes the prompt once and lets all completions attend to it.
A shape with a `loraRank` trains adapters of peft's, without which the policy is its own reference.
"""

import contextlib

import json
import pathlib
import resource
import sys
import time

import torch

sys.path.append(str(pathlib.Path(__file__).parents[2] / "python"))
import torchvisionStub  # noqa: E402, F401  before transformers

from transformers import Qwen2_5_VLForConditionalGeneration  # noqa: E402


def main() -> None:
    shape = json.load(open(sys.argv[1]))
    is_shared, micro_batch = sys.argv[2] == "shared", int(sys.argv[3])
    torch.manual_seed(0)
    torch.set_num_threads(shape["threads"])
    device = shape.get("device", "cpu")
    load = lambda: Qwen2_5_VLForConditionalGeneration.from_pretrained(
        shape["checkpoint"], dtype=getattr(torch, shape.get("dtype", "float32")), attn_implementation="sdpa"
    ).to(device)
    model = load()
    model.model.visual.requires_grad_(False)
    if "loraRank" in shape:
        reference, without_training = adapted(model, shape["loraRank"])
    else:
        reference, without_training = load().eval().requires_grad_(False), contextlib.nullcontext
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-6)
    prompt = Prompt(model, shape)
    steps = []

    def now_sec() -> float:
        if device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter()

    for _ in range(shape["steps"]):
        laps = [now_sec()]
        tokens = prompt.sample(model)
        laps.append(now_sec())
        with torch.no_grad(), without_training():
            chosen = prompt.shared_logprobs if is_shared else prompt.logprobs
            size = len(tokens) if is_shared else micro_batch
            ref = torch.cat([chosen(reference, part) for part in tokens.split(size)]) if shape["beta"] > 0 else None
        laps.append(now_sec())
        parts = [slice(None)] if is_shared else [slice(i, i + micro_batch) for i in range(0, len(tokens), micro_batch)]
        advantages = torch.tensor([1.0 if k % 2 == 0 else -1.0 for k in range(len(tokens))], device=device)[:, None]
        for part in parts:
            now = chosen(model, tokens[part])
            ratio = (now - now.detach()).exp()  # one iteration: the old policy is this one, as TRL has it
            loss = -torch.min(ratio * advantages[part], ratio.clamp(0.8, 1.2) * advantages[part])
            if ref is not None:
                loss = loss + shape["beta"] * ((ref[part] - now).exp() - (ref[part] - now) - 1)
            (loss.sum() / tokens.numel()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        laps.append(now_sec())
        sample, scoring, update = (b - a for a, b in zip(laps, laps[1:]))
        steps.append(dict(sample=sample, score=scoring, update=update, total=laps[-1] - laps[0]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 if device == "cpu" else torch.cuda.max_memory_allocated()
    print(json.dumps(dict(steps=steps, peakBytes=peak)))


def adapted(model, rank: int):
    """Puts trainable adapters into the decoder. Returns the model itself, and a context in which it is without them."""
    from peft import LoraConfig, inject_adapter_in_model
    from peft.tuners.lora import LoraLayer

    model.requires_grad_(False)
    targets = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj)"
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets), model)
    layers = [module for module in model.modules() if isinstance(module, LoraLayer)]

    @contextlib.contextmanager
    def without():
        for layer in layers:
            layer.enable_adapters(False)
        yield
        for layer in layers:
            layer.enable_adapters(True)

    return model, without


class Prompt:
    """The prompt of the step, with random frames if there are any."""

    def __init__(self, model, shape: dict):
        config = model.config
        side = config.vision_config.patch_size
        grid = [shape["frames"] // 2, shape["heightPx"] // side, shape["widthPx"] // side]
        visual = grid[0] * grid[1] * grid[2] // 4
        text = [20 + i % 200 for i in range(shape["promptTokens"] - visual - 1)]
        ids = [config.vision_start_token_id] + [config.video_token_id] * visual + text
        self.ids = torch.tensor([ids], device=model.device)
        self.grid = torch.tensor([grid], device=model.device) if visual > 0 else None
        self.pixels = torch.randn(grid[0] * grid[1] * grid[2], 3 * 2 * side * side, device=model.device)
        self.group, self.length = shape["groupSize"], shape["completionTokens"]

    def video(self, copies: int) -> dict:
        if self.grid is None:
            return {}
        return dict(
            pixel_values_videos=self.pixels.repeat(copies, 1),
            video_grid_thw=self.grid.repeat(copies, 1),
            second_per_grid_ts=[1.0] * copies,
        )

    def types(self, model, ids: torch.Tensor) -> dict:
        return dict(mm_token_type_ids=torch.where(ids == model.config.video_token_id, 2, 0))

    @torch.no_grad()
    def sample(self, model) -> torch.Tensor:
        """[G, C], all of the full length."""
        ids = self.ids.repeat(self.group, 1)
        out = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=1.0, top_p=1.0, top_k=0,
            min_new_tokens=self.length, max_new_tokens=self.length, pad_token_id=0,
            **self.video(self.group), **self.types(model, ids),
        )
        tokens = out[:, self.ids.shape[1] :]
        # Random weights also say tokens that would stand for a video.
        visual = torch.tensor([model.config.video_token_id, model.config.image_token_id], device=tokens.device)
        return tokens.masked_fill(torch.isin(tokens, visual), 20)

    def logprobs(self, model, tokens: torch.Tensor) -> torch.Tensor:
        """[G, C] with a copy of the prompt for each."""
        ids = torch.cat([self.ids.repeat(len(tokens), 1), tokens], 1)
        out = model(
            input_ids=ids, use_cache=False, logits_to_keep=tokens.shape[1] + 1,
            **self.video(len(tokens)), **self.types(model, ids),
        )
        scores = out.logits[:, :-1].log_softmax(-1)
        return scores.gather(2, tokens[:, :, None])[:, :, 0]

    def shared_logprobs(self, model, tokens: torch.Tensor) -> torch.Tensor:
        """[G, C]; the prompt is computed once, and its keys and values are expanded."""
        count = len(tokens)
        positions, _ = model.model.get_rope_index(
            self.ids, video_grid_thw=self.grid, 
            second_per_grid_ts=None if self.grid is None else torch.tensor([1.0], device=self.ids.device),
            **self.types(model, self.ids),
        )
        start = self.ids.shape[1] - 1
        prompt = model(
            input_ids=self.ids[:, :-1], position_ids=positions[:, :, :-1], use_cache=True, logits_to_keep=1,
            **self.video(1), **self.types(model, self.ids[:, :-1]),
        )
        cache = prompt.past_key_values
        cache.batch_repeat_interleave(count)
        ids = torch.cat([self.ids[:, -1:].repeat(count, 1), tokens[:, :-1]], 1)
        first = int(positions[0, 0, -1])
        places = torch.arange(first, first + ids.shape[1], device=ids.device).expand(3, count, -1)
        out = model(
            input_ids=ids, position_ids=places, past_key_values=cache, use_cache=True,
            attention_mask=torch.ones(count, start + ids.shape[1], dtype=torch.long, device=ids.device), **self.types(model, ids),
        )
        return out.logits.log_softmax(-1).gather(2, tokens[:, :, None])[:, :, 0]


if __name__ == "__main__":
    main()

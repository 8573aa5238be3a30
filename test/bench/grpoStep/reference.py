"""One process of grpoStep.mjs: steps of a group with transformers and PyTorch; a line of JSON at the end.

    python reference.py SHAPE.json copies|shared MICRO_BATCH

`copies` is what TRL and ms-swift do: each completion has its own copy of the prompt in generate, in scoring and in the
update, MICRO_BATCH completions at a time. `shared` computes the prompt once and lets all completions attend to it.
"""

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
    load = lambda: Qwen2_5_VLForConditionalGeneration.from_pretrained(
        shape["checkpoint"], dtype=torch.float32, attn_implementation="sdpa"
    )
    model, reference = load(), load().eval().requires_grad_(False)
    model.model.visual.requires_grad_(False)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-6)
    prompt = Prompt(model, shape)
    steps = []
    for _ in range(shape["steps"]):
        laps = [time.perf_counter()]
        tokens = prompt.sample(model)
        laps.append(time.perf_counter())
        with torch.no_grad():
            chosen = prompt.shared_logprobs if is_shared else prompt.logprobs
            size = len(tokens) if is_shared else micro_batch
            ref = torch.cat([chosen(reference, part) for part in tokens.split(size)]) if shape["beta"] > 0 else None
        laps.append(time.perf_counter())
        parts = [slice(None)] if is_shared else [slice(i, i + micro_batch) for i in range(0, len(tokens), micro_batch)]
        advantages = torch.tensor([1.0 if k % 2 == 0 else -1.0 for k in range(len(tokens))])[:, None]
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
        laps.append(time.perf_counter())
        sample, scoring, update = (b - a for a, b in zip(laps, laps[1:]))
        steps.append(dict(sample=sample, score=scoring, update=update, total=laps[-1] - laps[0]))
    print(json.dumps(dict(steps=steps, peakBytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)))


class Prompt:
    """The prompt of the step, with random frames."""

    def __init__(self, model, shape: dict):
        config = model.config
        side = config.vision_config.patch_size
        grid = [shape["frames"] // 2, shape["heightPx"] // side, shape["widthPx"] // side]
        visual = grid[0] * grid[1] * grid[2] // 4
        text = [20 + i % 200 for i in range(shape["promptTokens"] - visual - 1)]
        self.ids = torch.tensor([[config.vision_start_token_id] + [config.video_token_id] * visual + text])
        self.grid = torch.tensor([grid])
        self.pixels = torch.randn(grid[0] * grid[1] * grid[2], 3 * 2 * side * side)
        self.group, self.length = shape["groupSize"], shape["completionTokens"]

    def video(self, copies: int) -> dict:
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
        is_visual = torch.isin(tokens, torch.tensor([model.config.video_token_id, model.config.image_token_id]))
        return tokens.masked_fill(is_visual, 20)

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
            self.ids, video_grid_thw=self.grid, second_per_grid_ts=torch.tensor([1.0]), **self.types(model, self.ids)
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
        places = torch.arange(first, first + ids.shape[1]).expand(3, count, -1)
        out = model(
            input_ids=ids, position_ids=places, past_key_values=cache, use_cache=True,
            attention_mask=torch.ones(count, start + ids.shape[1], dtype=torch.long), **self.types(model, ids),
        )
        return out.logits.log_softmax(-1).gather(2, tokens[:, :, None])[:, :, 0]


if __name__ == "__main__":
    main()

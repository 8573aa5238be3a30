"""Writes policy/ of a folder of fixtures: tiny checkpoints and what transformers computes with them.

    python test/python/makePolicyFixture.py WHEELS OUT

WHEELS is a folder with the releases of qwenInputs.RELEASES (`pip download --no-deps transformers==…`). `npm run test:python`
does all of this, and compares with test/fixtures; `npm run test:python -- --write` writes there.
"""

import json
import pathlib
import sys
import types

import torch
from safetensors.torch import save_file

import tinyPolicy
from peft import LoraConfig, get_peft_model
from qwenInputs import Reference, extended, pixel_inputs, process, token_types
from transformers.vision_utils import get_vision_window_index

torch.set_num_threads(1)
VOCABULARY = 320
GREEDY_TOKENS = 64
LONG_QUESTION = (
    "To accurately pinpoint the event in the video, determine the precise time period of the event: "
    'the red square moves to the left. Caf\u00e9 n\u00b0 12, \u00bfcu\u00e1ndo? \u7ea2\u8272\u65b9\u5757 \U0001f7e5.\n\n'
    "Output your thought process within <think> </think>, then the start and end in seconds "
    "within <answer> </answer>, for example: <answer>12.5 to 17.0</answer>.\tIt's  24  frames; don't guess!"
)


def text_config(**changes) -> dict:
    rope = dict(rope_type="default", mrope_section=[2, 1, 1], rope_theta=10000.0)
    sizes = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4)
    return dict(dict(sizes, vocab_size=VOCABULARY, rms_norm_eps=1e-6, rope_parameters=rope), **changes)


def qwen3_text(**changes) -> dict:
    """Heads wider than hidden size / heads, as in the published models."""
    rope = dict(rope_type="default", mrope_section=[4, 2, 2], mrope_interleaved=True, rope_theta=10000.0)
    return text_config(**{**dict(head_dim=16, rope_parameters=rope), **changes})


PATCHES = dict(spatial_merge_size=2, temporal_patch_size=2)


def vision_config(**changes) -> dict:
    sizes = dict(hidden_size=16, intermediate_size=24, num_heads=2, out_hidden_size=32, window_size=56, patch_size=14)
    return dict(dict(sizes, **PATCHES, tokens_per_second=2), **changes)


def qwen2_vision(**changes) -> dict:
    return dict(dict(embed_dim=16, hidden_size=32, mlp_ratio=2, num_heads=2, patch_size=14, **PATCHES), **changes)


def qwen3_vision(**changes) -> dict:
    sizes = dict(hidden_size=16, intermediate_size=24, num_heads=2, out_hidden_size=32, patch_size=16)
    return dict(dict(sizes, **PATCHES, num_position_embeddings=25), **changes)


def video(frames: int, height: int, width: int, duration: float, source_fps: float = 30) -> dict:
    """A clip of `duration` seconds; its frames are spread evenly over those of the file, both ends included."""
    last = round(duration * source_fps) - 1
    indices = torch.linspace(0, last, frames).round().long().tolist()
    return dict(
        type="video", frames=frames, height=height, width=width, duration=duration, indices=indices, fps=source_fps
    )


def image(height: int, width: int) -> dict:
    return dict(type="image", height=height, width=width)


def text(words: str) -> dict:
    return dict(type="text", text=words)


CASES = {
    # Two queries a key; windows of one size; a prompt longer than one chunk of attention; 1.5 s a grid.
    "tied": dict(
        tied=True,
        text=text_config(num_key_value_heads=2),
        vision=vision_config(depth=3, fullatt_block_indexes=[1]),
        content=[video(6, 112, 112, 4.5), text(LONG_QUESTION)],
        completion="<think>The square moves.</think><answer>1.5 to 3.0</answer>",
        logits_from="completion",
    ),
    # A head of its own, four queries a key; a frame of 3 x 5 merged patches, so that edge windows are smaller.
    "untied": dict(
        text=text_config(num_key_value_heads=1),
        vision=vision_config(depth=2, fullatt_block_indexes=[0]),
        content=[video(4, 84, 140, 1.6), text("When does the red square move?")],
        completion="2.0 to 3.4",
        logits_from="question",
        # Of all that PEFT can do in one: other ranks and scales for some modules, the vision tower, a head trained as a whole.
        adapter=dict(
            r=2,
            lora_alpha=3,
            use_rslora=True,
            target_modules=r".*(layers\.\d+\..*_proj|visual\..*(qkv|proj|merger\.mlp\.[02]))",
            exclude_modules=r".*patch_embed.*",
            rank_pattern={r"layers\.1\.mlp\.down_proj": 4},
            alpha_pattern={"k_proj": 8},
            modules_to_save=["lm_head"],
        ),
    ),
    # Eight queries a key; 0.5 and 6 frames a second, whose times go beyond their heights and widths, or not.
    "two-videos": dict(
        tied=True,
        text=text_config(num_key_value_heads=1, num_attention_heads=8, hidden_size=64, intermediate_size=40),
        vision=vision_config(depth=3, fullatt_block_indexes=[0, 2], out_hidden_size=64),
        content=[
            text("First:"),
            video(6, 56, 84, 12.0),
            text("second:"),
            video(8, 28, 196, 8 / 6),
            text("Which of them shows the red square?"),
        ],
        completion="The first one, from 2.0 to 4.5.",
        logits_from="completion",
    ),
    # A key of its own for every query; an image alone, of odd windows.
    "image": dict(
        text=text_config(num_key_value_heads=4),
        vision=vision_config(depth=2, fullatt_block_indexes=[1]),
        content=[image(140, 84), text("Where is the red square?")],
        completion="<answer>[12, 40, 60, 90]</answer>",
        logits_from="question",
    ),
    # Images and a video in one prompt.
    "mixed": dict(
        tied=True,
        text=text_config(num_key_value_heads=2, num_hidden_layers=3),
        vision=vision_config(depth=3, fullatt_block_indexes=[2], window_size=112),
        content=[
            image(56, 56),
            text("Find this in the video:"),
            video(4, 84, 56, 3.2, 24),
            image(84, 28),
            text("and not that."),
        ],
        completion="1.0 to 2.5",
        logits_from="question",
    ),
    "qwen2-vl": dict(
        model_type="qwen2_vl",
        text=text_config(num_key_value_heads=2),
        vision=qwen2_vision(depth=2),
        # More temporal patches than rows and columns: time decides where the text goes on.
        content=[image(84, 56), text("Beside it:"), video(8, 56, 84, 3.0), text("When does the red square move?")],
        completion="<answer>1.5 to 3.0</answer>",
        logits_from="question",
    ),
    "qwen3-vl": dict(
        model_type="qwen3_vl",
        tied=True,
        text=qwen3_text(num_key_value_heads=2, num_hidden_layers=3),
        vision=qwen3_vision(depth=3, deepstack_visual_indexes=[0, 2]),
        # Half seconds between frames, so that a time of x.x5 has to be rounded.
        content=[image(64, 96), text("Beside it:"), video(4, 96, 64, 2.1, 10), text("When does the red square move?")],
        completion="<answer>1.5 to 3.0</answer>",
        logits_from="completion",
        adapter=dict(r=3, lora_alpha=6, target_modules=r".*language_model.*\.(q|v|o)_proj"),
    ),
    # As many deepstack features as decoder layers; two videos.
    "qwen3-vl-untied": dict(
        model_type="qwen3_vl",
        text=qwen3_text(num_key_value_heads=1, num_hidden_layers=2),
        vision=qwen3_vision(depth=2, deepstack_visual_indexes=[1, 0], num_position_embeddings=16),
        content=[video(4, 64, 160, 1.75, 8), video(2, 96, 32, 0.5), text("Which one moves?")],
        completion="The first one.",
        logits_from="completion",
    ),
}


def main() -> None:
    wheels, out = map(pathlib.Path, sys.argv[1:3])
    out = out / "policy"
    for name, case in CASES.items():
        reference = Reference(wheels, case.get("model_type", "qwen2_5_vl"))
        seed = 11
        while not make_case(out / name, case, seed, reference):
            seed += 1
    tinyPolicy.write_json(out / "videoTimes.json", video_times(Reference(wheels, "qwen2_5_vl")))


def make_case(folder: pathlib.Path, case: dict, seed: int, reference: Reference) -> bool:
    """Writes a case; False where its greedy tokens say little: too much alike, ended early, or decided by a hair."""
    tokenizer = tinyPolicy.make_tokenizer(VOCABULARY)
    config = tinyPolicy.make_config(
        tokenizer, case["text"], case["vision"], case.get("tied", False), reference.model_type
    )
    model = tinyPolicy.make_checkpoint(folder, config, tokenizer, seed).eval()
    inputs = process(tokenizer, reference, config.vision_config, case["content"])
    prompt_ids = inputs["input_ids"]
    positions = reference.rope_index(config, prompt_ids, inputs)

    completion_ids = torch.tensor([tokenizer.encode(case["completion"], add_special_tokens=False)])
    first_row = prompt_ids.shape[1] - 1
    if case["logits_from"] == "question":
        first_row = int((prompt_ids[0] == config.vision_end_token_id).nonzero()[-1])
    pixels = pixel_inputs(inputs)
    with torch.no_grad():
        all_ids = torch.cat([prompt_ids, completion_ids], 1)
        all_positions = extended(positions, completion_ids.shape[1])
        logits = model(input_ids=all_ids, position_ids=all_positions, **token_types(config, all_ids), **pixels).logits
        greedy, gap = greedy_tokens(model, config, prompt_ids, positions, pixels)
        visual = visual_embeddings(model, case["content"], pixels)
    if config.text_config.eos_token_id in greedy or gap < 0.02 or len(set(greedy)) < 20:
        return False

    visuals = expected_visuals(config.vision_config, case["content"], inputs)
    expected = dict(
        content=case["content"],
        completion=case["completion"],
        promptIds=prompt_ids[0].tolist(),
        completionIds=completion_ids[0].tolist(),
        positions=positions[:, 0].tolist(),
        visuals=[facts for facts, _ in visuals],
        firstLogitsRow=first_row,
        greedyIds=greedy,
        text=tokenizer.decode(completion_ids[0], skip_special_tokens=True),
    )
    tinyPolicy.write_json(folder / "expected.json", expected)
    tensors = dict(logits=logits[0, first_row:-1].contiguous())
    for i, (_, patches) in enumerate(visuals):
        tensors[f"patches.{i}"] = patches
        tensors[f"visual.{i}"] = visual[i].contiguous()
    save_file(tensors, folder / "expected.safetensors")
    if "adapter" in case:
        make_adapter(folder / "adapter", model, case["adapter"], all_ids, all_positions, pixels, first_row)
    for file in folder.rglob("*.*"):
        file.chmod(0o644)
    print(folder.name, "prompt", prompt_ids.shape[1], "rows", logits[0, first_row:-1].shape, "logits std",
          float(logits.std()), "smallest gap of greedy choice", gap, "seed", seed)
    return True


def make_adapter(folder: pathlib.Path, model, options: dict, ids, positions, pixels, first_row: int) -> None:
    """An adapter of random numbers as peft saves it, its model in the folder above, and the logits with it."""
    adapted = get_peft_model(model, LoraConfig(**options))
    torch.manual_seed(5)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                parameter.add_(0.1 * torch.randn(parameter.shape))
        out = adapted(input_ids=ids, position_ids=positions, **token_types(model.config, ids), **pixels)
    adapted.save_pretrained(folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    tinyPolicy.write_json(folder / "adapter_config.json", {**config, "base_model_name_or_path": ".."})
    (folder / "README.md").unlink(missing_ok=True)
    save_file(dict(logits=out.logits[0, first_row:-1].contiguous()), folder / "expected.safetensors")


def of_each_visual(content: list[dict], images: list, videos: list) -> list:
    """Values of images and videos in the order in which they stand in the turn."""
    sources = dict(image=iter(images), video=iter(videos))
    return [next(sources[part["type"]]) for part in content if part["type"] != "text"]


def visual_embeddings(model, content: list[dict], pixels: dict) -> list[torch.Tensor]:
    """Of each visual [tokens, hidden * (1 + deepstack levels)]: what the tower gives the decoder."""
    found = {}
    for kind, values, grids in [
        ("images", "pixel_values", "image_grid_thw"),
        ("videos", "pixel_values_videos", "video_grid_thw"),
    ]:
        grid = pixels.get(grids, torch.zeros(0, 3).long())
        found[kind] = []
        if len(grid) > 0:
            out = model.model.visual(pixels[values], grid_thw=grid)
            levels = getattr(out, "deepstack_features", None) or []
            joined = torch.cat([out.pooler_output, *levels], 1)
            found[kind] = list(joined.split((grid.prod(-1) // 4).tolist()))
    return of_each_visual(content, found["images"], found["videos"])


def expected_visuals(vision, content: list[dict], inputs: dict) -> list[tuple[dict, torch.Tensor]]:
    """Of each visual: grid, windows, seconds a grid and the sum of its patches; and some of its patches."""
    found = {}
    for kind, values, grids in [
        ("images", "pixel_values", "image_grid_thw"),
        ("videos", "pixel_values_videos", "video_grid_thw"),
    ]:
        grid = inputs.get(grids, torch.zeros(0, 3).long())
        sizes = grid.prod(-1).tolist()
        patches = inputs[values].split(sizes) if sizes else []
        seconds = inputs["second_per_grid_ts"].tolist() if kind == "videos" and "second_per_grid_ts" in inputs else []
        found[kind] = [
            facts_of(vision, grid[i : i + 1], patches[i], seconds[i] if seconds else None) for i in range(len(grid))
        ]
    return of_each_visual(content, found["images"], found["videos"])


def facts_of(vision, grid: torch.Tensor, patches: torch.Tensor, seconds: float | None) -> tuple[dict, torch.Tensor]:
    # Patches are compared in part, and by their sum.
    rows = [0, len(patches) // 2 + 1, len(patches) - 1]
    facts = dict(
        grid=grid[0].tolist(),
        secondsPerGrid=seconds,
        patchRows=rows,
        patchSum=float(patches.double().sum()),
    )
    if hasattr(vision, "window_size"):
        index, ends = get_vision_window_index(
            grid, spatial_merge_size=2, window_size=vision.window_size, patch_size=vision.patch_size
        )
        facts.update(windowIndex=index.tolist(), windowSizes=(torch.diff(ends) // 4).tolist())
    return facts, patches[rows].contiguous()


def greedy_tokens(model, config, prompt_ids, positions, pixels) -> tuple[list[int], float]:
    """Most likely tokens one by one with the model's own cache; and the smallest lead of a first over a second choice."""
    out = model(
        input_ids=prompt_ids, position_ids=positions, use_cache=True, **token_types(config, prompt_ids), **pixels
    )
    tokens, gaps = [], []
    for _ in range(GREEDY_TOKENS):
        best = out.logits[0, -1].topk(2)
        gaps.append(float(best.values[0] - best.values[1]))
        tokens.append(int(best.indices[0]))
        positions = extended(positions, 1)
        ids = torch.tensor([[tokens[-1]]])
        out = model(input_ids=ids, position_ids=positions[:, :, -1:], past_key_values=out.past_key_values, use_cache=True)
    return tokens, min(gaps)


def video_times(reference: Reference) -> list:
    """[frames, seconds, tokens per second, positions in time] of many videos of one merged patch a frame."""
    generator = torch.Generator().manual_seed(3)
    rows = []
    for i in range(300):
        frames = 2 * int(torch.randint(2, 33, (), generator=generator))
        tenths = int(torch.randint(5, 900, (), generator=generator))
        per_second = 25 if i % 3 == 0 else 2
        config = types.SimpleNamespace(
            image_token_id=0,
            video_token_id=1,
            vision_start_token_id=2,
            vision_config=types.SimpleNamespace(spatial_merge_size=2, tokens_per_second=per_second),
        )
        inputs = dict(
            video_grid_thw=torch.tensor([[frames // 2, 2, 2]]),
            second_per_grid_ts=torch.tensor([2 / (frames / (tenths / 10))]),
        )
        positions = reference.rope_index(config, torch.tensor([[2] + [1] * (frames // 2) + [3]]), inputs)
        rows.append([frames, tenths / 10, per_second, positions[0, 0].tolist()])
    return rows


if __name__ == "__main__":
    main()

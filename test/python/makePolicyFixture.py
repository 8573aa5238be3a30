"""Writes test/fixtures/policy: tiny checkpoints and what transformers computes with them.

    pip install -r test/python/requirements.txt
    pip download --no-deps transformers==4.49.0
    python test/python/makePolicyFixture.py transformers-4.49.0-py3-none-any.whl

The wheel is that of the release which came with Qwen2.5-VL; only its get_rope_index is run. Later releases number the
positions of a video differently: 4.57 and 5.0 drop the fraction of second_per_grid_ts, and from 5.3 on the text after a
video starts after its height and width even where its time goes further.
"""

import ast
import pathlib
import sys
import types
import zipfile

import torch
from safetensors.torch import save_file
from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessorPil, Qwen2VLVideoProcessor
from transformers.video_utils import VideoMetadata
from transformers.vision_utils import get_vision_window_index

import tinyPolicy

torch.set_num_threads(1)
OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "policy"
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
    return dict(sizes, vocab_size=VOCABULARY, rms_norm_eps=1e-6, rope_parameters=rope, **changes)


def vision_config(**changes) -> dict:
    sizes = dict(hidden_size=16, intermediate_size=24, num_heads=2, out_hidden_size=32, window_size=56)
    fixed = dict(patch_size=14, spatial_merge_size=2, temporal_patch_size=2, tokens_per_second=2)
    return dict(sizes, **fixed, **changes)


CASES = {
    # Tied head, two queries a key; windows of one size; a prompt longer than one chunk of attention; 1.5 s a grid.
    "tied": dict(
        text=text_config(num_key_value_heads=2),
        vision=vision_config(depth=3, fullatt_block_indexes=[1]),
        video=dict(frames=6, height=112, width=112, duration=4.5),
        question=LONG_QUESTION,
        completion="<think>The square moves.</think><answer>1.5 to 3.0</answer>",
        logits_from="completion",
    ),
    # A head of its own, four queries a key; a frame of 3 x 5 merged patches, so that edge windows are smaller.
    "untied": dict(
        text=text_config(num_key_value_heads=1),
        vision=vision_config(depth=2, fullatt_block_indexes=[0]),
        video=dict(frames=4, height=84, width=140, duration=1.6),
        question="When does the red square move?",
        completion="2.0 to 3.4",
        logits_from="question",
    ),
}


def main() -> None:
    rope_index = original_rope_index(pathlib.Path(sys.argv[1]))
    for name, case in CASES.items():
        seed = 11
        while not make_case(OUT / name, case, name == "tied", seed, rope_index):
            seed += 1
    tinyPolicy.write_json(OUT / "videoTimes.json", video_times(rope_index))


def make_case(folder: pathlib.Path, case: dict, tied: bool, seed: int, rope_index) -> bool:
    """Writes a case; False where its greedy tokens say little: too much alike, ended early, or decided by a hair."""
    tokenizer = tinyPolicy.make_tokenizer(VOCABULARY)
    config = tinyPolicy.make_config(tokenizer, case["text"], case["vision"], tied)
    model = tinyPolicy.make_checkpoint(folder, config, tokenizer, seed)
    inputs = process(tokenizer, case)
    prompt_ids = inputs["input_ids"]
    grid, seconds = inputs["video_grid_thw"], inputs["second_per_grid_ts"]
    positions, _ = rope_index(model, prompt_ids, video_grid_thw=grid, second_per_grid_ts=seconds)

    completion_ids = torch.tensor([tokenizer.encode(case["completion"], add_special_tokens=False)])
    first_row = prompt_ids.shape[1] - 1
    if case["logits_from"] == "question":
        first_row = int((prompt_ids[0] == config.vision_end_token_id).nonzero()[0])
    video = dict(pixel_values_videos=inputs["pixel_values_videos"], video_grid_thw=grid)
    with torch.no_grad():
        visual = model.model.visual(video["pixel_values_videos"], grid_thw=grid).pooler_output
        all_ids = torch.cat([prompt_ids, completion_ids], 1)
        all_positions = extended(positions, completion_ids.shape[1])
        logits = model(input_ids=all_ids, position_ids=all_positions, **token_types(model, all_ids), **video).logits
        greedy, gap = greedy_tokens(model, prompt_ids, positions, video)
    if config.text_config.eos_token_id in greedy or gap < 0.02 or len(set(greedy)) < 20:
        return False

    window_index, window_ends = get_vision_window_index(
        grid, spatial_merge_size=2, window_size=config.vision_config.window_size, patch_size=14
    )
    # Patches are compared in part: the first and last of each temporal grid.
    per_grid = int(grid[0, 1] * grid[0, 2])
    patch_rows = sorted({t * per_grid + i for t in range(int(grid[0, 0])) for i in (0, 1, 2, per_grid - 1)})
    expected = dict(
        video=case["video"],
        question=case["question"],
        completion=case["completion"],
        promptIds=prompt_ids[0].tolist(),
        completionIds=completion_ids[0].tolist(),
        positions=positions[:, 0].tolist(),
        grid=grid[0].tolist(),
        secondsPerGrid=float(seconds[0]),
        windowIndex=window_index.tolist(),
        windowSizes=(torch.diff(window_ends) // 4).tolist(),
        patchRows=patch_rows,
        patchSum=float(inputs["pixel_values_videos"].double().sum()),
        firstLogitsRow=first_row,
        greedyIds=greedy,
        text=tokenizer.decode(completion_ids[0], skip_special_tokens=True),
    )
    tinyPolicy.write_json(folder / "expected.json", expected)
    tensors = dict(
        patches=inputs["pixel_values_videos"][patch_rows], visual=visual, logits=logits[0, first_row:-1].contiguous()
    )
    save_file(tensors, folder / "expected.safetensors")
    for file in folder.iterdir():
        file.chmod(0o644)
    print(folder.name, "prompt", prompt_ids.shape[1], "rows", logits[0, first_row:-1].shape, "logits std",
          float(logits.std()), "smallest gap of greedy choice", gap, "seed", seed)
    return True


def process(tokenizer, case: dict) -> dict:
    """As Qwen2_5_VLProcessor makes the inputs of a model from a video whose frames are already picked and resized."""
    video = case["video"]
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessorPil(),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(do_sample_frames=False, do_resize=False),
        chat_template=tinyPolicy.CHAT_TEMPLATE,
    )
    content = [{"type": "video"}, {"type": "text", "text": case["question"]}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    pixels = tinyPolicy.make_pixels(video["frames"], video["height"], video["width"])
    fps = video["frames"] / video["duration"]
    metadata = VideoMetadata(
        total_num_frames=video["frames"], fps=fps, duration=video["duration"], frames_indices=list(range(video["frames"]))
    )
    return processor(
        text=[text],
        videos=[torch.from_numpy(pixels).permute(0, 3, 1, 2)],
        videos_kwargs=dict(video_metadata=[metadata]),
        return_tensors="pt",
    )


def original_rope_index(wheel: pathlib.Path):
    """get_rope_index of transformers 4.49.0, as a function of (model, input_ids, …)."""
    path = "transformers/models/qwen2_5_vl/modeling_qwen2_5_vl.py"
    tree = ast.parse(zipfile.ZipFile(wheel).read(path))
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "get_rope_index"]
    namespace: dict = {}
    source = "from __future__ import annotations\nimport torch\n" + ast.unparse(found[0])
    exec(compile(source, path, "exec"), namespace)

    def rope_index(model, ids, **kwargs):
        vision = model.config.vision_config
        config = types.SimpleNamespace(
            image_token_id=model.config.image_token_id,
            video_token_id=model.config.video_token_id,
            vision_start_token_id=model.config.vision_start_token_id,
            vision_config=types.SimpleNamespace(
                spatial_merge_size=vision.spatial_merge_size, tokens_per_second=vision.tokens_per_second
            ),
        )
        return namespace["get_rope_index"](types.SimpleNamespace(config=config), ids, **kwargs)

    return rope_index


def token_types(model, ids: torch.Tensor) -> dict:
    return dict(mm_token_type_ids=torch.where(ids == model.config.video_token_id, 2, 0))


def extended(positions: torch.Tensor, count: int) -> torch.Tensor:
    """Positions of `count` more tokens: one beyond the largest so far, and so on (rope_deltas)."""
    following = int(positions.max()) + 1 + torch.arange(count)
    return torch.cat([positions, following.expand(3, 1, count)], 2)


def greedy_tokens(model, prompt_ids, positions, video) -> tuple[list[int], float]:
    """Most likely tokens one by one with the model's own cache; and the smallest lead of a first over a second choice."""
    out = model(input_ids=prompt_ids, position_ids=positions, use_cache=True, **token_types(model, prompt_ids), **video)
    tokens, gaps = [], []
    for _ in range(GREEDY_TOKENS):
        best = out.logits[0, -1].topk(2)
        gaps.append(float(best.values[0] - best.values[1]))
        tokens.append(int(best.indices[0]))
        positions = extended(positions, 1)
        ids = torch.tensor([[tokens[-1]]])
        out = model(input_ids=ids, position_ids=positions[:, :, -1:], past_key_values=out.past_key_values, use_cache=True)
    return tokens, min(gaps)


def video_times(rope_index) -> list:
    """[frames, seconds, tokens per second, positions in time] of many videos of one merged patch a frame."""
    vision = types.SimpleNamespace(spatial_merge_size=2, tokens_per_second=0)
    model = types.SimpleNamespace(config=types.SimpleNamespace(
        image_token_id=0, video_token_id=1, vision_start_token_id=2, vision_config=vision
    ))
    generator = torch.Generator().manual_seed(3)
    rows = []
    for i in range(300):
        frames = 2 * int(torch.randint(2, 33, (), generator=generator))
        tenths = int(torch.randint(5, 900, (), generator=generator))
        vision.tokens_per_second = 25 if i % 3 == 0 else 2
        ids = torch.tensor([[2] + [1] * (frames // 2) + [3]])
        seconds = torch.tensor([2 / (frames / (tenths / 10))])
        grid = torch.tensor([[frames // 2, 2, 2]])
        positions, _ = rope_index(model, ids, video_grid_thw=grid, second_per_grid_ts=seconds)
        rows.append([frames, tenths / 10, vision.tokens_per_second, positions[0, 0].tolist()])
    return rows


if __name__ == "__main__":
    main()

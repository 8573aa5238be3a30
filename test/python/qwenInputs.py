"""What the processors of transformers make of a user turn with videos and images, and the positions of its tokens.

Two things are taken from the release that came with each model, since later ones differ from what its weights were trained
on: where a video's positions go (4.49 for Qwen2-VL and Qwen2.5-VL; 4.57 and 5.0 drop the fraction of second_per_grid_ts, and
from 5.3 on the text after a video starts after its height and width even where its time goes further), and how Qwen3-VL
writes a video (4.57; transformers 5 puts a second pair of vision tokens around it). Only these functions of the old
wheels are run.
"""

import ast
import pathlib
import types
import zipfile

import torch

import tinyPolicy
from transformers import Qwen2_5_VLProcessor, Qwen2VLImageProcessorPil, Qwen2VLVideoProcessor, Qwen3VLVideoProcessor
from transformers.video_utils import VideoMetadata

RELEASES = {"qwen2_vl": "4.49.0", "qwen2_5_vl": "4.49.0", "qwen3_vl": "4.57.1"}


class Reference:
    """Functions of the release that came with a model."""

    def __init__(self, wheels: pathlib.Path, model_type: str):
        self.model_type = model_type
        self.wheel = wheels / f"transformers-{RELEASES[model_type]}-py3-none-any.whl"
        self._rope_index = self._function("modeling", "get_rope_index")

    def rope_index(self, config, ids: torch.Tensor, inputs: dict) -> torch.Tensor:
        """Positions [3, 1, S] of a prompt."""
        vision = config.vision_config
        owner = types.SimpleNamespace(
            config=types.SimpleNamespace(
                image_token_id=config.image_token_id,
                video_token_id=config.video_token_id,
                vision_start_token_id=config.vision_start_token_id,
                vision_config=types.SimpleNamespace(
                    spatial_merge_size=vision.spatial_merge_size,
                    tokens_per_second=getattr(vision, "tokens_per_second", None),
                ),
            )
        )
        names = ["image_grid_thw", "video_grid_thw"]
        if self.model_type == "qwen2_5_vl":
            names.append("second_per_grid_ts")
        found, _ = self._rope_index(owner, ids, **{name: inputs[name] for name in names if name in inputs})
        return found

    def timestamps(self, indices: list[int], fps: float) -> list[float]:
        """Seconds that Qwen3VLProcessor writes before each pair of frames."""
        return self._function("processing", "_calculate_timestamps")(None, indices, fps, 2)

    def _function(self, kind: str, name: str):
        path = f"transformers/models/{self.model_type}/{kind}_{self.model_type}.py"
        tree = ast.parse(zipfile.ZipFile(self.wheel).read(path))
        found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == name]
        found[0].decorator_list = []
        namespace: dict = {}
        source = "from __future__ import annotations\nimport torch\nimport numpy as np\n" + ast.unparse(found[0])
        exec(compile(source, path, "exec"), namespace)
        return namespace[name]


def process(tokenizer, reference: Reference, vision_config, content: list[dict], replies: list[list[str]] = []) -> dict:
    """Inputs of a model for a conversation whose frames are already picked and resized, without mm_token_type_ids.

    content: {"type": "video", frames, height, width, duration, indices, fps}, {"type": "image", height, width} and
    {"type": "text", text}, in the order in which the model reads them: the first user turn.
    replies: an answer of the model and the user turn after it, each.
    """
    videos = [part for part in content if part["type"] == "video"]
    images = [part for part in content if part["type"] == "image"]
    is_qwen3 = reference.model_type == "qwen3_vl"
    sizes = dict(patch_size=vision_config.patch_size)
    if is_qwen3:
        sizes.update(image_mean=[0.5] * 3, image_std=[0.5] * 3)
    video_class = Qwen3VLVideoProcessor if is_qwen3 else Qwen2VLVideoProcessor
    processor = Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessorPil(do_resize=False, **sizes),
        tokenizer=tokenizer,
        video_processor=video_class(do_sample_frames=False, do_resize=False, **sizes),
        chat_template=tinyPolicy.CHAT_TEMPLATE,
    )
    parts = [part if part["type"] == "text" else {"type": part["type"]} for part in content]
    messages = [{"role": "user", "content": parts}]
    for answer, words in replies:
        messages += [{"role": "assistant", "content": answer}, {"role": "user", "content": [dict(type="text", text=words)]}]
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    arguments: dict = dict(return_tensors="pt")
    if images:
        arguments["images"] = [tinyPolicy.make_pixels(1, i["height"], i["width"])[0] for i in images]
    if videos:
        pixels = [tinyPolicy.make_pixels(v["frames"], v["height"], v["width"]) for v in videos]
        arguments["videos"] = [torch.from_numpy(p).permute(0, 3, 1, 2) for p in pixels]
        metadata = [
            VideoMetadata(
                total_num_frames=v["frames"],
                fps=v["frames"] / v["duration"],
                duration=v["duration"],
                frames_indices=list(range(v["frames"])),
            )
            for v in videos
        ]
        arguments["videos_kwargs"] = dict(video_metadata=metadata)
    inputs = dict(processor(text=[text], **arguments))
    if is_qwen3 and videos:
        inputs["input_ids"] = with_timestamps(tokenizer, reference, text, content, inputs)
    inputs.pop("mm_token_type_ids", None)
    inputs.pop("attention_mask", None)
    if "second_per_grid_ts" in inputs:
        inputs["second_per_grid_ts"] = torch.as_tensor(inputs["second_per_grid_ts"])
    return inputs


def with_timestamps(tokenizer, reference: Reference, text: str, content: list[dict], inputs: dict) -> torch.Tensor:
    """Token ids as Qwen3VLProcessor.__call__ of transformers 4.57 makes them."""
    start, end, pad = "<|vision_start|>", "<|vision_end|>", "<|video_pad|>"
    videos = [part for part in content if part["type"] == "video"]
    for video, (frames, height, width) in zip(videos, inputs["video_grid_thw"].tolist()):
        times = reference.timestamps(list(video["indices"]), video["fps"])
        tokens = "<|placeholder|>" * (height * width // 4)
        placeholder = "".join(f"<{times[i]:.1f} seconds>{start}{tokens}{end}" for i in range(frames))
        text = text.replace(start + pad + end, placeholder, 1)
    text = text.replace("<|placeholder|>", pad)
    for height, width in [grid[1:] for grid in inputs.get("image_grid_thw", torch.zeros(0, 3)).long().tolist()]:
        text = text.replace("<|image_pad|>", "<|placeholder|>" * (height * width // 4), 1)
    return torch.tensor([tokenizer.encode(text.replace("<|placeholder|>", "<|image_pad|>"), add_special_tokens=False)])


def token_types(config, ids: torch.Tensor) -> dict:
    """1 where a token stands for an image, 2 for a video."""
    types_of = torch.where(ids == config.video_token_id, 2, 0)
    return dict(mm_token_type_ids=torch.where(ids == config.image_token_id, 1, types_of))


def pixel_inputs(inputs: dict) -> dict:
    names = ["pixel_values", "image_grid_thw", "pixel_values_videos", "video_grid_thw"]
    return {name: inputs[name] for name in names if name in inputs}


def extended(positions: torch.Tensor, count: int) -> torch.Tensor:
    """Positions of `count` more tokens: one beyond the largest so far, and so on (rope_deltas)."""
    following = int(positions.max()) + 1 + torch.arange(count)
    return torch.cat([positions, following.expand(3, 1, count)], 2)

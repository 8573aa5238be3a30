"""Writes video/ of a folder of fixtures: python test/python/makeVideoFixture.py OUT

resize.json: frames resized by Pillow, and by torchvision as qwen-vl-utils does it (antialiased bicubic of a tensor:
float32, then clamp, then round). "soft" frames stay clear of 0 and 255, where the two agree within 1; "hard" ones do not.
linspace.json: torch.linspace(0, T - 1, n).round(), as qwen-vl-utils picks frames.
qwen.json: frames and sizes that qwen-vl-utils itself chooses, for both of its patch sizes.
"""

import base64
import json
import pathlib
import sys

import numpy as np
import torch

import torchvisionStub  # noqa: F401  before torchvision
from PIL import Image
from qwen_vl_utils import vision_process
from torchvision import transforms

def picture(rng, height: int, width: int, hard: bool) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    frame = np.stack([127 + 60 * np.sin(x / 9 + y / 17), 127 + 60 * np.cos(x / 5 - y / 23), 70 + (x * 3 + y * 2) % 100], -1)
    frame = np.clip(frame + rng.normal(0, 8, frame.shape), 30, 220)
    if hard:
        frame[height // 4 : height // 2, width // 4 : width // 2] = 255
        frame[height // 2 : 3 * height // 4, width // 2 : 3 * width // 4] = 0
    return frame.astype(np.uint8)


def encode(array) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def main() -> None:
    out = pathlib.Path(sys.argv[1]) / "video"
    out.mkdir(parents=True, exist_ok=True)
    write(out / "resize.json", resized())
    write(out / "linspace.json", picks())
    write(out / "qwen.json", dict(frames=qwen_frames(), sizes=qwen_sizes()))


def write(path: pathlib.Path, value) -> None:
    path.write_text(json.dumps(value) + "\n")


def resized() -> list[dict]:
    rng = np.random.default_rng(3)
    cases = []
    for height, width, out_height, out_width, hard in [
        (54, 96, 28, 56, False),
        (48, 80, 28, 28, False),
        (28, 28, 56, 56, False),
        (37, 61, 56, 28, False),
        (40, 44, 40, 28, False),
        (54, 96, 28, 56, True),
        (28, 40, 56, 84, True),
    ]:
        frame = picture(rng, height, width, hard)
        pillow = np.asarray(Image.fromarray(frame).resize((out_width, out_height), Image.BICUBIC))
        tensor = transforms.functional.resize(
            torch.from_numpy(frame).permute(2, 0, 1)[None],
            [out_height, out_width],
            interpolation=transforms.InterpolationMode.BICUBIC,
            antialias=True,
        )
        cases.append(
            {
                "width": width,
                "height": height,
                "outWidth": out_width,
                "outHeight": out_height,
                "hard": hard,
                "input": encode(frame),
                "pillow": encode(pillow),
                "torch": encode(tensor[0].permute(1, 2, 0).numpy()),
            }
        )
    return cases


def picks() -> list[dict]:
    # The long ones hold an exact tie whose direction depends on how torch rounds.
    counts = [
        (2, 2), (3, 2), (7, 4), (90, 6), (300, 20), (301, 20), (450, 30), (1800, 120), (15173, 740), (18633, 644)
    ]  # fmt: skip
    return [
        {"total": total, "indices": torch.linspace(0, total - 1, count).round().long().tolist()}
        for total, count in counts
    ]


def qwen_frames() -> list[dict]:
    """Indices of videos of constant rate, at 0.5 to 6 sampled frames a second."""
    rng = np.random.default_rng(4)
    rows = []
    for fps in [0.5, 1.0, 2.0, 3.0, 4.0, 6.0]:
        for video_fps in [10, 24000 / 1001, 25, 30000 / 1001, 30, 60]:
            total = int(rng.integers(12, 1500))
            wanted = dict(fps=fps, min_frames=4, max_frames=64)
            count = vision_process.smart_nframes(dict(wanted), total, video_fps)
            indices = torch.linspace(0, total - 1, count).round().long().tolist()
            rows.append(dict(total=total, videoFps=video_fps, fps=fps, minFrames=4, maxFrames=64, indices=indices))
    return rows


def qwen_sizes() -> list[dict]:
    """Height and width within a number of pixels, in units of 28 and of 32."""
    rng = np.random.default_rng(5)
    rows = []
    for factor in [28, 32]:
        for _ in range(40):
            height, width = rng.integers(factor, 2200, 2).tolist()
            least, most = 4 * factor**2, int(rng.integers(64, 768)) * factor**2
            found = vision_process.smart_resize(height, width, factor, least, most)
            rows.append(dict(factor=factor, size=[height, width], limits=[least, most], resized=list(found)))
    return rows


if __name__ == "__main__":
    main()

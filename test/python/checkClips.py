"""Has qwen-vl-utils pick and resize frames, and compares them with the clips of exportClips.ts: checkClips.py CLIPS"""

import json
import pathlib
import sys

import numpy as np
import torch

import torchvisionStub  # noqa: F401  before torchvision
from qwen_vl_utils import vision_process


def main() -> None:
    # Its readers need packages that decode; torchvision's gets the frames that ours has decoded.
    vision_process.FORCE_QWENVL_VIDEO_READER = "torchvision"
    checked = sorted(pathlib.Path(sys.argv[1]).glob("*.clip.json"))
    assert checked, "no clips"
    for path in checked:
        facts = json.loads(path.read_text())
        seen, video = facts["seen"], facts["video"]
        source = read(pathlib.Path(facts["file"] + ".frames"), *facts["source"])
        vision_process.io.read_video = lambda *_, **__: (
            torch.from_numpy(source).permute(0, 3, 1, 2),
            None,
            dict(video_fps=seen["videoFps"]),
        )
        wanted = dict(
            video=facts["file"],
            fps=video["fps"],
            min_frames=video["minFrames"],
            max_frames=video["maxFrames"],
            min_pixels=video["minPixels"],
            max_pixels=video["maxPixels"],
        )
        if "totalPixels" in video:
            wanted["total_pixels"] = video["totalPixels"]
        (found, metadata), sample_fps = vision_process.fetch_video(
            wanted, facts["patchSize"], return_video_sample_fps=True, return_video_metadata=True
        )
        assert metadata["frames_indices"].tolist() == seen["frameIndices"], path.name
        assert abs(sample_fps - len(seen["frameIndices"]) / seen["framesSec"]) < 1e-9, path.name
        size = (seen["heightPx"], seen["widthPx"])
        assert tuple(found.shape[2:]) == size, f"{path.name}: {tuple(found.shape[2:])}, ours {size}"
        ours = read(path.parent / path.name.replace(".clip.json", ".pixels"), len(seen["frameIndices"]), *size)
        worst = int((found.permute(0, 2, 3, 1).int() - torch.from_numpy(ours).int()).abs().max())
        print(f"{path.name}: {len(ours)} frames of {size[1]} x {size[0]}, pixels differ by at most {worst}")
        assert worst <= 1, path.name


def read(path: pathlib.Path, frames: int, height: int, width: int) -> np.ndarray:
    return np.fromfile(path, np.uint8).reshape(frames, height, width, 3)


if __name__ == "__main__":
    main()

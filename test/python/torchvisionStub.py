"""Import before torchvision: lets its wheel from the package index, built for CUDA, load beside a CPU build of torch.

The compiled operators of torchvision (nms and the like) are only declared here, so that their meta registrations find
them; transforms and the video processors of transformers are plain torch and work. Nothing happens beside a CUDA build.
"""

import importlib.util
import pathlib
import re

import torch


def declare_operators() -> None:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None or torch.version.cuda is not None:
        return
    folder = pathlib.Path(spec.origin).parent
    if not re.search(r"\+cu\d", (folder / "version.py").read_text()):
        return
    source = (folder / "_meta_registrations.py").read_text()
    found = re.findall(r'register_meta\("([^"]+)"\)|register_fake\("torchvision::([^"]+)"\)', source)
    for name in sorted({meta or fake for meta, fake in found}):
        LIBRARY.define(f"{name}() -> ()")


LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
declare_operators()

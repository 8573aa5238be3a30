"""Compares two folders of fixtures: python test/python/compareFixtures.py COMMITTED FRESH

Files, token ids, positions and checkpoints have to be equal; what was computed in float32 may differ by rounding, which
depends on the processor.
"""

import base64
import json
import math
import pathlib
import sys

import torch

from safetensors.torch import load_file

RELATIVE, ABSOLUTE = 1e-3, 1e-3


def main() -> None:
    committed, fresh = map(pathlib.Path, sys.argv[1:3])
    problems = []
    files = sorted(path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file())
    # Folders that are made as a whole: nothing may lie there that the scripts do not write.
    for folder in sorted({file.parts[0] for file in files}):
        known = {path.relative_to(committed) for path in (committed / folder).rglob("*") if path.is_file()}
        problems += [f"{file}: is not written any more" for file in sorted(known - set(files))]
    for file in files:
        if not (committed / file).exists():
            problems.append(f"{file}: is new")
        else:
            problems += [f"{file}: {problem}" for problem in compare(committed / file, fresh / file)]
    print(*problems[:40], sep="\n")
    print(f"{len(files)} files made afresh, {len(problems)} differences")
    sys.exit(1 if problems else 0)


def compare(old: pathlib.Path, new: pathlib.Path) -> list[str]:
    if old.read_bytes() == new.read_bytes():
        return []
    if old.suffix == ".json":
        return differences(json.loads(old.read_text()), json.loads(new.read_text()), "")
    if old.suffix == ".safetensors":
        return tensor_differences(load_file(old), load_file(new))
    return ["differs"]


def differences(old, new, where: str) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        return [d for key in old for d in differences(old[key], new[key], f"{where}.{key}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [d for i, pair in enumerate(zip(old, new)) for d in differences(*pair, f"{where}[{i}]")]
    if isinstance(old, float) and isinstance(new, float):
        return [] if math.isclose(old, new, rel_tol=RELATIVE, abs_tol=ABSOLUTE) else [f"{where} is {new}, was {old}"]
    if where.endswith((".torch", ".pillow")):
        pixels = [torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8).int() for text in (old, new)]
        return [] if (pixels[0] - pixels[1]).abs().max() <= 1 else [f"{where}: pixels differ"]
    return [] if old == new else [f"{where} is {new!r}, was {old!r}"]


def tensor_differences(old: dict[str, torch.Tensor], new: dict[str, torch.Tensor]) -> list[str]:
    if old.keys() != new.keys():
        return [f"other tensors: {sorted(old.keys() ^ new.keys())}"]
    found = []
    for name, known in old.items():
        made = new[name]
        if known.shape != made.shape or known.dtype != made.dtype:
            found.append(f"{name} is {made.dtype} {list(made.shape)}, was {known.dtype} {list(known.shape)}")
        elif known.dtype == torch.bfloat16:  # weights
            found += [] if torch.equal(known, made) else [f"{name} differs"]
        elif (known - made).norm() > RELATIVE * known.norm() + ABSOLUTE:
            found.append(f"{name} differs by {float((known - made).norm() / known.norm()):.1e}")
    return found


if __name__ == "__main__":
    main()

"""Loads what exportPolicy.ts has written with transformers and peft, and compares logits: checkExport.py WHEELS EXPORTS."""

import json
import pathlib
import sys

import torch

import tinyPolicy
from peft import PeftModel
from qwenInputs import Reference, extended, pixel_inputs, process, token_types
from safetensors.torch import load_file
from transformers import AutoTokenizer

torch.set_num_threads(1)


def main() -> None:
    wheels, exports = map(pathlib.Path, sys.argv[1:3])
    for folder in sorted(exports.iterdir()):
        base = pathlib.Path(json.loads((folder / "base.json").read_text())["base"])
        is_adapter = (folder / "adapter_config.json").exists()
        model, info = tinyPolicy.load_checkpoint(base if is_adapter else folder, output_loading_info=True)
        wrong = {kind: keys for kind, keys in info.items() if keys}
        assert not wrong, f"{folder.name}: {wrong}"
        known = load_file(folder / "logits.safetensors")["logits"]
        if is_adapter:
            base_logits = logits_of(model, base, wheels)
            model = PeftModel.from_pretrained(model, folder)
            adapted = logits_of(model, base, wheels)
            assert (adapted - base_logits).abs().max() > 0.1, "the adapter does something"
            compare(folder.name, adapted, known)
            compare(folder.name + ", merged", logits_of(model.merge_and_unload(), base, wheels), known)
        else:
            assert AutoTokenizer.from_pretrained(folder).encode("1.5 to 3.0"), "the tokenizer came with it"
            compare(folder.name, logits_of(model, base, wheels), known)


def compare(name: str, found: torch.Tensor, known: torch.Tensor) -> None:
    # Weights that were rounded to bfloat16 on their way give other logits than those in memory.
    limit = 0.5 if name.endswith("bfloat16") else 1e-3
    worst = float((found - known).abs().max())
    print(f"{name}: logits differ by at most {worst:.1e}")
    assert worst < limit, f"{name}: logits differ by {worst}"


def logits_of(model, base: pathlib.Path, wheels: pathlib.Path) -> torch.Tensor:
    """Logits that predict the completion of the fixture."""
    expected = json.loads((base / "expected.json").read_text())
    reference = Reference(wheels, model.config.model_type)
    inputs = process(AutoTokenizer.from_pretrained(base), reference, model.config.vision_config, expected["content"])
    assert inputs["input_ids"][0].tolist() == expected["promptIds"]
    ids = torch.tensor([expected["promptIds"] + expected["completionIds"]])
    positions = extended(torch.tensor(expected["positions"])[:, None], len(expected["completionIds"]))
    with torch.no_grad():
        out = model(input_ids=ids, position_ids=positions, **pixel_inputs(inputs), **token_types(model.config, ids))
    return out.logits[0, len(expected["promptIds"]) - 1 : -1]


if __name__ == "__main__":
    main()

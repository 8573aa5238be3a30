"""Loads what exportPolicy.ts has written with transformers and peft, and compares logits. Run by scripts/testPython.mjs."""

import json
import pathlib
import sys

import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoTokenizer, Qwen2_5_VLForConditionalGeneration

from makePolicyFixture import extended, process, token_types

torch.set_num_threads(1)


def main() -> None:
    for folder in sorted(pathlib.Path(sys.argv[1]).iterdir()):
        base = pathlib.Path(json.loads((folder / "base.json").read_text())["base"])
        is_adapter = (folder / "adapter_config.json").exists()
        model, info = Qwen2_5_VLForConditionalGeneration.from_pretrained(
            base if is_adapter else folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
        )
        wrong = {kind: keys for kind, keys in info.items() if keys}
        assert not wrong, f"{folder.name}: {wrong}"
        if is_adapter:
            base_logits = logits_of(model, base)
            model = PeftModel.from_pretrained(model, folder)
            assert (logits_of(model, base) - base_logits).abs().max() > 0.1, "the adapter does something"
        else:
            assert AutoTokenizer.from_pretrained(folder).encode("1.5 to 3.0"), "the tokenizer came with it"
        found = logits_of(model, base)
        known = load_file(folder / "logits.safetensors")["logits"]
        # Weights that were rounded to bfloat16 on their way give other logits than those in memory.
        limit = 0.5 if folder.name.endswith("bfloat16") else 1e-3
        worst = float((found - known).abs().max())
        print(f"{folder.name}: logits differ by at most {worst:.1e}")
        assert worst < limit, f"{folder.name}: logits differ by {worst}"


def logits_of(model, base: pathlib.Path) -> torch.Tensor:
    """Logits that predict the completion of the fixture."""
    expected = json.loads((base / "expected.json").read_text())
    inputs = process(AutoTokenizer.from_pretrained(base), expected)
    assert inputs["input_ids"][0].tolist() == expected["promptIds"]
    ids = torch.tensor([expected["promptIds"] + expected["completionIds"]])
    positions = extended(torch.tensor(expected["positions"])[:, None], len(expected["completionIds"]))
    with torch.no_grad():
        out = model(
            input_ids=ids,
            position_ids=positions,
            pixel_values_videos=inputs["pixel_values_videos"],
            video_grid_thw=inputs["video_grid_thw"],
            **token_types(model, ids),
        )
    return out.logits[0, len(expected["promptIds"]) - 1 : -1]


if __name__ == "__main__":
    main()

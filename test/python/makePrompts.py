"""Writes prompts as the processors of transformers tokenise them with the published tokenizer of Qwen2.5:
makePrompts.py WHEELS TOKENIZER OUT, with TOKENIZER a folder with tokenizer.json and tokenizer_config.json.

checkPrompts.ts reads OUT: a folder an architecture, with config.json, the tokenizer, and prompts.json.
"""

import json
import pathlib
import shutil
import sys

import tinyPolicy
from makePolicyFixture import CASES, LONG_QUESTION, image, text, video
from qwenInputs import Reference, process
from transformers import PreTrainedTokenizerFast

TEXTS = [
    LONG_QUESTION,
    "When does the person open the door? Answer with <answer>start to end</answer>.",
    "  two  blanks,\ttabs\n\nand lines\n",
    "\u00bfD\u00f3nde est\u00e1 el coche? \u4eba\u5728\u54ea\u91cc\uff1f \u0427\u0442\u043e \u044d\u0442\u043e? \U0001f468\u200d\U0001f469\u200d\U0001f467 \u202b\u05e2\u05d1",
    "x=3.14159; y = [0.25, 12:34:56] # it's, I'll, they've, DON'T",
    "Caf\u00e9 cafe\u0301 \ufb01n \u212b \u1112\u1161\u11ab",
    "<think></think>\n<|endoftext|> and <tool_call> in the text",
    "(A) a red square (B) a blue disk (C) both (D) neither\nAnswer with the letter.",
    "",
]


def main() -> None:
    wheels, source, out = map(pathlib.Path, sys.argv[1:4])
    for model_type, name in [("qwen2_vl", "qwen2-vl"), ("qwen2_5_vl", "tied"), ("qwen3_vl", "qwen3-vl")]:
        folder = out / model_type
        folder.mkdir(parents=True)
        for file in ["tokenizer.json", "tokenizer_config.json"]:
            shutil.copy(source / file, folder / file)
        (folder / "chat_template.jinja").write_text(tinyPolicy.CHAT_TEMPLATE)
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(source / "tokenizer.json"))
        tokenizer.chat_template = tinyPolicy.CHAT_TEMPLATE
        case = CASES[name]
        config = tinyPolicy.make_config(tokenizer, dict(case["text"], vocab_size=151936), case["vision"], True, model_type)
        config.save_pretrained(folder)
        reference = Reference(wheels, model_type)
        side = 2 * config.vision_config.patch_size
        prompts = []
        for content, replies in conversations(side):
            ids = process(tokenizer, reference, config.vision_config, content, replies)["input_ids"][0].tolist()
            prompts.append(dict(content=content, replies=replies, ids=ids))
        (folder / "prompts.json").write_text(json.dumps(prompts))
        print(f"{model_type}: {len(prompts)} prompts")


def conversations(side: int) -> list[tuple[list[dict], list[list[str]]]]:
    clip = video(6, side, 2 * side, 4.5)
    turns = [[clip, text(words)] for words in TEXTS]
    turns += [[text(words), clip, image(2 * side, side), text(words)] for words in TEXTS]
    # 0.5 to 6 frames a second: times of one and two digits, ties of the digit that is written among them.
    turns += [[video(8, side, side, 8 / fps, 8), text("When?")] for fps in (0.5, 1, 2, 3, 4, 6)]
    long = [list(pair) for pair in zip(TEXTS[::2], TEXTS[1::2])]
    return [(turn, []) for turn in turns] + [([clip, text("When?")], long[:count]) for count in (1, len(long))]


if __name__ == "__main__":
    main()

"""Writes test/fixtures/imports: logs of rollouts with the columns, types and quirks of TRL, ms-swift and verl.

    pip install pandas pyarrow && python test/python/makeImportFixtures.py

The programs' own writers are short, and what they do to the values is done here with the same libraries: TRL gives a
pandas table to to_parquet, ms-swift and verl print rows with json.dumps. Numbers are float32, as their tensors are.
"""

import json
import pathlib

import numpy as np
import pandas as pd

OUT = pathlib.Path(__file__).parent.parent / "fixtures" / "imports"

# The same questions as the programs print them: TRL and verl decode prompts without special tokens, ms-swift with them.
QUESTIONS = ["When does the red square touch the wall?", "What does the person put on the table?"]
TRUTHS = ["3.0 to 5.0", "a cup\u2028of tea"]  # Python leaves this separator of lines in its strings
ANSWERS = [
    ["<think>late</think><answer>3.0 to 5.5</answer>", "<answer>1.0 to 2.0</answer>", "no idea", "<answer>3 to 5</answer>"],
    ["<answer>a cup</answer>", "<answer>a cup\u2028of tea</answer>", "<answer>a book</answer>", "<answer>tea</answer>"],
]


def decoded(question):
    return f"system\nYou are a helpful assistant.\nuser\n{question}\nassistant\n"


def chat(question):
    return (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        f"<|im_start|>user\n<video>{question}<|im_end|>\n<|im_start|>assistant\n"
    )


def advantages(rewards, epsilon=1e-4):
    """Of one group, scaled by its unbiased standard deviation."""
    rewards = np.asarray(rewards, dtype=np.float32)
    return ((rewards - rewards.mean()) / (rewards.std(ddof=1) + np.float32(epsilon))).tolist()


def rollouts(step, prompt):
    """Both questions with four answers each; the numbers move with the step."""
    rows = []
    for q, question in enumerate(QUESTIONS):
        form = [1.0, 1.0, 0.0, 1.0]
        right = [round(0.1 * step + 0.2 * (k + q) % 0.9, 3) for k in range(4)]
        if step == 3 and q == 1:
            right = [None] * 4  # a reward that does not apply
        total = [f + (r or 0.0) for f, r in zip(form, right)]
        for k, advantage in enumerate(advantages(total)):
            rows.append(
                dict(
                    prompt=prompt(question),
                    completion=ANSWERS[q][k],
                    form=form[k],
                    right=float("nan") if right[k] is None else float(np.float32(right[k])),
                    advantage=advantage,
                    truth=TRUTHS[q],
                    k=k,
                )
            )
    return rows


def column(rows, name):
    return [row[name] for row in rows]


def write_trl():
    """`log_extra` adds columns between the rewards and the advantage: one is text, one whole numbers."""
    folder = OUT / "trl" / "completions"
    folder.mkdir(parents=True, exist_ok=True)
    # Step 2 is a second optimizer step on the rollouts of step 1: the table is written again.
    for step, sampled in [(1, 1), (2, 1), (3, 3)]:
        rows = rollouts(sampled, decoded)
        table = {
            "step": [step] * len(rows),
            "prompt": column(rows, "prompt"),
            "completion": column(rows, "completion"),
            "format_reward": column(rows, "form"),
            "accuracy_reward": column(rows, "right"),
            "solution": column(rows, "truth"),
            "words": [len(row["completion"].split()) for row in rows],
            "advantage": column(rows, "advantage"),
        }
        pd.DataFrame(table).to_parquet(folder / f"completions_{step:05d}.parquet")


def write_ms_swift():
    folder = OUT / "ms-swift"
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    # The first step has the entropy of half of its samples; then the table is whole; then a new generation; at the end of
    # training the last table comes once more.
    for step, sampled, seen in [(1, 1, 4), (2, 1, 8), (3, 3, 8), (3, 3, 8)]:
        rows = rollouts(sampled, chat)[:seen]
        lines.append(
            {
                "step": [str(step)] * seen,
                "prompt": column(rows, "prompt"),
                "completion": column(rows, "completion"),
                "Format": column(rows, "form"),
                "HttpReward": column(rows, "right"),
                "advantages": column(rows, "advantage"),
                "solution": column(rows, "truth"),
                "num_turns": [1] * seen,
                "entropy": [float(np.float32(0.5 + 0.1 * row["k"])) for row in rows],
            }
        )
    write_lines(folder / "completions.jsonl", lines)

    ray = [
        {
            "gen_step": step,
            "prompt": row["prompt"],
            "completion": row["completion"],
            "reward": row["form"] + (0.0 if np.isnan(row["right"]) else row["right"]),
        }
        for step in (0, 1)
        for row in rollouts(step + 1, chat)
    ]
    (OUT / "ms-swift-ray").mkdir(parents=True, exist_ok=True)
    write_lines(OUT / "ms-swift-ray" / "completions.jsonl", ray)


def write_verl():
    folder = OUT / "verl"
    folder.mkdir(parents=True, exist_ok=True)
    # The older trainer keeps what the reward function returned; the newer one has uid instead. The uid tells two videos
    # apart that are asked the same.
    for step in (1, 10):
        rows = rollouts(step % 9, decoded)
        lines = [
            {
                "input": row["prompt"],
                "output": row["completion"],
                "gts": row["truth"],
                "score": row["form"] + row["right"],
                "step": step,
                "acc": row["right"],
                "pred": row["completion"][:8],
            }
            for row in rows
        ]
        write_lines(folder / f"{step}.jsonl", lines)
    same = [
        {
            "input": decoded("Describe the video."),
            "output": f"answer {k} of {uid}",
            "gts": None,
            "score": 0.25 * k,
            "step": 2,
            "uid": uid,
        }
        for uid in ("5d2a", "9c1f")
        for k in range(2)
    ]
    write_lines(folder / "2.jsonl", same)


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


write_trl()
write_ms_swift()
write_verl()

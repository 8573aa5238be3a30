"""Calls functions as the trainers do that they were written for, and makes an outcome of whatever they do."""

import asyncio
import inspect
import math
import traceback
import types

from . import is_ours
from .user_file import takes

RESULT_EXPECTED = "a number, None, or {'value', 'parts'?, 'reason'?}"


class BadResult(Exception):
    """A function returned something else than a result."""


def call_for_each(function, groups, tell):
    """(completion, example) -> result, once for each completion."""
    index = 0
    for group in groups:
        for completion in group["completions"]:
            try:
                outcome = outcome_of(finish(function(completion, group["example"])))
            except BaseException as error:  # SystemExit too: a reward that ends the process costs its own rollout
                outcome = failure(error)
            tell(index, outcome)
            index += 1


def call_for_batch(function, groups, tell, arguments):
    """One call for all groups; when it fails it has failed for each of their completions."""
    count = sum(len(group["completions"]) for group in groups)
    try:
        results = finish(function(*arguments[0], **arguments[1]))
        results = list(results) if isinstance(results, (list, tuple)) or hasattr(results, "tolist") else results
        if not isinstance(results, list) or len(results) != count:
            found = f"{len(results)} results" if isinstance(results, list) else describe(results)
            raise BadResult(f"expected a list of {count} results, found {found}")
        outcomes = [outcome_of(result) for result in results]
    except BaseException as error:
        outcomes = [failure(error)] * count
    for index, outcome in enumerate(outcomes):
        tell(index, outcome)


def call(function, signature, groups, tell):
    if signature == "each":
        return call_for_each(function, groups, tell)
    if signature == "batch":
        items = [{"completion": c, "example": g["example"]} for g in groups for c in g["completions"]]
        return call_for_batch(function, groups, tell, ((items,), {}))
    # A trainer passes the columns of one dataset; groups of several are called one dataset after the other.
    start = 0
    for same in by_dataset(groups):
        count = sum(len(group["completions"]) for group in same)
        offset = start
        arguments = ((), trainer_arguments(function, signature, same))
        if signature == "ms-swift":
            completions = arguments[1].pop("completions")
            arguments = ((completions,), arguments[1])
        call_for_batch(function, same, lambda i, outcome: tell(offset + i, outcome), arguments)
        start += count


def by_dataset(groups):
    runs = []
    for group in groups:
        if runs and runs[-1][0]["example"]["datasetId"] == group["example"]["datasetId"]:
            runs[-1].append(group)
        else:
            runs.append([group])
    return runs


def trainer_arguments(function, signature, groups):
    """Keyword arguments as TRL (GRPOTrainer._calculate_rewards) or ms-swift (compute_rewards_per_func) passes them."""
    pairs = [(c, g["example"]) for g in groups for c in g["completions"]]
    rows = [e["row"] if isinstance(e["row"], dict) else {} for _, e in pairs]
    names = [name for name in rows[0] if name not in ("prompt", "completion", "completion_ids")] if rows else []
    columns = {name: [row.get(name) for row in rows] for name in names}
    step = int(str(pairs[0][0]["id"]).split("/")[0]) if pairs and str(pairs[0][0]["id"]).split("/")[0].isdigit() else 0
    state = types.SimpleNamespace(global_step=step, max_steps=0, epoch=0.0, is_world_process_zero=True)
    texts = [c["text"] for c, _ in pairs]
    if accepts_more(function) or takes(function, "video_rft"):
        columns["video_rft"] = [e for _, e in pairs]
    if signature == "ms-swift":
        return {
            **columns,
            "completions": texts,
            "messages": [
                [
                    {"role": "user", "content": "<video>" + e["prompt"]},
                    {"role": "assistant", "content": c["text"]},
                ]
                for c, e in pairs
            ],
            "videos": [[e["videoPath"]] if e["videoPath"] else [] for _, e in pairs],
            "dataset": [e["datasetId"] for _, e in pairs],
            "finish_reason": [{"eos": "stop", "length": "length"}.get(c["finishReason"]) for c, _ in pairs],
            "is_truncated": [c["finishReason"] == "length" for c, _ in pairs],
            "prompt_id": [f'{e["datasetId"]}/{e["id"]}' for _, e in pairs],
            "request_id": [c["id"] for c, _ in pairs],
            "response_token_ids": [c.get("tokenIds") or [] for c, _ in pairs],
            "rollout_infos": [{} for _ in pairs],
            "chat_template_kwargs": [{} for _ in pairs],
            "trainer_state": state,
        }
    is_chat = signature == "trl-chat"
    return {
        **columns,
        "prompts": [[{"role": "user", "content": e["prompt"]}] if is_chat else e["prompt"] for _, e in pairs],
        "completions": [[{"role": "assistant", "content": text}] for text in texts] if is_chat else texts,
        "completion_ids": [c.get("tokenIds") or [] for c, _ in pairs],
        "trainer_state": state,
        "log_extra": lambda *args, **kwargs: None,
        "log_metric": lambda *args, **kwargs: None,
    }


def accepts_more(function):
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters)


def finish(result):
    return asyncio.run(result) if inspect.iscoroutine(result) else result


def outcome_of(result):
    if isinstance(result, dict) and "value" in result:
        output = {"value": number_of(result["value"])}
        if result.get("parts") is not None:
            output["parts"] = {str(name): finite(number_of(value)) for name, value in dict(result["parts"]).items()}
        if result.get("reason") is not None:
            output["reason"] = str(result["reason"])
        return {"ok": True, "output": output}
    return {"ok": True, "output": {"value": number_of(result)}}


def number_of(value):
    """A finite number or None. Numbers of NumPy and torch are numbers; True and False are not."""
    if value is None:
        return None
    if hasattr(value, "item") and not isinstance(value, (int, float)):
        try:
            value = value.item()
        except (TypeError, ValueError, RuntimeError):
            pass
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadResult(f"expected {RESULT_EXPECTED}, found {describe(value)}")
    return finite(float(value))


def finite(value):
    if value is None or not math.isfinite(value):
        raise BadResult(f"expected {RESULT_EXPECTED}, found {value}")
    return value


def failure(error):
    if isinstance(error, BadResult):
        return {"ok": False, "error": {"kind": "not-a-number", "message": str(error)}}
    if isinstance(error, MemoryError):
        return {"ok": False, "error": {"kind": "memory", "message": "it ran out of memory"}}
    kind = "exit" if isinstance(error, SystemExit) else "exception"
    message = f"called sys.exit({error.code!r})" if kind == "exit" else f"{type(error).__name__}: {error}"
    return {"ok": False, "error": {"kind": kind, "message": message, "stack": user_stack(error)}}


def user_stack(error):
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not is_ours(f.filename)]
    frames = [f for f in frames if not f.filename.startswith("<frozen")]
    # Innermost first, as JavaScript has it.
    return "\n".join(f"at {f.name} ({f.filename}:{f.lineno})" for f in reversed(frames))


def describe(value):
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"

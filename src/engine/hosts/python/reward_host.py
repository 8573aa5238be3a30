"""The process that holds one reward file of the workspace; its messages are those of hostProtocol.ts.

Runs on Python 3.9 and later with the standard library alone. With ``--replay FILE`` it calls a function on recorded
rollouts and prints what it returns: that is what the debugger starts.
"""

import asyncio
import importlib.machinery
import importlib.util
import inspect
import json
import math
import os
import sys
import time
import traceback
import types

TELL_AFTER_S = 0.02
TELL_AT_MOST = 256
RESULT_EXPECTED = "a number, None, or {'value', 'parts'?, 'reason'?}"
THIS_FILE = os.path.abspath(__file__)


class BadResult(Exception):
    """A function returned something else than a result."""


class Answers:
    """Lines to the parent. Written at once: what was told stays told when the next call ends the process."""

    def __init__(self, stream):
        self._stream = stream

    def send(self, **message):
        self._stream.write(json.dumps(message, allow_nan=False, default=str).encode() + b"\n")
        self._stream.flush()


class Teller:
    """Tells outcomes in lumps, so that a cheap reward is not slowed by telling."""

    def __init__(self, answers, request_id, is_careful):
        self._answers, self._id, self._is_careful = answers, request_id, is_careful
        self._from, self._waiting, self._told_at = 0, [], time.monotonic()

    def tell(self, index, outcome):
        if index != self._from + len(self._waiting):
            self.flush()
        if not self._waiting:
            self._from = index
        self._waiting.append(outcome)
        is_due = len(self._waiting) >= TELL_AT_MOST or time.monotonic() - self._told_at > TELL_AFTER_S
        if self._is_careful or is_due:
            self.flush()

    def flush(self):
        if self._waiting:
            self._answers.send(kind="outcomes", id=self._id, **{"from": self._from}, outcomes=self._waiting)
        self._waiting, self._told_at = [], time.monotonic()


# --- the user's file ---------------------------------------------------------------------------------------------------


def use_sources(sources):
    """From now on, imports take the text given here for these paths, whatever the files hold."""
    loader = importlib.machinery.SourceFileLoader
    read, stats = loader.get_data, loader.path_stats

    def get_data(self, path):
        return sources[path].encode() if path in sources else read(self, path)

    def path_stats(self, path):
        if path in sources:
            raise OSError("the text is given: compiled files do not count")
        return stats(self, path)

    loader.get_data, loader.path_stats = get_data, path_stats


def load_module(file):
    """Imports a file by its path. Its folder is importable, as it is when Python runs the file."""
    folder = os.path.dirname(file)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    provide_swift()
    name = os.path.splitext(os.path.basename(file))[0]
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def provide_swift():
    """Plugins of ms-swift import its base classes; where ms-swift is not installed, empty ones do."""
    if "swift" in sys.modules or importlib.util.find_spec("swift") is not None:
        return

    class ORM:
        def __init__(self, args=None, **kwargs):
            self.args = args

    class AsyncORM(ORM):
        pass

    package = types.ModuleType("swift")
    package.__path__ = []
    sys.modules["swift"] = package
    for name in ("rewards", "plugin"):
        module = types.ModuleType("swift." + name)
        module.ORM, module.AsyncORM, module.orms = ORM, AsyncORM, {}
        setattr(package, name, module)
        sys.modules["swift." + name] = module


def functions_of(module):
    def is_own(value):
        return getattr(value, "__module__", None) == module.__name__

    def is_reward(value):
        return inspect.isfunction(value) or (inspect.isclass(value) and "__call__" in vars(value))

    return [name for name, value in vars(module).items() if is_own(value) and is_reward(value)]


def find_function(module, name):
    """A function, an instance of a class, or what ms-swift's registry has under the name."""
    registry = getattr(sys.modules.get("swift.rewards"), "orms", {})
    found = getattr(module, name, None) or registry.get(name)
    if inspect.isclass(found):
        try:
            return found(args=None)
        except TypeError:
            return found()
    if callable(found):
        return found
    known = ", ".join(functions_of(module)) or "none"
    raise LookupError(f"expected a function {name}, found {known}")


def takes(function, parameter):
    """Whether a function has a parameter of this name. Everything can be passed to one that has **kwargs."""
    try:
        return parameter in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


def workspace_files():
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    prefixes = tuple({sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)})
    return sorted(
        os.path.abspath(file)
        for file in files
        if file and file.endswith(".py") and not file.startswith(prefixes) and os.path.abspath(file) != THIS_FILE
        and "site-packages" not in file and "dist-packages" not in file
    )


# --- calls -------------------------------------------------------------------------------------------------------------


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
            "videos": [[e["videoPath"]] for _, e in pairs],
            "dataset": [e["datasetId"] for _, e in pairs],
            "finish_reason": ["stop" if c["finishReason"] == "eos" else "length" for c, _ in pairs],
            "is_truncated": [c["finishReason"] != "eos" for c, _ in pairs],
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
    frames = [f for f in traceback.extract_tb(error.__traceback__) if os.path.abspath(f.filename) != THIS_FILE]
    frames = [f for f in frames if not f.filename.startswith("<frozen")]
    # Innermost first, as JavaScript has it.
    return "\n".join(f"at {f.name} ({f.filename}:{f.lineno})" for f in reversed(frames))


def describe(value):
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


# --- serving -----------------------------------------------------------------------------------------------------------


def serve():
    # The parent reads answers from the standard output that this process was given; what rewards print goes beside it.
    answers = Answers(os.fdopen(os.dup(1), "wb"))
    os.dup2(2, 1)
    module = None
    for line in sys.stdin.buffer:
        request = json.loads(line)
        request_id = request["id"]
        try:
            if request["kind"] == "load":
                if request["sources"] is not None:
                    use_sources(request["sources"])
                module = load_module(request["file"])
                answers.send(kind="loaded", id=request_id, file=describe_module(module))
            else:
                function = find_function(module, request["function"])
                teller = Teller(answers, request_id, request["isCareful"])
                call(function, request["signature"], request["groups"], teller.tell)
                teller.flush()
                answers.send(kind="scored", id=request_id)
        except BaseException as error:
            message = str(error) if isinstance(error, LookupError) else f"{type(error).__name__}: {error}"
            answers.send(
                kind="failed",
                id=request_id,
                error={"kind": "load", "message": message, "stack": user_stack(error)},
            )


def describe_module(module):
    names = functions_of(module)
    wants = []
    for name in names:
        value = getattr(module, name)
        target = vars(value)["__call__"] if inspect.isclass(value) else value
        if takes(target, "completion_ids") or takes(target, "response_token_ids"):
            wants.append(name)
    version = ".".join(str(part) for part in sys.version_info[:3])
    return {"functions": names, "files": workspace_files(), "wantsTokenIds": wants, "runtime": f"Python {version}"}


def replay(file):
    with open(file, encoding="utf8") as stream:
        recorded = json.load(stream)
    reward, groups = recorded["reward"], recorded["groups"]
    function = find_function(load_module(reward["file"]), reward["function"])
    ids = [completion["id"] for group in groups for completion in group["completions"]]

    def tell(index, outcome):
        print(f"{ids[index]}:", json.dumps(outcome["output"] if outcome["ok"] else outcome["error"]), flush=True)

    call(function, reward["signature"], groups, tell)


if __name__ == "__main__":
    if "--replay" in sys.argv:
        replay(sys.argv[sys.argv.index("--replay") + 1])
    else:
        serve()

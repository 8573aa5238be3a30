"""The process that holds one reward file of the workspace; its messages are those of hostProtocol.ts.

Runs on Python 3.9 and later with the standard library alone. With ``--replay FILE`` it calls a function on recorded
rollouts and prints what it returns: that is what the debugger starts.
"""

import builtins
import inspect
import json
import os
import sys

from video_rft_host.answers import Answers, Teller
from video_rft_host.calls import call, user_stack
from video_rft_host.coverage import calls_of, cover
from video_rft_host.user_file import find_function, functions_of, load_module, takes, use_sources, workspace_files


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
            elif request["kind"] == "cover":
                function = find_function(module, request["function"])
                files = set(workspace_files())
                covered = cover(function, request["signature"], request["groups"], files)
                answers.send(kind="covered", id=request_id, files=covered)
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
    """Calls a function on recorded rollouts, one call after the other; one that takes batches gets whole groups."""
    with open(file, encoding="utf8") as stream:
        recorded = json.load(stream)
    reward, groups = recorded["reward"], recorded["groups"]
    function = find_function(load_module(reward["file"]), reward["function"])
    for _, part in calls_of(reward["signature"], groups):
        ids = [completion["id"] for group in part for completion in group["completions"]]
        builtins.videoRftRollout = " ".join(ids)  # the debugger reads which rollout the function is at

        def tell(index, outcome, ids=ids):
            print(f"{ids[index]}:", json.dumps(outcome["output"] if outcome["ok"] else outcome["error"]), flush=True)

        call(function, reward["signature"], part, tell)


if __name__ == "__main__":
    if "--replay" in sys.argv:
        replay(sys.argv[sys.argv.index("--replay") + 1])
    else:
        serve()

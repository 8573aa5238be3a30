"""Which lines calls take."""

import dis
import sys

from .calls import call


def cover(function, signature, groups, files):
    """Which lines of the workspace's files each call takes, and which lines of the functions that ran none takes.

    Slow: for a sample, not for every score.
    """
    taken, codes = {}, set()
    for places, part in calls_of(signature, groups):
        for code, line in lines_of(files, lambda: call(function, signature, part, lambda index, outcome: None)):
            codes.add(code)
            taken.setdefault(code.co_filename, {}).setdefault(line, set()).update(places)
    for code in codes:
        for _, line in dis.findlinestarts(code):
            if line is not None and line > code.co_firstlineno:
                taken[code.co_filename].setdefault(line, set())
    return [
        {
            "file": file,
            "lines": [{"line": line, "taken": sorted(of), "branches": []} for line, of in sorted(lines.items())],
        }
        for file, lines in taken.items()
    ]


def calls_of(signature, groups):
    """A call for each completion, or for each group where functions get batches; with the places that it counts for."""
    at = 0
    for group in groups:
        places = list(range(at, at + len(group["completions"])))
        at += len(places)
        if signature != "each":
            yield places, [group]
            continue
        for place, completion in zip(places, group["completions"]):
            yield [place], [{"example": group["example"], "completions": [completion]}]


def lines_of(files, work):
    """Lines that run while `work` does, as (code, line): by sys.monitoring where there is one, else by tracing."""
    lines = set()
    if hasattr(sys, "monitoring"):
        tool, events = sys.monitoring.COVERAGE_ID, sys.monitoring.events
        sys.monitoring.use_tool_id(tool, "video-rft")

        def on_line(code, line):
            if code.co_filename in files:
                lines.add((code, line))
            return sys.monitoring.DISABLE

        sys.monitoring.register_callback(tool, events.LINE, on_line)
        sys.monitoring.set_events(tool, events.LINE)
        sys.monitoring.restart_events()
        try:
            work()
        finally:
            sys.monitoring.set_events(tool, 0)
            sys.monitoring.free_tool_id(tool)
        return lines

    def trace(frame, event, argument):
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            lines.add((frame.f_code, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return lines

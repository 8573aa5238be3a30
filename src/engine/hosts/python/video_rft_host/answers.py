"""What is told to the parent."""

import json
import time

TELL_AFTER_S = 0.02
TELL_AT_MOST = 256


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

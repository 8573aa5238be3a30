"""Types of reward functions for Video RFT, version 1 of the contract.

Times are in seconds of the video, boxes are fractions of the frame. Made by Video RFT: copy it beside your reward, and write

    from video_rft_types import RewardCompletion, RewardExample, RewardResult
"""

from __future__ import annotations

from typing import Any, Awaitable, Callable, Dict, List, Literal, Optional, TypedDict, Union


TaskId = Literal[
    "temporal-grounding",
    "tracking",
    "grounded-qa",
    "multiple-choice",
    "classification",
    "captioning",
    "open",
]


class Segment(TypedDict):
    """Interval in seconds of the source video, of the clip where only a part of it is shown; `startSec < endSec`."""

    startSec: float
    endSec: float


class BoundingBox(TypedDict):
    """xyxy, normalised to [0, 1] of the displayed frame; x to the right, y down."""

    x0: float
    y0: float
    x1: float
    y1: float


ParseFailure = Literal[
    "no-answer-tag",
    "empty-answer",
    "no-interval",
    "inverted-interval",
    "no-boxes",
    "wrong-box-count",
    "inverted-box",
    "box-out-of-range",
    "no-option",
    "no-glue-tag",
    "bad-glue",
]


class _ParsedAnswer(TypedDict):
    task: TaskId
    # Empty when everything that the task asks for was found.
    failures: List[ParseFailure]


class ParsedAnswer(_ParsedAnswer, total=False):
    """A completion after parsing. Grounded QA may have an option without valid segments, or the reverse."""

    segment: Segment
    segments: List[Segment]
    boxes: List[BoundingBox]
    option: str
    # The answer as it is written: a label, a caption, free text.
    text: str


FinishReason = Literal["eos", "length"]


class RewardCompletion(TypedDict):
    """What the policy answered."""

    # "<step>/<group>/<k>" in a run; any name elsewhere.
    id: str
    text: str
    parsed: ParsedAnswer
    # None in rollouts of other programs that do not say.
    tokenCount: Optional[float]
    finishReason: Optional[FinishReason]


class RewardFrames(TypedDict):
    """Frames that the policy saw, in their order."""

    # True times in seconds of the source video.
    timestampsSec: List[float]
    # Size in pixels that the policy saw, and size of the video as it is displayed.
    widthPx: float
    heightPx: float
    sourceWidthPx: float
    sourceHeightPx: float


class _TimedBox(TypedDict):
    timestampSec: float
    box: BoundingBox


class TimedBox(_TimedBox, total=False):
    """A box at a time of the source video, of the clip where only a part of it is shown."""

    # How much of the object can be seen, in eighths (GOT-10k's cover.label): 0 nothing, 8 all.
    cover: float


class TemporalGroundingTruth(TypedDict):
    task: Literal["temporal-grounding"]
    segment: Segment


class TrackingTruth(TypedDict):
    task: Literal["tracking"]
    boxes: List[TimedBox]


class GroundedQaTruth(TypedDict):
    task: Literal["grounded-qa"]
    option: str
    segments: List[Segment]


class MultipleChoiceTruth(TypedDict):
    task: Literal["multiple-choice"]
    option: str


class ClassificationTruth(TypedDict):
    task: Literal["classification"]
    label: str


class CaptioningTruth(TypedDict):
    task: Literal["captioning"]
    captions: List[str]
    events: List[str]


class OpenTruth(TypedDict):
    task: Literal["open"]
    answer: Optional[str]


# What the dataset says is right. `boxes` of a track: one per position of the answer, the first is given in the prompt.
# `option` is a capital letter.
Truth = Union[
    TemporalGroundingTruth,
    TrackingTruth,
    GroundedQaTruth,
    MultipleChoiceTruth,
    ClassificationTruth,
    CaptioningTruth,
    OpenTruth,
]


class _RewardExample(TypedDict):
    id: str
    datasetId: str
    task: TaskId
    # The event sentence, the object's description, or the question.
    question: str
    truth: Truth
    # Absolute path; empty where no video is known.
    videoPath: str
    # Duration of the video, or of the clip, in seconds; None when neither the annotation nor the video says.
    durationSec: Optional[float]
    # None where the frames are not known (answers from elsewhere).
    frames: Optional[RewardFrames]
    # Text of the user turn.
    prompt: str
    # Whether the prompt asks for reasoning before the answer.
    think: bool
    # The dataset's row with every column, as it stands in the file.
    row: Any


class RewardExample(_RewardExample, total=False):
    """What was asked, and what is right."""

    # Texts of the options without their letters.
    options: List[str]
    # What was shown of it, in seconds of the file; absent for all of it. Every other time counts from its start.
    clip: Segment


class RewardItem(TypedDict):
    completion: RewardCompletion
    example: RewardExample


class _RewardOutput(TypedDict):
    value: Optional[float]


class RewardOutput(_RewardOutput, total=False):
    """What a call comes to. `value` None: the reward does not apply here and is left out of the sum."""

    # Named numbers that the value was made of, for people to look at.
    parts: Dict[str, float]
    # Why it is what it is, e.g. a parse failure.
    reason: str


# What a function may return for one completion.
RewardResult = Optional[Union[float, RewardOutput]]


RewardFunction = Callable[[RewardCompletion, RewardExample], Union[RewardResult, Awaitable[RewardResult]]]


# Gets whole groups, one after the other, and returns a result for each item, in their order.
BatchRewardFunction = Callable[[List[RewardItem]], Union[List[RewardResult], Awaitable[List[RewardResult]]]]

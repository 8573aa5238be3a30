import type { PromptSpec } from "../../../protocol/spec.ts";
import type { ParsedAnswer } from "../../../protocol/tasks.ts";
import type { Example } from "../../data/example.ts";
import { hullOf, nextGqaOverlap, segmentSetIou } from "../../metrics/segments.ts";
import { reaches } from "../../metrics/recall.ts";
import { targetText } from "../answerBlock.ts";
import { formatOptions, optionLetter, optionText } from "../options.ts";
import type { Baseline, MetricValues, Task } from "../task.ts";
import { printableSegment } from "../times.ts";
import { truthOf } from "../truth.ts";
import { parseGroundedQa } from "./parse.ts";

export const groundedQa: Task = {
  id: "grounded-qa",
  buildPrompt: buildGroundedQaPrompt,
  buildTarget: buildGroundedQaTarget,
  parse: parseGroundedQa,
  score: scoreGroundedQa,
  baselines: Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => [`full-video-${optionLetter(i)}`, fullVideoWithOption(i)]),
  ),
};

/** Asks for the letter of an option and for the times that show it. */
function buildGroundedQaPrompt(example: Example, prompt: PromptSpec): string {
  const question = `${example.question}\n${formatOptions(example.options ?? [])}`;
  const answer =
    "the letter of the right option in <answer></answer> and the seconds that show it in <glue>[(start, end)]</glue>.";
  return prompt.think
    ? `${question}\nThink first in <think></think>. Then give ${answer}`
    : `${question}\nGive only ${answer}`;
}

/** `<think>what colour is the ball? green.</think><answer>B</answer><glue>[(5.0, 10.0)]</glue>` */
function buildGroundedQaTarget(example: Example, prompt: PromptSpec): string {
  const { option, segments } = truthOf(example, "grounded-qa");
  const reasoning = `${example.question} ${optionText(example.options ?? [], option)}.`;
  const glue = segments.map(printableSegment).map(({ start, end }) => `(${start}, ${end})`);
  return targetText(reasoning, `<answer>${option}</answer><glue>[${glue.join(", ")}]</glue>`, prompt.think);
}

/**
 * `mIoU` is VideoChat-R1's: IoU of the merged segments. The others are those of NExT-GQA's `eval_ground.py`, which knows
 * one window an answer; that is the hull of an answer with several segments. `acc@gqa`: right, and IoP at or over 0.5.
 * `accuracy` is Acc@QA.
 */
function scoreGroundedQa(answer: ParsedAnswer, example: Example): MetricValues {
  const truth = truthOf(example, "grounded-qa");
  const segments = answer.segments ?? [];
  const isRight = answer.option === truth.option;
  const { iou, iop } = nextGqaOverlap(hullOf(segments), truth.segments);
  return {
    mIoU: segmentSetIou(segments, truth.segments),
    accuracy: Number(isRight),
    "acc@gqa": Number(isRight && reaches(iop, 0.5)),
    mIoP: iop,
    "IoP@0.3": Number(reaches(iop, 0.3)),
    "IoP@0.5": Number(reaches(iop, 0.5)),
    "mIoU@gqa": iou,
    "IoU@0.3": Number(reaches(iou, 0.3)),
    "IoU@0.5": Number(reaches(iou, 0.5)),
  };
}

function fullVideoWithOption(index: number): Baseline {
  return ({ durationSec, options }) =>
    durationSec === null || durationSec <= 0 || index >= (options?.length ?? 0)
      ? null
      : {
          task: "grounded-qa",
          option: optionLetter(index),
          segments: [{ startSec: 0, endSec: durationSec }],
          failures: [],
        };
}

import type { PromptSpec } from "../../../protocol/spec.ts";
import type { Example } from "../../data/example.ts";
import { targetText } from "../answerBlock.ts";
import { printableSegment } from "../times.ts";
import { truthOf } from "../truth.ts";

/** Asks for the start and the end of an event in seconds. */
export function buildTemporalGroundingPrompt(example: Example, prompt: PromptSpec): string {
  const question = `Find when this happens in the video: ${example.question}`;
  const answer = "<answer>start to end</answer>, with one decimal.";
  return prompt.think
    ? `${question}\nThink first in <think></think>. Then give its start and end in seconds as ${answer}`
    : `${question}\nGive only its start and end in seconds as ${answer}`;
}

/** `<think>a dog jumps. It starts at 5.0 and ends at 10.0 seconds.</think><answer>5.0 to 10.0</answer>` */
export function buildTemporalGroundingTarget(example: Example, prompt: PromptSpec): string {
  const { start, end } = printableSegment(truthOf(example, "temporal-grounding").segment);
  const reasoning = `${example.question}. It starts at ${start} and ends at ${end} seconds.`;
  return targetText(reasoning, `<answer>${start} to ${end}</answer>`, prompt.think);
}

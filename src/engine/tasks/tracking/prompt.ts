import type { PromptSpec } from "../../../protocol/spec.ts";
import type { Example } from "../../data/example.ts";
import { targetText } from "../answerBlock.ts";
import { truthOf } from "../truth.ts";
import { describeMotion, formatBox, formatBoxes } from "./boxes.ts";

/** Names the object and its first box, and asks for a box at each of the equally spaced times. */
export function buildTrackingPrompt(example: Example, prompt: PromptSpec): string {
  const { boxes } = truthOf(example, "tracking");
  const first = boxes[0];
  if (first === undefined) throw new Error(`internal: ${example.id} has no boxes`);
  const question = `Follow this object: ${example.question}. At the start its box (left, top, right, bottom) is ${formatBox(first.box)}.`;
  const answer = `its boxes at ${boxes.length} equal steps from start to end in <answer></answer>, as a list that begins with the given box.`;
  return prompt.think
    ? `${question}\nThink first in <think></think>. Then give ${answer}`
    : `${question}\nGive only ${answer}`;
}

/** `<think>the dog moves right and down.</think><answer>[[0.10, 0.20, 0.30, 0.40], …]</answer>` */
export function buildTrackingTarget(example: Example, prompt: PromptSpec): string {
  const boxes = truthOf(example, "tracking").boxes.map((b) => b.box);
  const motion = describeMotion(boxes);
  const reasoning = `${example.question} ${motion === null ? "stays where it is" : `moves ${motion}`}.`;
  return targetText(reasoning, `<answer>${formatBoxes(boxes)}</answer>`, prompt.think);
}

import type { PromptSpec } from "../../../protocol/spec.ts";
import type { ParsedAnswer } from "../../../protocol/tasks.ts";
import type { Example } from "../../data/example.ts";
import { answerBlock, targetText } from "../answerBlock.ts";
import { formatOptions, optionLetter, optionText, parseOption } from "../options.ts";
import type { Baseline, MetricValues, Task } from "../task.ts";
import { truthOf } from "../truth.ts";

export const multipleChoice: Task = {
  id: "multiple-choice",
  buildPrompt: buildMultipleChoicePrompt,
  buildTarget: buildMultipleChoiceTarget,
  parse: parseMultipleChoice,
  score: scoreMultipleChoice,
  baselines: Object.fromEntries(
    Array.from({ length: 8 }, (_, i) => [`constant-${optionLetter(i)}`, constantOption(i)]),
  ),
  expectedBaselines: { "random-expected": (example) => ({ accuracy: 1 / (example.options?.length ?? 1) }) },
};

/** Asks for the letter of an option. */
function buildMultipleChoicePrompt(example: Example, prompt: PromptSpec): string {
  const question = `${example.question}\n${formatOptions(example.options ?? [])}`;
  return prompt.think
    ? `${question}\nThink first in <think></think>. Then give the letter of the right option in <answer></answer>.`
    : `${question}\nGive only the letter of the right option in <answer></answer>.`;
}

/** `<think>what colour is the ball? green.</think><answer>B</answer>` */
function buildMultipleChoiceTarget(example: Example, prompt: PromptSpec): string {
  const { option } = truthOf(example, "multiple-choice");
  const reasoning = `${example.question} ${optionText(example.options ?? [], option)}.`;
  return targetText(reasoning, `<answer>${option}</answer>`, prompt.think);
}

function parseMultipleChoice(completion: string, example: Example): ParsedAnswer {
  const block = answerBlock(completion);
  if (!block.ok) return { task: "multiple-choice", failures: [block.failure] };
  const option = parseOption(block.text, example.options ?? []);
  return option === null
    ? { task: "multiple-choice", failures: ["no-option"] }
    : { task: "multiple-choice", option, failures: [] };
}

function scoreMultipleChoice(answer: ParsedAnswer, example: Example): MetricValues {
  return { accuracy: Number(answer.option === truthOf(example, "multiple-choice").option) };
}

function constantOption(index: number): Baseline {
  return (example) =>
    index < (example.options?.length ?? 0)
      ? { task: "multiple-choice", option: optionLetter(index), failures: [] }
      : null;
}

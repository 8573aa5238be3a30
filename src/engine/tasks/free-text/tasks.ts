import type { PromptSpec } from "../../../protocol/spec.ts";
import type { ParsedAnswer, TaskId } from "../../../protocol/tasks.ts";
import type { Example } from "../../data/example.ts";
import { normaliseAnswer, rougeL } from "../../metrics/text.ts";
import { visibleText } from "../../rewards/blocks.ts";
import { answerBlock, targetText } from "../answerBlock.ts";
import type { MetricValues, Task } from "../task.ts";
import { truthOf } from "../truth.ts";

/** Tasks whose answer is a text: a label, a caption, or whatever a dataset of its own asks for. */

export const classification: Task = {
  id: "classification",
  buildPrompt: (example, prompt) => buildPrompt(example, prompt, "the label"),
  buildTarget: (example, prompt) => buildTarget(example, truthOf(example, "classification").label, prompt),
  parse: (completion) => parseTagged(completion, "classification"),
  /** VideoChat-R1's accuracy: equal but for white space and case. */
  score: ({ text }, example) => ({
    accuracy: Number(text !== undefined && isSame(text, truthOf(example, "classification").label)),
  }),
  baselines: {},
  fitBaselines: (training) => ({ "most-frequent-label": mostFrequentLabel(training) }),
};

export const captioning: Task = {
  id: "captioning",
  buildPrompt: (example, prompt) => buildPrompt(example, prompt, "the description"),
  buildTarget: (example, prompt) => buildTarget(example, truthOf(example, "captioning").captions[0] ?? "", prompt),
  parse: (completion) => parseTagged(completion, "captioning"),
  /** ROUGE-L against the nearest caption. Recall and precision of events come from a judge, where there is one. */
  score: ({ text }, example) => ({ "rouge-l": nearest(text ?? "", truthOf(example, "captioning").captions) }),
  combinedScores: {
    // AutoDQ: of the means, not the mean of the examples' own.
    "event-f1": {
      of: ["event-recall", "event-precision"],
      combine: ([recall = 0, precision = 0]) =>
        recall + precision === 0 ? 0 : (2 * recall * precision) / (recall + precision),
    },
  },
  baselines: {},
};

export const openTask: Task = {
  id: "open",
  buildPrompt: (example, prompt) => buildPrompt(example, prompt, "the answer"),
  buildTarget: (example, prompt) => buildTarget(example, truthOf(example, "open").answer ?? "", prompt),
  parse: parseOpen,
  score: scoreOpen,
  baselines: {},
};

function buildPrompt({ question }: Example, { think }: PromptSpec, what: string): string {
  return think
    ? `${question}\nThink first in <think></think>. Then give ${what} in <answer></answer>.`
    : `${question}\nGive only ${what} in <answer></answer>.`;
}

/** `<think>how sharp is the picture? High.</think><answer>High</answer>` */
function buildTarget({ question }: Example, answer: string, { think }: PromptSpec): string {
  return targetText(`${question} ${answer}`, `<answer>${answer}</answer>`, think);
}

function parseTagged(completion: string, task: TaskId): ParsedAnswer {
  const block = answerBlock(completion);
  return block.ok ? { task, text: block.text, failures: [] } : { task, failures: [block.failure] };
}

/** The answer tag's content, or without one all that stands outside the reasoning: other trainers' formats have none. */
function parseOpen(completion: string): ParsedAnswer {
  const block = answerBlock(completion);
  const text = block.ok ? block.text : visibleText(completion).trim();
  return text === "" ? { task: "open", failures: ["empty-answer"] } : { task: "open", text, failures: [] };
}

function scoreOpen({ text }: ParsedAnswer, example: Example): MetricValues {
  const { answer } = truthOf(example, "open");
  return answer === null ? {} : { "exact-match": Number(text !== undefined && isSame(text, answer)) };
}

function nearest(text: string, captions: readonly string[]): number {
  return Math.max(0, ...captions.map((caption) => rougeL(text, caption)));
}

function isSame(a: string, b: string): boolean {
  return normaliseAnswer(a) === normaliseAnswer(b);
}

function mostFrequentLabel(training: readonly Example[]) {
  const counts = new Map<string, number>();
  for (const { truth } of training) {
    if (truth.task === "classification") counts.set(truth.label, (counts.get(truth.label) ?? 0) + 1);
  }
  const [label] = [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]))[0] ?? [];
  return (): ParsedAnswer | null =>
    label === undefined ? null : { task: "classification", text: label, failures: [] };
}

import { Template } from "@huggingface/jinja";
import { UserError } from "../../protocol/errors.ts";
import type { PromptSpec, RunSpec } from "../../protocol/spec.ts";
import type { TaskId } from "../../protocol/tasks.ts";
import type { Example } from "../data/example.ts";
import { optionLetter } from "./options.ts";
import { tasks } from "./tasks.ts";
import { formatBox } from "./tracking/boxes.ts";

/** Texts of the template files by task; read by data/templates.ts, so that this room opens no file. */
export type TemplateTexts = Readonly<Partial<Record<TaskId, string>>>;

/** Prompt settings of a task, with the defaults of the specification where it says nothing. */
export function promptOf(prompts: RunSpec["prompts"], task: TaskId): PromptSpec {
  return prompts[task] ?? { think: true };
}

/**
 * Text of the user turn: the template when there is one, else the task's own text. Variables of a template: `question`,
 * `options` (list of `letter` and `text`), `duration` (seconds or none), `first_box` ("[0.10, 0.20, 0.30, 0.40]"),
 * `box_count`, `think`, `task`. Throws UserError bad-spec when the template cannot be rendered.
 */
export function buildPrompt(example: Example, prompt: PromptSpec, templateText?: string): string {
  if (templateText === undefined) return tasks[example.task].buildPrompt(example, prompt);
  try {
    return new Template(templateText).render(templateVariables(example, prompt));
  } catch (cause) {
    throw new UserError(
      {
        code: "bad-spec",
        where: prompt.template ?? `prompts.${example.task}.template`,
        message: `The prompt template cannot be rendered: ${cause instanceof Error ? cause.message : String(cause)}.`,
        hint: "It is a Jinja template with the variables question, options, duration, first_box, box_count, think and task.",
      },
      { cause },
    );
  }
}

/**
 * A text that changes whenever the wording of a task's prompt does; its hash is stored with a run. A template is its own
 * text; the built-in prompt is rendered for a fixed example.
 */
export function promptFingerprint(task: TaskId, prompt: PromptSpec, templateText?: string): string {
  return templateText ?? tasks[task].buildPrompt(fixedExample(task), prompt);
}

function templateVariables(example: Example, prompt: PromptSpec): Record<string, unknown> {
  const boxes = example.truth.task === "tracking" ? example.truth.boxes : [];
  const first = boxes[0];
  return {
    task: example.task,
    question: example.question,
    options: (example.options ?? []).map((text, i) => ({ letter: optionLetter(i), text })),
    duration: example.durationSec,
    first_box: first === undefined ? null : formatBox(first.box),
    box_count: boxes.length,
    think: prompt.think,
  };
}

/** The same for everybody, whatever the data: for fingerprints and for lint. */
export function fixedExample(task: TaskId): Example {
  const box = { x0: 0.1, y0: 0.2, x1: 0.3, y1: 0.4 };
  const boxes = Array.from({ length: 8 }, (_, timestampSec) => ({ timestampSec, box }));
  const segment = { startSec: 5, endSec: 10 };
  const truths = {
    "temporal-grounding": { task: "temporal-grounding", segment },
    tracking: { task: "tracking", boxes },
    "grounded-qa": { task: "grounded-qa", option: "B", segments: [segment] },
    "multiple-choice": { task: "multiple-choice", option: "B" },
    classification: { task: "classification", label: "LABEL" },
    captioning: { task: "captioning", captions: ["CAPTION"], events: [] },
    open: { task: "open", answer: "ANSWER" },
  } as const;
  return {
    datasetId: "fixed",
    id: "fixed",
    task,
    videoPath: "fixed.mp4",
    durationSec: 20,
    question: "QUESTION",
    options: ["first", "second"],
    truth: truths[task],
    row: null,
  };
}

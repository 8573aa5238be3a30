import type { ChatQuestion } from "../../protocol/chat.ts";
import { UserError } from "../../protocol/errors.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import { shownVideo } from "../../protocol/video.ts";
import type { Example } from "../data/example.ts";
import { buildPrompt, fixedExample, promptOf, type TemplateTexts } from "../tasks/prompt.ts";

/** A question as the policy gets it, and the example that its answer is parsed by. */
export interface ChatPrompt {
  readonly example: Example;
  /** Text of the user turn. */
  readonly text: string;
}

type OwnQuestion = Exclude<ChatQuestion, { kind: "example" }>;

/** The prompt that a run makes of an example, with or without reasoning. */
export function promptOfExample(
  example: Example,
  think: boolean,
  prompts: RunSpec["prompts"],
  templates: TemplateTexts,
): ChatPrompt {
  const prompt = { ...promptOf(prompts, example.task), think };
  return { example, text: buildPrompt(example, prompt, templates[example.task]) };
}

/** A question of the user's own as an example whose truth nobody knows: its `truth` only fills the place. */
export function exampleOfQuestion(question: OwnQuestion, durationSec: number | null): Example {
  const task = question.kind === "free" ? "open" : question.task;
  const asked = question.kind === "free" ? question.text : question.question;
  const { options: _, ...placeholder } = fixedExample(task);
  const example = { ...placeholder, ...shownVideo(question.video), durationSec, question: asked.trim() };
  if (example.question === "") throw incomplete("the question is empty");
  if (question.kind === "free") return example;
  if (task === "multiple-choice" || task === "grounded-qa") {
    if (question.options.length < 2) throw incomplete("expected at least two options");
    return { ...example, options: question.options };
  }
  if (task !== "tracking") return example;
  if (question.track === null) throw incomplete("expected the object's box at the start");
  const { firstBox: box, boxes } = question.track;
  return {
    ...example,
    truth: { task, boxes: Array.from({ length: boxes }, (_box, i) => ({ timestampSec: i, box })) },
  };
}

function incomplete(message: string): UserError {
  return new UserError({ code: "bad-data", where: "question", message });
}

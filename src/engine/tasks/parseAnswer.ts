import type { ParsedAnswer } from "../../protocol/tasks.ts";
import type { Example } from "../data/example.ts";
import { lastBlock, visibleText } from "../rewards/blocks.ts";
import { tasks } from "./tasks.ts";

/**
 * How answers are read. "tagged" is what training does: only what stands in `<answer>` (and `<glue>`) counts. "plain" is
 * for models that were never asked for tags: where there are none, all that stands outside the reasoning is the answer.
 */
export const parserNames = ["tagged", "plain"] as const;
export type ParserName = (typeof parserNames)[number];

export function parseAnswer(completion: string, example: Example, parser: ParserName = "tagged"): ParsedAnswer {
  const text = parser === "plain" ? withTags(completion, example) : completion;
  return tasks[example.task].parse(text, example);
}

/** The visible text with the tags that it lacks put around it. */
function withTags(completion: string, { task }: Example): string {
  const visible = visibleText(completion).trim();
  const glueAt = visible.indexOf("<glue>");
  const beforeGlue = glueAt < 0 ? visible : visible.slice(0, glueAt);
  const answer = lastBlock(completion, "answer") === null ? `<answer>${beforeGlue}</answer>` : visible;
  const glue = lastBlock(completion, "glue");
  if (task !== "grounded-qa") return answer;
  // "B, 5.0 to 10.0 s": the times of an answer without tags stand beside its letter.
  return `${answer}<glue>${glue ?? visible}</glue>`;
}

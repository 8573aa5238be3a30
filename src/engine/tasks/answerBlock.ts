import type { ParseFailure } from "../../protocol/tasks.ts";
import { lastBlock } from "../rewards/blocks.ts";

export type AnswerBlock =
  { readonly ok: true; readonly text: string } | { readonly ok: false; readonly failure: ParseFailure };

/** Content of the last `<answer>` outside the reasoning: the only one that counts, in training and in evaluation. */
export function answerBlock(completion: string): AnswerBlock {
  const text = lastBlock(completion, "answer");
  if (text === null) return { ok: false, failure: "no-answer-tag" };
  return text === "" ? { ok: false, failure: "empty-answer" } : { ok: true, text };
}

/** The completion that SFT teaches: one sentence of reasoning where it is asked for, then the blocks of the answer. */
export function targetText(reasoning: string, answer: string, think: boolean): string {
  return think ? `<think>${reasoning}</think>${answer}` : answer;
}

import type { ChatTurn, TurnAnswer } from "../../protocol/chatView.ts";
import type { NamedSource } from "./chatHost.ts";

/** What of a chat outlives its window: what was talked to, and the questions with their answers. */
export interface ChatMemory {
  readonly sources: readonly NamedSource[];
  readonly turns: readonly ChatTurn[];
}

export const emptyMemory: ChatMemory = { sources: [], turns: [] };

/** Questions that are kept, the newest. */
const mostTurns = 100;

/** Answers that had not ended will not go on: they are shown as stopped, with what was said. */
export function memoryOf(sources: readonly NamedSource[], turns: readonly ChatTurn[]): ChatMemory {
  const ended = (answer: TurnAnswer): TurnAnswer => {
    const { kind } = answer.state;
    return kind === "done" || kind === "failed" ? answer : { ...answer, state: { kind: "stopped" } };
  };
  return {
    sources,
    turns: turns.slice(-mostTurns).map((turn) => ({ ...turn, answers: turn.answers.map(ended) })),
  };
}

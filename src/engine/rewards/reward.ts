import type { FinishReason } from "../../protocol/records.ts";
import type { ParsedAnswer, TaskId } from "../../protocol/tasks.ts";
import type { Example } from "../data/example.ts";

export interface RewardInput {
  readonly text: string;
  readonly parsed: ParsedAnswer;
  readonly tokenCount: number;
  readonly finishReason: FinishReason;
  readonly example: Example;
  /** Whether the prompt asks for reasoning before the answer. */
  readonly think: boolean;
}

export interface RewardOutput {
  /** In [0, 1] for built-ins. */
  readonly value: number;
  /** Why it is what it is, e.g. a parse failure. */
  readonly reason?: string | undefined;
}

/** A built-in reward: a pure function and the tasks it knows. */
export interface Reward {
  readonly name: string;
  readonly tasks: readonly TaskId[];
  score(input: RewardInput): RewardOutput;
}

import type { UserError } from "../../protocol/errors.ts";
import type { RolloutLine, RunPhase, RunRecord } from "../../protocol/records.ts";
import type { Example } from "../data/example.ts";
import type { CompletionTokens } from "../store/tokens.ts";
import type { Backend } from "./backend.ts";
import { deriveSeed } from "./random.ts";
import type { GroupScorer, StepPrompt } from "./scoreGroups.ts";
import type { StepMetrics } from "./stepMetrics.ts";

/** What a step works with. */
export interface StepContext {
  readonly backend: Backend;
  readonly scorer: GroupScorer;
  readonly record: RunRecord;
  readonly promptText: (example: Example) => string;
  /** Examples of the step after this one. */
  readonly next: readonly Example[];
  /** Says which phase begins; `done` of `total` within it. */
  readonly enter: (phase: RunPhase, done: number, total: number) => void;
  /** Seconds on a clock that only goes forward; for timings alone. */
  readonly nowSec: () => number;
}

/** What a step leaves behind, to be written by the loop. */
export interface StepOutcome {
  readonly lines: readonly RolloutLine[];
  readonly tokens: readonly CompletionTokens[];
  readonly metrics: StepMetrics;
  /** Prompt and completion tokens that the step went through. */
  readonly tokensSeen: number;
  readonly times: StepTimes;
  /** Ends the run, after the lines have been written. */
  readonly problem: UserError | null;
}

/** Seconds; `sampledTokens` are those of completions. */
export interface StepTimes {
  readonly decodeSec: number;
  readonly sampleSec: number;
  readonly rewardSec: number;
  readonly updateSec: number;
  readonly sampledTokens: number;
}

/** Prompts of a step with their names in calls of the backend. */
export function toStepPrompts(step: number, examples: readonly Example[], context: StepContext): StepPrompt[] {
  return examples.map((example, group) => ({
    group,
    key: `${step}/${group}`,
    example,
    text: context.promptText(example),
  }));
}

/** Seed of the sampler for one group: a function of the run's seed and the place alone. */
export function samplerSeed(record: RunRecord, step: number, prompt: StepPrompt): number {
  return deriveSeed(record.seed, "sample", step, prompt.group);
}

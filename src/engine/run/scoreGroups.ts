import type { RewardPart } from "../../protocol/records.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { ParsedAnswer } from "../../protocol/tasks.ts";
import type { Example } from "../data/example.ts";
import { scoreCompletion } from "../rewards/rewards.ts";
import { promptOf } from "../tasks/prompt.ts";
import { tasks } from "../tasks/tasks.ts";
import type { SampledCompletion, SampledGroup } from "./backend.ts";

/** A prompt of the step: `group` is its place, `key` its name in calls of the backend. */
export interface StepPrompt {
  readonly group: number;
  readonly key: string;
  readonly example: Example;
  readonly text: string;
}

export interface ScoredCompletion {
  readonly sampled: SampledCompletion;
  readonly parsed: ParsedAnswer;
  readonly parts: readonly RewardPart[];
  /** null when the rollout is dropped. */
  readonly reward: number | null;
}

/** The rollouts of one prompt with their rewards. */
export interface ScoredGroup {
  readonly prompt: StepPrompt;
  readonly sampled: Extract<SampledGroup, { ok: true }>;
  readonly completions_G: readonly ScoredCompletion[];
}

/** Parses every completion with its task's parser and sums up its rewards. */
export function scoreGroups(
  groups: readonly { readonly prompt: StepPrompt; readonly sampled: Extract<SampledGroup, { ok: true }> }[],
  spec: RunSpec,
): ScoredGroup[] {
  return groups.map(({ prompt, sampled }) => ({
    prompt,
    sampled,
    completions_G: sampled.completions.map((completion) => scoreOne(completion, prompt.example, spec)),
  }));
}

function scoreOne(sampled: SampledCompletion, example: Example, spec: RunSpec): ScoredCompletion {
  const parsed = tasks[example.task].parse(sampled.text, example);
  const { parts, reward } = scoreCompletion(spec.rewards, {
    text: sampled.text,
    parsed,
    tokenCount: sampled.tokens_T.length,
    finishReason: sampled.finishReason,
    example,
    think: promptOf(spec.prompts, example.task).think,
  });
  return { sampled, parsed, parts, reward };
}

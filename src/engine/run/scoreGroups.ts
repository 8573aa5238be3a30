import type { RewardPart } from "../../protocol/records.ts";
import type { RewardExample } from "../../protocol/reward.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { ParsedAnswer } from "../../protocol/tasks.ts";
import type { Example } from "../data/example.ts";
import type { Scored, ScoreGroup } from "../score/scorer.ts";
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
  readonly think: boolean;
  readonly sampled: Extract<SampledGroup, { ok: true }>;
  readonly completions_G: readonly ScoredCompletion[];
}

export interface RolledOut {
  readonly prompt: StepPrompt;
  readonly sampled: Extract<SampledGroup, { ok: true }>;
}

/** Scores groups of completions; see score/scorer.ts. */
export interface GroupScorer {
  score(groups: readonly ScoreGroup[]): Promise<Scored[][]>;
}

/** Parses every completion with its task's parser and has its rewards summed up. */
export async function scoreGroups(
  groups: readonly RolledOut[],
  step: number,
  spec: RunSpec,
  scorer: GroupScorer,
): Promise<ScoredGroup[]> {
  const asked = groups.map(({ prompt, sampled }) => scoreGroupOf(prompt, sampled, step, spec));
  const scored = await scorer.score(asked);
  return groups.map(({ prompt, sampled }, g) => ({
    prompt,
    think: promptOf(spec.prompts, prompt.example.task).think,
    sampled,
    completions_G: sampled.completions.map((completion, k) => {
      const [input, output] = [asked[g]?.completions[k], scored[g]?.[k]];
      if (input === undefined || output === undefined) throw new Error("internal: a completion was not scored");
      return { sampled: completion, parsed: input.parsed, ...output };
    }),
  }));
}

/** Name of a completion: "<step>/<group>/<k>". */
export function completionId(step: number, prompt: StepPrompt, k: number): string {
  return `${step}/${prompt.group}/${k}`;
}

function scoreGroupOf(prompt: StepPrompt, sampled: RolledOut["sampled"], step: number, spec: RunSpec): ScoreGroup {
  const { example } = prompt;
  return {
    example: rewardExampleOf(prompt, sampled, promptOf(spec.prompts, example.task).think),
    completions: sampled.completions.map((completion, k) => ({
      id: completionId(step, prompt, k),
      text: completion.text,
      parsed: tasks[example.task].parse(completion.text, example),
      tokenCount: completion.tokens_T.length,
      finishReason: completion.finishReason,
      tokenIds: [...completion.tokens_T],
    })),
  };
}

function rewardExampleOf(
  { example, text }: StepPrompt,
  { video }: RolledOut["sampled"],
  think: boolean,
): RewardExample {
  const { timestampsSec, widthPx, heightPx, sourceWidthPx, sourceHeightPx } = video;
  const { id, datasetId, task, question, options, truth, videoPath, clip, row } = example;
  // Exactly what recordedExample gives when the rollout is scored again.
  return {
    id,
    datasetId,
    task,
    question,
    ...(options === undefined ? {} : { options }),
    truth,
    videoPath,
    ...(clip === undefined ? {} : { clip }),
    row,
    durationSec: example.durationSec ?? video.durationSec,
    frames: { timestampsSec, widthPx, heightPx, sourceWidthPx, sourceHeightPx },
    prompt: text,
    think,
  };
}

import type { ErrorData } from "../../protocol/errors.ts";
import { recordVersion } from "../../protocol/records.ts";
import type { CompletionRecord, FailedGroupRecord, GroupRecord } from "../../protocol/records.ts";
import { unbiasedStd } from "../rewards/advantages.ts";
import { mean } from "../metrics/statistics.ts";
import type { CompletionTokens } from "../store/tokens.ts";
import { completionId } from "./scoreGroups.ts";
import type { ScoredCompletion, ScoredGroup, StepPrompt } from "./scoreGroups.ts";

/** The line of rollouts/*.jsonl. `meanKl_G` comes from the first update on these rollouts; null without one. */
export function groupRecord(
  step: number,
  group: ScoredGroup,
  advantages_G: readonly (number | null)[],
  meanKl_G: readonly (number | null)[] | null,
): GroupRecord {
  const { prompt, sampled, completions_G } = group;
  const { example } = prompt;
  const rewards = completions_G.map((completion) => completion.reward).filter((reward) => reward !== null);
  return {
    version: recordVersion,
    step,
    group: prompt.group,
    datasetId: example.datasetId,
    exampleId: example.id,
    task: example.task,
    prompt: prompt.text,
    question: example.question,
    ...(example.options === undefined ? {} : { options: example.options }),
    think: group.think,
    durationSec: example.durationSec,
    row: example.row,
    promptTokens: sampled.promptTokens,
    video: sampled.video,
    truth: example.truth,
    rewardMean: rewards.length === 0 ? 0 : mean(rewards),
    rewardStd: unbiasedStd(rewards),
    completions: completions_G.map((completion, k) =>
      completionRecord(completionId(step, prompt, k), completion, advantages_G[k] ?? 0, meanKl_G?.[k] ?? null),
    ),
  };
}

export function failedGroupRecord(step: number, prompt: StepPrompt, failure: ErrorData): FailedGroupRecord {
  const { datasetId, id, task } = prompt.example;
  return { version: recordVersion, step, group: prompt.group, datasetId, exampleId: id, task, failure };
}

export function groupTokens(
  step: number,
  group: ScoredGroup,
  refLogprobs_G_T: readonly Float32Array[] | null,
): CompletionTokens[] {
  return group.sampled.completions.map(({ tokens_T, logprobs_T, entropies_T, alternatives }, k) => ({
    id: completionId(step, group.prompt, k),
    tokens_T,
    logprobs_T,
    entropies_T,
    refLogprobs_T: refLogprobs_G_T?.[k] ?? null,
    alternatives: alternatives ?? null,
  }));
}

function completionRecord(
  id: string,
  { sampled, parsed, parts, reward }: ScoredCompletion,
  advantage: number,
  meanKl: number | null,
): CompletionRecord {
  return {
    id,
    text: sampled.text,
    tokenCount: sampled.tokens_T.length,
    finishReason: sampled.finishReason,
    parsed,
    rewards: parts,
    reward,
    advantage,
    meanKl,
    meanEntropy: sampled.entropies_T.length === 0 ? 0 : mean([...sampled.entropies_T]),
  };
}

import type { CompletionRecord, GroupRecord, RewardPart } from "../../src/protocol/records.ts";

/** A completion with the rewards that a test is about. */
export function completion(
  id: string,
  rewards: readonly Pick<RewardPart, "name" | "value">[],
  overrides: Partial<CompletionRecord> = {},
): CompletionRecord {
  return {
    id,
    text: "<think>it starts late</think>\n<answer>1.5 to 4</answer>",
    parsed: { task: "temporal-grounding", segment: { startSec: 1.5, endSec: 4 }, failures: [] },
    tokenCount: 12,
    finishReason: "eos",
    rewards: rewards.map((part) => ({ weight: 1, ...part })),
    reward: rewards.reduce((sum, { value }) => sum + (value ?? 0), 0),
    advantage: 0.5,
    meanEntropy: 0.25,
    meanKl: null,
    ...overrides,
  };
}

export function groupRecord(overrides: Partial<GroupRecord> = {}): GroupRecord {
  return {
    version: 3,
    step: 12,
    group: 3,
    datasetId: "grounding",
    exampleId: "clip_7",
    task: "temporal-grounding",
    prompt: "When does the square spin?",
    question: "the square spins",
    think: true,
    durationSec: 8,
    row: ["clip_7", 8, [1, 4]],
    promptTokens: 90,
    video: null,
    truth: { task: "temporal-grounding", segment: { startSec: 1, endSec: 4 } },
    rewardMean: 0.4,
    rewardStd: 0.2,
    completions: [],
    ...overrides,
  };
}

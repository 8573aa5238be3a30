import type { CompletionRecord, GroupRecord } from "../../protocol/records.ts";
import type { RewardExample } from "../../protocol/reward.ts";
import type { ScoreGroup } from "./scorer.ts";

/** A recorded group as its rewards were given it: what re-scoring, debugging and pinned cases call them on. */
export function recordedGroup(record: GroupRecord): ScoreGroup {
  return { example: recordedExample(record), completions: record.completions.map(recordedCompletion) };
}

export function recordedExample(record: GroupRecord): RewardExample {
  const { timestampsSec, widthPx, heightPx, sourceWidthPx, sourceHeightPx } = record.video;
  return {
    id: record.exampleId,
    datasetId: record.datasetId,
    task: record.task,
    question: record.question,
    ...(record.options === undefined ? {} : { options: record.options }),
    truth: record.truth,
    videoPath: record.video.path,
    durationSec: record.durationSec ?? record.video.durationSec,
    frames: { timestampsSec, widthPx, heightPx, sourceWidthPx, sourceHeightPx },
    prompt: record.prompt,
    think: record.think,
    row: record.row,
  };
}

export function recordedCompletion({ id, text, parsed, tokenCount, finishReason }: CompletionRecord) {
  return { id, text, parsed, tokenCount, finishReason };
}

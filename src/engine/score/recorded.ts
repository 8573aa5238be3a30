import type { CompletionRecord, GroupRecord, SeenVideo } from "../../protocol/records.ts";
import type { RewardExample, RewardFrames } from "../../protocol/reward.ts";
import type { ScoreGroup } from "./scorer.ts";

/** A recorded group as its rewards were given it: what re-scoring, debugging and pinned cases call them on. */
export function recordedGroup(record: GroupRecord): ScoreGroup {
  return { example: recordedExample(record), completions: record.completions.map(recordedCompletion) };
}

export function recordedExample(record: GroupRecord): RewardExample {
  const { video } = record;
  return {
    id: record.exampleId,
    datasetId: record.datasetId,
    task: record.task,
    question: record.question,
    ...(record.options === undefined ? {} : { options: record.options }),
    truth: record.truth,
    videoPath: video?.path ?? "",
    ...(video?.clip === undefined ? {} : { clip: video.clip }),
    durationSec: record.durationSec ?? video?.durationSec ?? null,
    frames: video === null ? null : seenFrames(video),
    prompt: record.prompt,
    think: record.think,
    row: record.row,
  };
}

function seenFrames(video: SeenVideo): RewardFrames {
  const { timestampsSec, widthPx, heightPx, sourceWidthPx, sourceHeightPx } = video;
  return { timestampsSec, widthPx, heightPx, sourceWidthPx, sourceHeightPx };
}

export function recordedCompletion({ id, text, parsed, tokenCount, finishReason }: CompletionRecord) {
  return { id, text, parsed, tokenCount, finishReason };
}

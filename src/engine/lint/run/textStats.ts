import { isFailedGroup, type GroupRecord, type RewardError, type RolloutLine } from "../../../protocol/records.ts";
import type { TaskId } from "../../../protocol/tasks.ts";
import type { Example } from "../../data/example.ts";
import { mean } from "../../metrics/statistics.ts";
import { tasks } from "../../tasks/tasks.ts";
import { countStrict, type StrictCount } from "../strictParsers.ts";

/** What only the texts and records of a step's rollouts say. */
export interface TextStats {
  readonly step: number;
  readonly groups: readonly GroupTexts[];
  readonly errors: readonly SampledError[];
}

export interface GroupTexts {
  readonly step: number;
  readonly task: TaskId;
  readonly think: boolean;
  readonly size: number;
  readonly distinct: number;
  /** The task's own metric over the completions, as an evaluation would score them. */
  readonly metric: { readonly name: string; readonly mean: number } | null;
  readonly strict: ReadonlyMap<string, StrictCount>;
}

export interface SampledError {
  readonly reward: string;
  readonly id: string;
  readonly error: RewardError;
}

/** The metric of a task that its answers are compared by. */
const metricNames: Readonly<Record<TaskId, string>> = {
  "temporal-grounding": "mIoU",
  tracking: "mean_iou",
  "grounded-qa": "accuracy",
  "multiple-choice": "accuracy",
  classification: "accuracy",
  captioning: "rouge-l",
  open: "exact-match",
};

export function mainMetric(task: TaskId): string {
  return metricNames[task];
}

export function textStatsOf(step: number, lines: readonly RolloutLine[]): TextStats {
  const records = lines.flatMap((line) => (isFailedGroup(line) || line.completions.length === 0 ? [] : [line]));
  const errors = records
    .flatMap(({ completions }) => completions)
    .flatMap(({ id, rewards }) =>
      rewards.flatMap(({ name, error }) => (error === undefined ? [] : [{ reward: name, id, error }])),
    );
  return { step, groups: records.map(groupTexts), errors };
}

function groupTexts(record: GroupRecord): GroupTexts {
  const { step, task, think, completions } = record;
  const example = exampleOf(record);
  const name = mainMetric(task);
  const scores = completions.flatMap(({ parsed }) => tasks[task].score(parsed, example)[name] ?? []);
  return {
    step,
    task,
    think,
    size: completions.length,
    distinct: new Set(completions.map(({ text }) => text.trim())).size,
    metric: scores.length === 0 ? null : { name, mean: mean(scores) },
    strict: countStrict(example, completions),
  };
}

function exampleOf({
  datasetId,
  exampleId,
  task,
  video,
  durationSec,
  question,
  options,
  truth,
  row,
}: GroupRecord): Example {
  const videoPath = video?.path ?? "";
  return { datasetId, id: exampleId, task, videoPath, durationSec, question, options, truth, row };
}

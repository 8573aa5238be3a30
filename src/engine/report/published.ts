import type { CategoryScores, EvaluatedDataset, EvaluationRecord } from "../../protocol/records.ts";
import type { TaskId } from "../../protocol/tasks.ts";

/** Scores that a paper reports, in percent, by our names of the metrics. */
export interface PublishedRow {
  readonly model: string;
  readonly scores: Readonly<Record<string, number>>;
}

export interface PublishedBenchmark {
  readonly title: string;
  /** A dataset is this benchmark when its id, format or file names it, and it has as many examples, within 1 %. */
  readonly name: RegExp;
  readonly task: TaskId;
  readonly examples: number;
  /** The figures are of one category only. */
  readonly category?: { readonly dimension: string; readonly name: string };
  /** The figures are means over this grouping. */
  readonly meanOver?: string;
  readonly rows: readonly PublishedRow[];
  /** What one has to know before comparing. */
  readonly caveat: string;
}

/** Where every figure is from, unless its row says otherwise. */
export const publishedSource =
  "VideoChat-R1, arXiv 2504.06958 v5, Tables 1 to 4 and 6; nobody's score was reproduced here";

const fixedPixels =
  "All of them with the paper's own low pixel budget (3584 x 28 x 28 in total) and its own prompts and parser.";

export const publishedBenchmarks: readonly PublishedBenchmark[] = [
  {
    title: "Charades-STA, test",
    name: /charades/i,
    task: "temporal-grounding",
    examples: 3720,
    rows: [
      { model: "Qwen2.5-VL-7B", scores: { mIoU: 29.0, "R@0.3": 44.7, "R@0.5": 24.2, "R@0.7": 11.1 } },
      {
        model: "Qwen2.5-VL-7B, measured by TempSamp-R1",
        scores: { mIoU: 49.7, "R@0.3": 73.4, "R@0.5": 54.4, "R@0.7": 30.3 },
      },
      { model: "SFT on Charades-STA", scores: { mIoU: 46.3, "R@0.3": 63.9, "R@0.5": 45.0, "R@0.7": 25.3 } },
      {
        model: "GRPO on Charades-STA, think",
        scores: { mIoU: 59.3, "R@0.3": 81.7, "R@0.5": 70.4, "R@0.7": 46.0 },
      },
      { model: "VideoChat-R1", scores: { mIoU: 60.8, "R@0.5": 71.7, "R@0.7": 50.2 } },
      { model: "VideoChat-R1-thinking", scores: { mIoU: 59.9, "R@0.5": 70.6, "R@0.7": 47.2 } },
    ],
    caveat: `${fixedPixels} Qwen's own report gives its 7B model mIoU 43.6. The SFT rows are a weak baseline: their loss covers the prompt. 562 of the queries end after their video.`,
  },
  {
    title: "ActivityNet Captions, test (val_2)",
    name: /activitynet|anet/i,
    task: "temporal-grounding",
    examples: 17031,
    rows: [
      { model: "Qwen2.5-VL-7B", scores: { mIoU: 21.1, "R@0.5": 15.8, "R@0.7": 7.5 } },
      { model: "SFT on Charades-STA", scores: { mIoU: 20.6, "R@0.5": 16.7, "R@0.7": 7.9 } },
      { model: "VideoChat-R1", scores: { mIoU: 36.6, "R@0.5": 33.4, "R@0.7": 17.7 } },
      { model: "VideoChat-R1-thinking", scores: { mIoU: 35.5, "R@0.5": 33.3, "R@0.7": 16.7 } },
    ],
    caveat: fixedPixels,
  },
  {
    title: "GOT-10k, 180 sampled sequences of val",
    name: /got/i,
    task: "tracking",
    examples: 180,
    rows: [
      { model: "Qwen2.5-VL-7B", scores: { mean_iou: 12.6, "R@0.5": 1.1, "R@0.7": 0 } },
      { model: "SFT on GOT-10k", scores: { mean_iou: 41.8, "R@0.5": 29.5, "R@0.7": 3.9 } },
      { model: "GRPO on GOT-10k", scores: { mean_iou: 42.5, "R@0.5": 30.6, "R@0.7": 3.9 } },
      { model: "VideoChat-R1", scores: { mean_iou: 43.8, "R@0.5": 38.2 } },
      { model: "VideoChat-R1-thinking", scores: { mean_iou: 43.3, "R@0.5": 33.9 } },
    ],
    caveat:
      "Copying the box that the prompt gives to all eight places scores mean_iou 42.4, R@0.5 32.2 and R@0.7 5.6: compare with that baseline first. mean_iou counts the given box; GOT-10k's own ao does not. Frames and boxes of the released loader are not aligned.",
  },
  {
    title: "NExT-GQA, test",
    name: /next[-_]?gqa/i,
    task: "grounded-qa",
    examples: 5553,
    rows: [
      { model: "Qwen2.5-VL-7B", scores: { mIoU: 15.4, accuracy: 59.5 } },
      { model: "SFT on NExT-GQA", scores: { mIoU: 28.2, accuracy: 64.8 } },
      { model: "GRPO on NExT-GQA", scores: { mIoU: 35.1, accuracy: 68.7 } },
      { model: "VideoChat-R1", scores: { mIoU: 32.4, accuracy: 70.6 } },
      { model: "VideoChat-R1-thinking", scores: { mIoU: 36.1, accuracy: 69.2 } },
    ],
    caveat:
      "Their mIoU is of merged sets of segments, not NExT-GQA's own (mIoU@gqa here). The released script prints the last item's score instead of a mean; these are the paper's.",
  },
  {
    title: "Video-MME, short videos, without subtitles",
    name: /video[-_]?mme/i,
    task: "multiple-choice",
    examples: 900,
    category: { dimension: "duration", name: "short" },
    rows: [
      { model: "Qwen2.5-VL-7B", scores: { accuracy: 71.3 } },
      { model: "SFT on GOT-10k", scores: { accuracy: 59.2 } },
      { model: "SFT on NExT-GQA", scores: { accuracy: 60.1 } },
      { model: "VideoChat-R1", scores: { accuracy: 72.2 } },
      { model: "VideoChat-R1-thinking", scores: { accuracy: 74.2 } },
    ],
    caveat:
      "Through a modified lmms-eval with at most 256 frames. Here an answer that cannot be read is wrong; Video-MME's own script leaves it out of the count.",
  },
  {
    title: "MVBench",
    name: /mvbench/i,
    task: "multiple-choice",
    examples: 4000,
    meanOver: "task",
    rows: [
      { model: "Qwen2.5-VL-7B", scores: { accuracy: 66.9 } },
      { model: "SFT on GOT-10k", scores: { accuracy: 58.6 } },
      { model: "SFT on NExT-GQA", scores: { accuracy: 59.2 } },
      { model: "VideoChat-R1", scores: { accuracy: 67.9 } },
      { model: "VideoChat-R1-thinking", scores: { accuracy: 66.2 } },
    ],
    caveat: "Mean over the 20 tasks. Through a modified lmms-eval with at most 256 frames.",
  },
  {
    title: "Perception Test, multiple choice, val",
    name: /perception/i,
    task: "multiple-choice",
    examples: 19140,
    rows: [
      { model: "Qwen2.5-VL-7B", scores: { accuracy: 69.1 } },
      { model: "SFT on GOT-10k", scores: { accuracy: 58.5 } },
      { model: "SFT on NExT-GQA", scores: { accuracy: 60.7 } },
      { model: "VideoChat-R1", scores: { accuracy: 70.0 } },
      { model: "VideoChat-R1-thinking", scores: { accuracy: 69.6 } },
    ],
    caveat: "Through a modified lmms-eval with at most 256 frames.",
  },
  {
    title: "DREAM-1K",
    name: /dream/i,
    task: "captioning",
    examples: 1000,
    rows: [
      { model: "Qwen2.5-VL-7B", scores: { "event-f1": 30.6, "event-precision": 33.8, "event-recall": 27.9 } },
      { model: "SFT on FIBER-1k", scores: { "event-f1": 31.4, "event-precision": 32.6, "event-recall": 30.2 } },
      { model: "GRPO on FIBER-1k", scores: { "event-f1": 38.2, "event-precision": 45.4, "event-recall": 33.1 } },
    ],
    caveat:
      "Another judge gives other scores: AutoDQ's own is gpt-3.5-turbo-0125, with wording that differs from ours. Compare models under one judge.",
  },
];

/** Published figures beside our own of the same metrics; ours in percent, null where an evaluation lacks the metric. */
export interface PublishedComparison {
  readonly benchmark: PublishedBenchmark;
  readonly metrics: readonly string[];
  readonly ours: readonly Readonly<Record<string, number | null>>[];
}

/** The benchmark that a dataset is, with our scores on the same part of it; null for any other dataset, and for a part. */
export function publishedComparison(
  dataset: EvaluatedDataset,
  records: readonly EvaluationRecord[],
): PublishedComparison | null {
  const benchmark = publishedBenchmarks.find((candidate) => isBenchmark(candidate, dataset, records[0]));
  if (benchmark === undefined) return null;
  const metrics = [...new Set(benchmark.rows.flatMap(({ scores }) => Object.keys(scores)))];
  const ours = records.map((record) =>
    Object.fromEntries(metrics.map((metric) => [metric, percentOf(benchmark, record, `${dataset.id}/${metric}`)])),
  );
  return { benchmark, metrics, ours };
}

function isBenchmark(
  { name, task, examples, category }: PublishedBenchmark,
  dataset: EvaluatedDataset,
  record: EvaluationRecord | undefined,
): boolean {
  if (task !== dataset.task || ![dataset.id, dataset.format, dataset.path].some((text) => name.test(text)))
    return false;
  const count =
    category === undefined
      ? dataset.examples
      : countOf(groupingOf(record, dataset.id, category.dimension), category.name, dataset.id);
  return Math.abs(count - examples) <= 0.01 * examples;
}

function percentOf({ category, meanOver }: PublishedBenchmark, record: EvaluationRecord, key: string): number | null {
  const datasetId = key.slice(0, key.indexOf("/"));
  const scores =
    category !== undefined
      ? groupingOf(record, datasetId, category.dimension)?.categories.find(({ name }) => name === category.name)?.scores
      : meanOver !== undefined
        ? groupingOf(record, datasetId, meanOver)?.mean
        : record.scores;
  const score = scores?.[key];
  return score === undefined ? null : 100 * score.value;
}

function groupingOf(
  record: EvaluationRecord | undefined,
  datasetId: string,
  dimension: string,
): CategoryScores | undefined {
  return record?.categories?.find((one) => one.datasetId === datasetId && one.dimension === dimension);
}

function countOf(grouping: CategoryScores | undefined, name: string, datasetId: string): number {
  const scores = grouping?.categories.find((category) => category.name === name)?.scores;
  return scores?.[`${datasetId}/accuracy`]?.n ?? 0;
}

import { setImmediate as nextTurn } from "node:timers/promises";
import type { BaselineScores, Scores, ScoreValue } from "../../protocol/records.ts";
import type { ParsedAnswer, TaskId } from "../../protocol/tasks.ts";
import type { Example } from "../data/example.ts";
import type { WeightedValue } from "../metrics/bootstrap.ts";
import { bootstrapMean, bootstrapOfMeans, weightedMean } from "../metrics/bootstrap.ts";
import { mean, unbiasedStd } from "../metrics/statistics.ts";
import type { Baseline, MetricValues } from "../tasks/task.ts";
import { tasks } from "../tasks/tasks.ts";

/** An example with the answer to it; null when there is no completion (a failed rollout), which scores 0. */
export interface AnsweredExample {
  readonly example: Example;
  readonly answer: ParsedAnswer | null;
}

/** An example with the metric values of each of its samples; at least one. */
export interface ScoredExample {
  readonly example: Example;
  readonly samples: readonly MetricValues[];
}

export interface ScoringOptions {
  readonly resamples?: number;
  readonly seed?: number;
}

/** Metric values of one answer; a missing answer scores as an unparsed one. */
export function scoreAnswer(example: Example, answer: ParsedAnswer | null): MetricValues {
  return tasks[example.task].score(answer ?? { task: example.task, failures: ["no-answer-tag"] }, example);
}

/**
 * Scores with bootstrap 95 % intervals, by `<data id>/<metric>`. Means are over examples; pooled metrics (GOT-10k's) weigh
 * each sequence by its frames. Resampling draws whole examples. A dataset without examples has no scores. Between two
 * intervals the process is free: a run answers while it scores.
 */
export async function scoreAnswers(
  answered: readonly AnsweredExample[],
  options: ScoringOptions = {},
): Promise<Scores> {
  return collectScores(
    answered.map(({ example, answer }) => ({ example, samples: [scoreAnswer(example, answer)] })),
    options,
  );
}

/**
 * Scores of the trivial baselines of each dataset: baseline to scores. `training` are the examples that fitted baselines
 * may look at; those of the same task are used, and never the scored ones. A baseline that applies to no example of a
 * dataset is left out; where it applies to some, the others score 0.
 */
export async function scoreBaselines(
  examples: readonly Example[],
  training: readonly Example[] = [],
  options: ScoringOptions = {},
): Promise<BaselineScores> {
  const collected: Record<string, Record<string, ScoreValue>> = {};
  for (const group of byDataset(examples)) {
    const task = group[0]?.task;
    if (task === undefined) continue;
    for (const [name, valuesOf] of Object.entries(baselinesOf(task, training))) {
      const values = group.map((example) => ({ example, values: valuesOf(example) }));
      if (values.every((v) => v.values === null)) continue;
      const scored = values.map((v) => ({ example: v.example, samples: [v.values ?? scoreAnswer(v.example, null)] }));
      collected[name] = { ...collected[name], ...(await collectScores(scored, options)) };
    }
  }
  return collected;
}

/** The baseline with the highest value of a metric, `<data id>/<metric>`; null when none has it. The first of equals. */
export function bestBaseline(baselines: BaselineScores, metricKey: string): { name: string; score: ScoreValue } | null {
  let best: { name: string; score: ScoreValue } | null = null;
  for (const [name, scores] of Object.entries(baselines)) {
    const score = scores[metricKey];
    if (score !== undefined && (best === null || score.value > best.score.value)) best = { name, score };
  }
  return best;
}

/** Mean of each metric over the samples of one example. */
export function meanOfSamples(samples: readonly MetricValues[]): MetricValues {
  const [first = {}] = samples;
  return Object.fromEntries(Object.keys(first).map((metric) => [metric, mean(samples.map((s) => s[metric] ?? 0))]));
}

/** A metric's values with their weights, by `<data id>/<metric>`; an example with several samples counts once. */
export function scoreColumns(scored: readonly ScoredExample[]): Map<string, WeightedValue[]> {
  const columns = new Map<string, WeightedValue[]>();
  for (const { example, samples } of scored) {
    for (const [metric, value] of Object.entries(meanOfSamples(samples))) {
      const key = `${example.datasetId}/${metric}`;
      const column = columns.get(key) ?? [];
      column.push({ value, weight: weightOf(metric, example) });
      columns.set(key, column);
    }
  }
  return columns;
}

/** As scoreAnswers, from metric values; with the spread of the samples where an example has several. */
export async function collectScores(
  scored: readonly ScoredExample[],
  options: ScoringOptions = {},
): Promise<Record<string, ScoreValue>> {
  const spreads = sampleStds(scored);
  const scores: Record<string, ScoreValue> = {};
  for (const [key, column] of scoreColumns(scored)) {
    await nextTurn();
    const sampleStd = spreads.get(key);
    scores[key] = { ...bootstrapMean(column, options), ...(sampleStd === undefined ? {} : { sampleStd }) };
  }
  return { ...scores, ...(await combinedScores([scored], options)) };
}

/** Scores that combine means of metrics; over several groups of examples, the means of the groups' means. */
export async function combinedScores(
  groups: readonly (readonly ScoredExample[])[],
  options: ScoringOptions,
): Promise<Record<string, ScoreValue>> {
  const columns = groups.map(scoreColumns);
  const taskOf = new Map(groups.flat().map(({ example }) => [example.datasetId, example.task]));
  const scores: Record<string, ScoreValue> = {};
  for (const [datasetId, task] of taskOf) {
    for (const [name, { of, combine }] of Object.entries(tasks[task].combinedScores ?? {})) {
      const perGroup = columns.map((known) => of.map((metric) => known.get(`${datasetId}/${metric}`) ?? []));
      if (perGroup.every((group) => group.some((column) => column.length === 0))) continue;
      await nextTurn();
      scores[`${datasetId}/${name}`] = bootstrapOfMeans(perGroup, combine, options);
    }
  }
  return scores;
}

/** Unbiased standard deviation of a score over the first, second, … samples of all its examples. */
function sampleStds(scored: readonly ScoredExample[]): Map<string, number> {
  const count = Math.max(0, ...scored.map(({ samples }) => samples.length));
  if (count < 2) return new Map();
  const runs = Array.from({ length: count }, (_, k) =>
    // An example with fewer samples (a video that failed) says the same in each.
    scoreColumns(scored.map(({ example, samples }) => ({ example, samples: [samples[k] ?? samples[0] ?? {}] }))),
  );
  const keys = [...(runs[0]?.keys() ?? [])];
  return new Map(keys.map((key) => [key, unbiasedStd(runs.map((columns) => weightedMean(columns.get(key) ?? [])))]));
}

function weightOf(metric: string, example: Example): number {
  return tasks[example.task].metricWeight?.(metric, example) ?? 1;
}

function baselinesOf(
  task: TaskId,
  training: readonly Example[],
): Record<string, (example: Example) => MetricValues | null> {
  const { baselines, fitBaselines, expectedBaselines } = tasks[task];
  const fitted = fitBaselines?.(training.filter((example) => example.task === task)) ?? {};
  const answering = Object.entries({ ...baselines, ...fitted }).map(
    ([name, baseline]) => [name, (example: Example) => valuesOfBaseline(baseline, example)] as const,
  );
  return { ...Object.fromEntries(answering), ...expectedBaselines };
}

function valuesOfBaseline(baseline: Baseline, example: Example): MetricValues | null {
  const answer = baseline(example);
  return answer === null ? null : scoreAnswer(example, answer);
}

function byDataset(examples: readonly Example[]): Example[][] {
  const groups = new Map<string, Example[]>();
  for (const example of examples) {
    const group = groups.get(example.datasetId) ?? [];
    group.push(example);
    groups.set(example.datasetId, group);
  }
  return [...groups.values()];
}

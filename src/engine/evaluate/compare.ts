import { setImmediate as nextTurn } from "node:timers/promises";
import { UserError } from "../../protocol/errors.ts";
import type { EvaluatedExample, EvaluationRecord } from "../../protocol/records.ts";
import type { Example } from "../data/example.ts";
import {
  mcNemar,
  pairedDifference,
  type McNemar,
  type PairedTestOptions,
  type PairedDifference,
  type PairedValue,
} from "../metrics/pairedTests.ts";
import { tasks } from "../tasks/tasks.ts";
import { settingDifferences, type SettingDifference } from "./settings.ts";

/** Two evaluations of the same questions. */
export interface EvaluationComparison {
  /** What differs beside the policy itself: each may be the reason for a difference of scores. */
  readonly settings: readonly SettingDifference[];
  readonly metrics: readonly MetricComparison[];
  /** By the first metric of their task, the largest change first; only what changed. */
  readonly changed: readonly ChangedExample[];
  /** Examples that only one of the two has; they are in no number here. */
  readonly onlyBefore: number;
  readonly onlyAfter: number;
  /** Pairs of which one side has no answer at all, which scores as an unparsed one. */
  readonly unansweredBefore: number;
  readonly unansweredAfter: number;
}

export interface MetricComparison {
  /** "<data id>/<metric>" */
  readonly key: string;
  /** Means over the pairs. */
  readonly before: number;
  readonly after: number;
  readonly paired: PairedDifference;
  /** Where every value is right or wrong. */
  readonly mcNemar: McNemar | null;
}

export interface ChangedExample {
  readonly metric: string;
  readonly before: EvaluatedExample;
  readonly after: EvaluatedExample;
  readonly change: number;
}

/** Settings that are the very thing that is compared, or follow from it. */
const ofPolicy = /^(policy\b|checkpoint$|policyHash$|predictions|missing$|seen\b)/;

/**
 * Pairs two evaluations by example and tests the difference of each metric. Throws UserError "bad-data" when they have no
 * example in common, or when what is right differs: then there is nothing to compare.
 */
export async function compareEvaluations(
  before: EvaluationRecord,
  after: EvaluationRecord,
  options: PairedTestOptions = {},
): Promise<EvaluationComparison> {
  const rightNow = new Map(after.examples.map((example) => [keyOf(example), example]));
  const pairs = before.examples.flatMap((one): Pair[] => {
    const other = rightNow.get(keyOf(one));
    return other === undefined ? [] : [{ before: one, after: other }];
  });
  checkPairs(pairs);
  const metrics: MetricComparison[] = [];
  for (const [key, values] of valuesByMetric(pairs)) {
    await nextTurn();
    metrics.push(compareMetric(key, values, options));
  }
  return {
    settings: settingDifferences(before.settings, after.settings).filter(({ path }) => !ofPolicy.test(path)),
    metrics,
    changed: changedExamples(pairs),
    onlyBefore: before.examples.length - pairs.length,
    onlyAfter: after.examples.length - pairs.length,
    unansweredBefore: pairs.filter((pair) => pair.before.parsed === null).length,
    unansweredAfter: pairs.filter((pair) => pair.after.parsed === null).length,
  };
}

/** The metric that stands for an example: the first of its task. */
export function mainMetric({ metrics }: EvaluatedExample): string | null {
  return Object.keys(metrics)[0] ?? null;
}

interface Pair {
  readonly before: EvaluatedExample;
  readonly after: EvaluatedExample;
}

function checkPairs(pairs: readonly Pair[]): void {
  if (pairs.length === 0) {
    throw new UserError({
      code: "bad-data",
      message: "the two evaluations have no example in common",
      hint: "Compare evaluations of the same datasets; examples are paired by dataset and id.",
    });
  }
  const differing = pairs.filter(({ before, after }) => !isSameTruth(before, after));
  const [first] = differing;
  if (first === undefined) return;
  throw new UserError({
    code: "bad-data",
    message: `what is right differs for ${differing.length} of ${pairs.length} examples, e.g. ${keyOf(first.before)}`,
    hint: "Evaluate both on the same annotation file.",
  });
}

/** Older records do not say what was right. */
function isSameTruth(before: EvaluatedExample, after: EvaluatedExample): boolean {
  const [left, right] = [before.asked?.truth, after.asked?.truth];
  return left === undefined || right === undefined || JSON.stringify(left) === JSON.stringify(right);
}

function valuesByMetric(pairs: readonly Pair[]): Map<string, PairedValue[]> {
  const columns = new Map<string, PairedValue[]>();
  for (const { before, after } of pairs) {
    for (const [metric, value] of Object.entries(before.metrics)) {
      const other = after.metrics[metric];
      if (other === undefined) continue;
      const key = `${before.datasetId}/${metric}`;
      const column = columns.get(key) ?? [];
      columns.set(key, column);
      column.push({ before: value, after: other, weight: weightOf(metric, before) });
    }
  }
  return columns;
}

function weightOf(metric: string, evaluated: EvaluatedExample): number {
  const example = askedExample(evaluated);
  return example === null ? 1 : (tasks[example.task].metricWeight?.(metric, example) ?? 1);
}

/** The example behind an answer; null in older records. */
export function askedExample({ datasetId, exampleId, asked }: EvaluatedExample): Example | null {
  return asked === undefined ? null : { ...asked, datasetId, id: exampleId, row: null };
}

function compareMetric(key: string, values: readonly PairedValue[], options: PairedTestOptions): MetricComparison {
  const isBinary = values.every(({ before, after }) => isZeroOrOne(before) && isZeroOrOne(after));
  return {
    key,
    before: meanOf(values, "before"),
    after: meanOf(values, "after"),
    paired: pairedDifference(values, options),
    mcNemar: isBinary ? mcNemar(values) : null,
  };
}

function changedExamples(pairs: readonly Pair[]): ChangedExample[] {
  return pairs
    .flatMap(({ before, after }): ChangedExample[] => {
      const metric = mainMetric(before);
      if (metric === null) return [];
      const change = (after.metrics[metric] ?? 0) - (before.metrics[metric] ?? 0);
      return Math.abs(change) < 1e-12 ? [] : [{ metric, before, after, change }];
    })
    .sort((a, b) => Math.abs(b.change) - Math.abs(a.change) || compareText(keyOf(a.before), keyOf(b.before)));
}

function meanOf(values: readonly PairedValue[], side: "before" | "after"): number {
  const weight = values.reduce((sum, one) => sum + one.weight, 0);
  return weight === 0 ? 0 : values.reduce((sum, one) => sum + one[side] * one.weight, 0) / weight;
}

function isZeroOrOne(value: number): boolean {
  return value === 0 || value === 1;
}

function keyOf({ datasetId, exampleId }: EvaluatedExample): string {
  return `${datasetId}/${exampleId}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

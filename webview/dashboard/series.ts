import type { DashboardRun } from "../../src/protocol/dashboard.ts";
import type { ChartSpec } from "./chartTable.ts";

/** A point of a run: null is a step without this value, a gap; undefined is a step that the run does not have. */
export type Point = number | null | undefined;

/** One quantity of several runs over their common steps. */
export interface ChartData {
  /** Steps of all runs, ascending. */
  readonly steps: readonly number[];
  readonly runs: readonly RunSeries[];
}

export interface RunSeries {
  readonly values: readonly Point[];
  /** Ends of the 95 % interval, for scores. */
  readonly low: readonly Point[] | null;
  readonly high: readonly Point[] | null;
}

/** Brings the runs of a chart to the same steps. */
export function chartData(spec: ChartSpec, runs: readonly DashboardRun[]): ChartData {
  const own = runs.map((run) => seriesOf(spec, run));
  const steps = [...new Set(own.flatMap((points) => [...points.keys()]))].sort((a, b) => a - b);
  const at = (points: ReadonlyMap<number, RunPoint>, pick: (point: RunPoint) => number | null): Point[] =>
    steps.map((step) => {
      const point = points.get(step);
      return point === undefined ? undefined : pick(point);
    });
  const isScore = spec.source === "score";
  return {
    steps,
    runs: own.map((points) => ({
      values: at(points, ({ value }) => value),
      low: isScore ? at(points, ({ low }) => low) : null,
      high: isScore ? at(points, ({ high }) => high) : null,
    })),
  };
}

interface RunPoint {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** A run that does not have the quantity at all has no steps in its chart. */
function seriesOf({ source, key }: ChartSpec, { curves, evaluations }: DashboardRun): ReadonlyMap<number, RunPoint> {
  if (source === "curve") {
    const column = curves.columns[key];
    if (column === undefined) return new Map();
    return new Map(curves.steps.map((step, i) => [step, { value: column[i] ?? null, low: null, high: null }]));
  }
  return new Map(
    evaluations.flatMap(({ step, scores }) => {
      const score = scores[key];
      return score === undefined ? [] : [[step, { value: score.value, low: score.low, high: score.high }]];
    }),
  );
}

/**
 * Exponential moving average: `weight` of what came before, corrected for its start (as Adam's moments are), so that the
 * first value is the curve's own. Gaps stay gaps and weigh nothing.
 */
export function smooth(values: readonly Point[], weight: number): readonly Point[] {
  if (weight === 0) return values;
  let [sum, mass] = [0, 0];
  return values.map((value) => {
    if (value === null || value === undefined) return value;
    sum = weight * sum + (1 - weight) * value;
    mass = weight * mass + (1 - weight);
    return sum / mass;
  });
}

/** A logarithmic axis has no place for values of 0 and less: they become gaps. */
export function positiveOnly(values: readonly Point[]): readonly Point[] {
  return values.map((value) => (typeof value === "number" && value <= 0 ? null : value));
}

export function hasPositive({ runs }: ChartData): boolean {
  return runs.some(({ values }) => values.some((value) => typeof value === "number" && value > 0));
}

/** How many values a logarithmic axis leaves out. */
export function countNotPositive({ runs }: ChartData): number {
  const count = (values: readonly Point[]): number =>
    values.filter((value) => typeof value === "number" && value <= 0).length;
  return runs.reduce((sum, { values }) => sum + count(values), 0);
}

/** Value at a step, or the last one that is known when no step is asked for. */
export function valueAt(
  { steps, runs }: ChartData,
  run: number,
  step: number | null,
): { step: number; value: number } | null {
  const values = runs[run]?.values ?? [];
  const index = step === null ? values.findLastIndex((value) => typeof value === "number") : steps.indexOf(step);
  const [known, value] = [steps[index], values[index]];
  return known === undefined || typeof value !== "number" ? null : { step: known, value };
}

/** The step of the chart that is nearest to one of another chart. */
export function nearestStep(steps: readonly number[], step: number): number | undefined {
  let nearest: number | undefined;
  for (const known of steps) {
    if (nearest === undefined || Math.abs(known - step) < Math.abs(nearest - step)) nearest = known;
  }
  return nearest;
}

/** Indices of at most `count` of `total` rows: the first, the last, and even distances between them. */
export function evenly(total: number, count: number): number[] {
  if (total <= count) return Array.from({ length: total }, (_, i) => i);
  return Array.from({ length: count }, (_, i) => Math.round((i * (total - 1)) / (count - 1)));
}

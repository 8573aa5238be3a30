import type { Curves } from "../../protocol/dashboard.ts";
import type { MetricsRecord, TimingsRecord } from "../../protocol/records.ts";

/** Fields of a line of timings that are curves. */
const timingFields = [
  "stepSec",
  "decodeSec",
  "sampleSec",
  "rewardSec",
  "updateSec",
  "tokensPerSec",
  "rssBytes",
  "gpuBytes",
] as const satisfies readonly (keyof TimingsRecord)[];

/** Metrics and timings of a run by column. A step that was written over counts as it was written last. */
export function curvesOf(metrics: readonly MetricsRecord[], timings: readonly TimingsRecord[]): Curves {
  const byStep = new Map<number, Record<string, number>>();
  const valuesOf = (step: number): Record<string, number> => {
    const known = byStep.get(step) ?? {};
    byStep.set(step, known);
    return known;
  };
  for (const { step, metrics: values } of metrics) Object.assign(valuesOf(step), values);
  for (const timing of timings) {
    const values = valuesOf(timing.step);
    for (const field of timingFields) {
      const value = timing[field];
      if (typeof value === "number") values[`timings/${field}`] = value;
    }
  }
  const steps = [...byStep.keys()].sort((a, b) => a - b);
  const keys = new Set([...byStep.values()].flatMap((values) => Object.keys(values)));
  const columns: Record<string, (number | null)[]> = {};
  for (const key of [...keys].sort()) columns[key] = steps.map((step) => finiteOrNull(byStep.get(step)?.[key]));
  return { steps, columns };
}

/** The step whose rollouts are nearest: the last one at or before it, else the first. */
export function rolloutStepNear(rolloutSteps: readonly number[], step: number): number | undefined {
  return rolloutSteps.findLast((known) => known <= step) ?? rolloutSteps[0];
}

function finiteOrNull(value: number | undefined): number | null {
  return value !== undefined && Number.isFinite(value) ? value : null;
}

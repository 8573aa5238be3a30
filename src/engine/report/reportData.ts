import path from "node:path";
import type { EvaluatedExample, EvaluationRecord } from "../../protocol/records.ts";
import { mainMetric, type ChangedExample, type EvaluationComparison } from "../evaluate/compare.ts";

/** An evaluation as it stands in a report. */
export interface ReportedEvaluation {
  readonly label: string;
  readonly file: string;
  readonly record: EvaluationRecord;
}

/** What a report is made of. The first evaluation is the one that the last is compared with. */
export interface ReportData {
  readonly evaluations: readonly ReportedEvaluation[];
  readonly comparison: EvaluationComparison | null;
  readonly versions: { readonly videoRft: string };
}

/** An example that is shown, with the answer of each evaluation that has it. */
export interface ShownExample {
  readonly datasetId: string;
  readonly exampleId: string;
  readonly metric: string;
  readonly answers: readonly (EvaluatedExample | null)[];
}

/** Names that tell files apart: their folder, a run's step, the kind of prompts. */
export function labelsOf(files: readonly { readonly file: string; readonly step: number }[]): string[] {
  const labels = files.map(({ file, step }) => {
    const folder = path.basename(path.dirname(file));
    const name = path.basename(file, ".json");
    if (/^step-\d+$/.test(name)) return `${path.basename(path.dirname(path.dirname(file)))}, step ${step}`;
    const variant = /^evaluation\.(.+)$/.exec(name)?.[1];
    if (variant !== undefined) return `${folder}, ${variant}`;
    return name === "evaluation" ? folder : name;
  });
  return labels.map((label, i) => {
    const earlier = labels.slice(0, i).filter((other) => other === label).length;
    return earlier === 0 ? label : `${label} (${earlier + 1})`;
  });
}

/** The largest changes of each dataset, as many up as down where there are, in the order of their size. */
export function changedExamples({ evaluations, comparison }: ReportData, each: number): ShownExample[] {
  const shown = comparison === null ? [] : everyDataset(evaluations).flatMap((id) => pickChanged(comparison, id, each));
  return shown.map(({ before, metric }) => shownExample(evaluations, before, metric));
}

/** The lowest scores of each dataset in the last evaluation; of equals those with an answer that could be read come first. */
export function worstExamples(
  { evaluations }: ReportData,
  each: number,
  leftOut: readonly ShownExample[],
): ShownExample[] {
  const last = evaluations.at(-1);
  if (last === undefined) return [];
  const taken = new Set(leftOut.map(keyOf));
  return everyDataset([last]).flatMap((id) => {
    const rows = last.record.examples.filter((one) => one.datasetId === id && !taken.has(keyOf(one)));
    const ranked = rows.flatMap((example, position) => {
      const metric = mainMetric(example);
      if (metric === null) return [];
      const isReadable = example.parsed !== null && example.parsed.failures.length === 0;
      return [{ example, metric, value: example.metrics[metric] ?? 0, isReadable, position }];
    });
    ranked.sort((a, b) => a.value - b.value || Number(b.isReadable) - Number(a.isReadable) || a.position - b.position);
    return ranked
      .filter(({ value }) => value < 1)
      .slice(0, each)
      .map(({ example, metric }) => shownExample(evaluations, example, metric));
  });
}

function pickChanged(comparison: EvaluationComparison, datasetId: string, each: number): ChangedExample[] {
  const changed = comparison.changed.filter(({ before }) => before.datasetId === datasetId);
  const lost = changed.filter(({ change }) => change < 0);
  const gained = changed.filter(({ change }) => change > 0);
  const half = Math.ceil(each / 2);
  const some = [
    ...lost.slice(0, Math.max(half, each - gained.length)),
    ...gained.slice(0, Math.max(half, each - lost.length)),
  ];
  return some.sort((a, b) => Math.abs(b.change) - Math.abs(a.change)).slice(0, each);
}

function shownExample(
  evaluations: readonly ReportedEvaluation[],
  example: EvaluatedExample,
  metric: string,
): ShownExample {
  const { datasetId, exampleId } = example;
  const answers = evaluations.map(({ record }) => record.examples.find((one) => keyOf(one) === keyOf(example)) ?? null);
  return { datasetId, exampleId, metric, answers };
}

function everyDataset(evaluations: readonly ReportedEvaluation[]): string[] {
  return [...new Set(evaluations.flatMap(({ record }) => record.examples.map(({ datasetId }) => datasetId)))];
}

function keyOf({ datasetId, exampleId }: { readonly datasetId: string; readonly exampleId: string }): string {
  return JSON.stringify([datasetId, exampleId]);
}

import type { CategoryScores, EvaluatedDataset, EvaluationRecord, Scores } from "../../protocol/records.ts";
import type { NamedEvaluation } from "./evaluate.ts";
import { formatScoreTable, nestBaselines, nestScores } from "./results.ts";
import { formatScore, formatTable } from "./text.ts";

/** Scores beside the trivial baselines, by category, and how the answers went. */
export function formatEvaluation({ scores, baselines, datasets = [], categories = [] }: EvaluationRecord): string {
  return [
    formatScoreTable([{ title: "score", scores }], baselines),
    ...formatSpread(scores),
    ...categories.map(formatCategories),
    formatDatasets(datasets),
  ].join("\n\n");
}

/** What `--json` gives; with two kinds of prompts a list. */
export function evaluationDocument(evaluations: readonly NamedEvaluation[]): unknown {
  const documents = evaluations.map(({ name, record }) => {
    const { scores, baselines, settings, datasets, categories } = record;
    return {
      ...(evaluations.length > 1 ? { prompts: name } : {}),
      scores: nestScores(scores),
      baselines: nestBaselines(baselines),
      datasets,
      categories,
      settings,
    };
  });
  return documents.length === 1 ? documents[0] : documents;
}

function formatSpread(scores: Scores): string[] {
  const rows = Object.entries(scores).flatMap(([key, { value, sampleStd }]) =>
    sampleStd === undefined ? [] : [[key, value.toFixed(3), `± ${sampleStd.toFixed(3)}`]],
  );
  return rows.length === 0
    ? []
    : [`Over the samples of each question, mean and standard deviation:\n${formatTable(rows)}`];
}

function formatCategories({ datasetId, dimension, categories, mean }: CategoryScores): string {
  const metrics = Object.keys(mean).map((key) => key.slice(datasetId.length + 1));
  const rowOf = (name: string, scores: Scores): string[] => {
    const n = Object.values(scores)[0]?.n ?? 0;
    const cells = metrics.map((metric) => {
      const score = scores[`${datasetId}/${metric}`];
      return score === undefined ? "-" : formatScore(score);
    });
    return [name, String(n), ...cells];
  };
  const rows = categories.map(({ name, scores }) => rowOf(name, scores));
  return formatTable([[`${datasetId} by ${dimension}`, "n", ...metrics], ...rows, rowOf("mean of these", mean)]);
}

function formatDatasets(datasets: readonly EvaluatedDataset[]): string {
  const rows = datasets.map(({ id, examples, rowsLeftOut, unparsedShare, failed }) => [
    id,
    String(examples),
    String(rowsLeftOut),
    `${(100 * unparsedShare).toFixed(1)} %`,
    String(failed),
  ]);
  return formatTable([["", "examples", "rows left out", "unparsed answers", "without an answer"], ...rows]);
}

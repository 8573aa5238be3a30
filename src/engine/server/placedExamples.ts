import path from "node:path";
import type { PlacedExample } from "../../protocol/dataMessages.ts";
import type { EvaluationRecord } from "../../protocol/records.ts";
import type { JsonPath } from "../data/example.ts";
import { readDataset } from "../data/readDataset.ts";
import { readEvaluations, readRunRecord } from "../store/readRun.ts";
import { JsonFile } from "./jsonFile.ts";

/**
 * Where the examples of a run's datasets stand in an annotation file, and what they scored.
 * Throws UserError bad-data when the file cannot be read.
 */
export async function findPlacedExamples(runDir: string, file: string): Promise<PlacedExample[]> {
  const { spec, baseDir } = await readRunRecord(runDir);
  const isMeant = (dataset: { readonly path: string }): boolean => path.resolve(baseDir, dataset.path) === file;
  const specs = [...spec.data, ...spec.evaluate.data].filter(isMeant);
  if (specs.length === 0) return [];
  const json = new JsonFile(file);
  const evaluations = await readEvaluations(runDir);
  const found = new Map<string, PlacedExample>();
  for (const one of specs) {
    const { id, places } = await readDataset(one, baseDir);
    const scores = scoresOf(evaluations, id);
    for (const [example, place] of places) {
      const line = json.range(rowPath(place)).startLine;
      found.set(JSON.stringify([id, example]), { dataset: id, example, line, evaluated: scores.get(example) ?? [] });
    }
  }
  return [...found.values()];
}

/** The row that a value is in: an element of the file's list, or what the file holds by name and position. */
function rowPath(place: JsonPath): JsonPath {
  return typeof place[0] === "number" ? place.slice(0, 1) : place;
}

function scoresOf(
  evaluations: readonly EvaluationRecord[],
  dataset: string,
): ReadonlyMap<string, PlacedExample["evaluated"]> {
  const scores = new Map<string, { step: number; metrics: Readonly<Record<string, number>> }[]>();
  for (const { step, examples } of evaluations) {
    for (const { datasetId, exampleId, metrics } of examples) {
      if (datasetId !== dataset) continue;
      scores.set(exampleId, [...(scores.get(exampleId) ?? []), { step, metrics }]);
    }
  }
  return scores;
}

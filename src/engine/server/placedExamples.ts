import path from "node:path";
import type { PlacedExample } from "../../protocol/dataMessages.ts";
import type { EvaluationRecord } from "../../protocol/records.ts";
import type { JsonPath } from "../data/example.ts";
import { readDataset } from "../data/readDataset.ts";
import { readEvaluations, readRunRecord } from "../store/readRun.ts";
import { AnnotationPlaces } from "./annotationPlaces.ts";

/**
 * Where the examples of a run's datasets stand in an annotation file, and what they scored.
 * Throws UserError bad-data when the file cannot be read.
 */
export async function findPlacedExamples(runDir: string, file: string): Promise<PlacedExample[]> {
  const { spec, baseDir } = await readRunRecord(runDir);
  // The file is the dataset's, or one of its folder's.
  const isMeant = (dataset: { readonly path: string }): boolean =>
    file === path.resolve(baseDir, dataset.path) || file.startsWith(path.resolve(baseDir, dataset.path) + path.sep);
  const specs = [...spec.data, ...spec.evaluate.data].filter(isMeant);
  if (specs.length === 0) return [];
  const annotations = new AnnotationPlaces();
  const evaluations = await readEvaluations(runDir);
  const found = new Map<string, PlacedExample>();
  for (const one of specs) {
    const { id, places } = await readDataset(one, baseDir);
    const scores = scoresOf(evaluations, id);
    for (const [example, place] of places) {
      const located = annotations.locate(path.resolve(baseDir, one.path), rowPath(place));
      if (located?.file !== file) continue;
      const line = located.range.startLine;
      found.set(JSON.stringify([id, example]), { dataset: id, example, line, evaluated: scores.get(example) ?? [] });
    }
  }
  return [...found.values()];
}

/** The row that a value is in: an element of a list, or a line; else what the file holds by name and position. */
function rowPath(place: JsonPath): JsonPath {
  if (typeof place[0] === "number") return place.slice(0, 1);
  // In a folder, the name of the file comes first.
  return place[0]?.endsWith(".json") === true ? place.slice(0, 2) : place;
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

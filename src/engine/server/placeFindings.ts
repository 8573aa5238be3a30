import path from "node:path";
import type { Diagnostic, DiagnosticPlace } from "../../protocol/diagnostics.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import { datasetPath, type LintFinding } from "../lint/finding.ts";
import { functionRange } from "../lint/rewardFunctions.ts";
import { AnnotationPlaces } from "./annotationPlaces.ts";
import { readText } from "./jsonFile.ts";

/**
 * Gives findings their places: lines of annotation and reward files, which are read when they are needed. What has no line
 * (Parquet) stands at the dataset in the specification.
 */
export function placeFindings(findings: readonly LintFinding[], spec: RunSpec, baseDir: string): Diagnostic[] {
  const places = new AnnotationPlaces();
  const placeOf = ({ place, usedFor, dataset }: LintFinding): DiagnosticPlace => {
    if (place.kind === "spec") return place;
    if (place.kind === "function") {
      const file = path.resolve(baseDir, place.file);
      return { kind: "file", file, range: functionRange(readText(file), file, place.function) };
    }
    const list = usedFor === "evaluation" ? spec.evaluate.data : spec.data;
    const named = list.find(({ id }) => id === dataset);
    if (named === undefined) throw new Error(`internal: the specification has no dataset ${dataset}`);
    const found = places.locate(path.resolve(baseDir, named.path), place.path);
    if (found === null) return { kind: "spec", path: [...datasetPath(usedFor ?? "training", named.id), "path"] };
    return { kind: "file", ...found };
  };
  return findings.map((finding) => {
    const { code, severity, message, fixes, basis } = finding;
    return { code, severity, message, place: placeOf(finding), fixes, basis };
  });
}

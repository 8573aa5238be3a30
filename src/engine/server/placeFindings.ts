import path from "node:path";
import type { Diagnostic, DiagnosticPlace } from "../../protocol/diagnostics.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { LintFinding } from "../lint/finding.ts";
import { functionRange } from "../lint/rewardFunctions.ts";
import { JsonFile, readText } from "./jsonFile.ts";

/** Gives findings their places: lines of annotation and reward files, which are read when they are needed. */
export function placeFindings(findings: readonly LintFinding[], spec: RunSpec, baseDir: string): Diagnostic[] {
  const files = new Map<string, JsonFile>();
  const openJson = (file: string): JsonFile => {
    const known = files.get(file) ?? new JsonFile(file);
    files.set(file, known);
    return known;
  };
  const placeOf = ({ place, usedFor, dataset }: LintFinding): DiagnosticPlace => {
    if (place.kind === "spec") return place;
    if (place.kind === "function") {
      const file = path.resolve(baseDir, place.file);
      return { kind: "file", file, range: functionRange(readText(file), file, place.function) };
    }
    const list = usedFor === "evaluation" ? spec.evaluate.data : spec.data;
    const named = list.find(({ id }) => id === dataset);
    if (named === undefined) throw new Error(`internal: the specification has no dataset ${dataset}`);
    const file = path.resolve(baseDir, named.path);
    return { kind: "file", file, range: openJson(file).range(place.path) };
  };
  return findings.map((finding) => {
    const { code, severity, message, fixes, basis } = finding;
    return { code, severity, message, place: placeOf(finding), fixes, basis };
  });
}

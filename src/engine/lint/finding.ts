import type { DiagnosticCode, DiagnosticSeverity, SpecBasis, SpecFix, SpecPath } from "../../protocol/diagnostics.ts";
import type { JsonPath } from "../data/example.ts";

export type DataUse = "training" | "evaluation";

/** Where a finding belongs. Lines are looked up by whoever shows it: this room opens no file. */
export type LintPlace =
  | { readonly kind: "spec"; readonly path: SpecPath }
  /** A value of the annotation file of `dataset`. */
  | { readonly kind: "row"; readonly path: JsonPath }
  /** A function of a reward file, which is named as the specification names it. */
  | { readonly kind: "function"; readonly file: string; readonly function: string };

/** Something that the linter found in a specification, in data or in a run. */
export interface LintFinding {
  readonly code: DiagnosticCode;
  readonly severity: DiagnosticSeverity;
  /** Which of the two data lists of the specification; null for findings about something else, like the next two. */
  readonly usedFor: DataUse | null;
  readonly dataset: string | null;
  readonly example: string | null;
  readonly message: string;
  readonly place: LintPlace;
  readonly fixes: readonly SpecFix[];
  readonly basis: readonly SpecBasis[];
}

/** A finding about the specification, or about what a run made of it. */
export function specFinding(
  about: Pick<LintFinding, "code" | "severity" | "message"> & {
    readonly path: SpecPath;
    readonly fixes?: readonly SpecFix[];
    readonly basis?: readonly SpecBasis[];
  },
): LintFinding {
  const { path, fixes = [], basis = [], ...rest } = about;
  return { ...rest, usedFor: null, dataset: null, example: null, place: { kind: "spec", path }, fixes, basis };
}

/** Path of a dataset in the specification. */
export function datasetPath(usedFor: DataUse, id: string): SpecPath {
  return usedFor === "training" ? ["data", { named: id }] : ["evaluate", "data", { named: id }];
}

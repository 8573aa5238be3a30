import path from "node:path";
import { getNodeValue, parseTree } from "jsonc-parser";
import { valueAt, type Diagnostic } from "../../protocol/diagnostics.ts";
import { validateSpec } from "../../protocol/spec.ts";
import type { TrackedRun } from "../runs/runView.ts";
import { placeOnSpec } from "../spec/specProblems.ts";
import type { FindingsByFile, PlacedFinding } from "./findings.ts";

/**
 * Findings of the engine at their places: in the text of the specification as it is now, or in the file that they name. Those of a
 * run that the specification has been mended for are left out.
 */
export function placeFindings(specPath: string, specText: string, diagnostics: readonly Diagnostic[]): FindingsByFile {
  const current = diagnostics.filter((diagnostic) => !isMended(diagnostic, specText));
  const found = new Map<string, PlacedFinding[]>();
  const add = (file: string, { code, severity, message, fixes }: Diagnostic, range: PlacedFinding["range"]): void => {
    const finding = { code, severity, message, fixes, range, specPath };
    const known = found.get(file);
    if (known === undefined) found.set(file, [finding]);
    else known.push(finding);
  };
  const ofSpec = current.flatMap((diagnostic) =>
    diagnostic.place.kind === "spec" ? [{ path: diagnostic.place.path, diagnostic }] : [],
  );
  for (const { finding, range } of placeOnSpec(specText, ofSpec)) add(specPath, finding.diagnostic, range);
  for (const diagnostic of current) {
    if (diagnostic.place.kind === "file") add(diagnostic.place.file, diagnostic, diagnostic.place.range);
  }
  return found;
}

/** Whether the specification says otherwise by now than what the finding rests on. A text that is no specification says nothing. */
function isMended({ basis }: Diagnostic, specText: string): boolean {
  if (basis.length === 0) return false;
  const checked = validateSpec(jsonOf(specText));
  if (!checked.ok) return false;
  return basis.some(({ path: keys, value }) => JSON.stringify(valueAt(checked.spec, keys)) !== JSON.stringify(value));
}

/** Annotation files that a specification names, absolute. */
export function annotationFiles(specPath: string, specText: string): string[] {
  const json = jsonOf(specText);
  const lists = [valueAt(json, ["data"]), valueAt(json, ["evaluate", "data"])];
  const paths = lists.flatMap((list) =>
    Array.isArray(list) ? list.map((row: unknown) => valueAt(row, ["path"])) : [],
  );
  const named = paths.filter((file) => typeof file === "string" && file !== "");
  return [...new Set(named.map((file) => path.resolve(path.dirname(specPath), String(file))))];
}

/**
 * The run whose findings stand in each specification: the one on the screen if it is of it, else its newest. Specifications that are
 * not open have none, but that of the run on the screen.
 */
export function runsToShow(
  runs: readonly TrackedRun[],
  openSpecs: readonly string[],
  runOnScreen: string | undefined,
): ReadonlyMap<string, TrackedRun> {
  const shown = new Map<string, TrackedRun>();
  for (const specPath of openSpecs) {
    const newest = runs.find(({ summary }) => path.resolve(summary.specPath) === path.resolve(specPath));
    if (newest !== undefined) shown.set(path.resolve(specPath), newest);
  }
  const onScreen = runs.find(({ summary }) => summary.runDir === runOnScreen);
  if (onScreen !== undefined) shown.set(path.resolve(onScreen.summary.specPath), onScreen);
  return shown;
}

function jsonOf(text: string): unknown {
  const root = parseTree(text, [], { allowTrailingComma: true });
  return root === undefined ? undefined : getNodeValue(root);
}

import path from "node:path";
import type { DiagnosticCode } from "../../protocol/diagnostics.ts";
import { resolveSpecPath, valueAt } from "../../protocol/diagnostics.ts";
import type { SpecDiagnostic } from "../../protocol/messages.ts";
import { UserError } from "../../protocol/errors.ts";
import type { RunSpec, SpecProblem } from "../../protocol/spec.ts";
import { fixesOfSpecProblem } from "../data/specHints.ts";
import { formatSpecPath, jsonOfSpec, loadSpec, parseSpec, placeOfPath, type LoadedSpec } from "../data/specFile.ts";
import { readTemplates } from "../data/templates.ts";
import type { LintFinding } from "../lint/finding.ts";
import { lintPrompts } from "../lint/promptLint.ts";
import { lintRewards } from "../lint/rewardSpecLint.ts";
import { checkNamedFiles } from "./namedFiles.ts";

/**
 * All that is wrong with the text of a specification: syntax, else schema, else the files that it names, else what the
 * linter says of its prompts and rewards. Never throws.
 */
export function checkSpecText(text: string, specPath: string): SpecDiagnostic[] {
  const parsed = parseSpec(text);
  if (parsed.ok) {
    const baseDir = path.dirname(path.resolve(specPath));
    const named = checkNamedFiles(parsed.spec, baseDir);
    // Prompts can be judged only when their templates are there.
    return named.some(({ severity }) => severity === "error") ? named : [...named, ...lintTexts(parsed.spec, baseDir)];
  }
  const json = jsonOfSpec(text);
  return parsed.problems.map((problem) => ({
    code: codeOf(problem),
    severity: "error",
    path: problem.path,
    message: `${problem.message}. ${problem.mend}`,
    fixes: json === undefined ? [] : fixesOfSpecProblem(problem, valueAt(json, problem.path)),
  }));
}

/**
 * Reads a specification, and looks for the policy, annotations, folders and reward files that it names, so that mistakes are
 * told before anything is started. Throws UserError "bad-spec" with one line a mistake, or "not-found".
 */
export function loadCheckedSpec(specPath: string): LoadedSpec {
  const loaded = loadSpec(specPath);
  const errors = checkNamedFiles(loaded.spec, loaded.baseDir).filter(({ severity }) => severity === "error");
  if (errors.length === 0) return loaded;
  const json = jsonOfSpec(loaded.text);
  const lines = errors.map(({ path: keys, message }) => {
    const resolved = resolveSpecPath(json, keys) ?? [];
    const { line, column } = placeOfPath(loaded.text, resolved);
    return `${specPath}:${line}:${column}: ${formatSpecPath(resolved)}: ${message}`;
  });
  throw new UserError({ code: "bad-spec", message: lines.join("\n") });
}

function codeOf({ path: keys, message }: SpecProblem): DiagnosticCode {
  if (message.startsWith("not JSON") || message.startsWith("found an empty file")) return "not-json";
  if (message.startsWith("expected a different id for each dataset")) return "duplicate-dataset";
  if (keys[0] === "rewards" && message.startsWith("expected each reward once")) return "duplicate-reward";
  return "bad-spec";
}

function lintTexts(spec: RunSpec, baseDir: string): SpecDiagnostic[] {
  return [...lintPrompts(spec, readTemplates(spec.prompts, baseDir)), ...lintRewards(spec)].map(specFindingOf);
}

function specFindingOf({ code, severity, message, place, fixes }: LintFinding): SpecDiagnostic {
  if (place.kind !== "spec") throw new Error(`internal: ${code} is not about the specification`);
  return { code, severity, message, path: place.path, fixes };
}

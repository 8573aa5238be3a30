import type { Diagnostic } from "../../protocol/diagnostics.ts";
import type { LintFinding } from "../lint/finding.ts";
import { formatPath } from "../lint/setFix.ts";

/** A finding about data has a dataset, mostly an example; one about a run has neither. */
export type ShownFinding = Pick<Diagnostic, "severity" | "code" | "message" | "fixes"> &
  Partial<Pick<LintFinding, "dataset" | "example">>;

/** "error missing-video grounding/AO8RW_0: There is no video …", where that is, and how it can be mended. */
export function formatFinding(
  { severity, code, dataset, example, message, fixes }: ShownFinding,
  at?: Diagnostic["place"],
): string {
  const place = [dataset, example].filter((part) => typeof part === "string").join("/");
  const head = `${severity} ${code}${place === "" ? "" : ` ${place}`}: ${message}`;
  return [
    head,
    ...(at?.kind === "file" ? [`  at ${at.file}:${at.range.startLine + 1}`] : []),
    ...(fixes.length === 0 ? [] : [`  fix: ${fixes.map(({ title }) => title).join("; or: ")}`]),
  ].join("\n");
}

export function countSeverities(findings: readonly ShownFinding[]): { readonly errors: number; readonly text: string } {
  const count = (severity: ShownFinding["severity"]): number => findings.filter((f) => f.severity === severity).length;
  const [errors, infos] = [count("error"), count("info")];
  const notes = infos === 0 ? "" : `, ${infos} notes`;
  return { errors, text: `${errors} errors, ${count("warning")} warnings${notes}` };
}

/** How to learn more about the first finding; nothing without one. */
export function formatExplainHint([first]: readonly ShownFinding[]): string {
  return first === undefined ? "" : `What a finding means: video-rft explain ${first.code}`;
}

/** The findings of a `--json` document. `line` is 1-based. */
export function problemsOf(findings: readonly ShownFinding[], placed: readonly Diagnostic[]): unknown[] {
  return findings.map(({ code, severity, dataset = null, example = null, message, fixes }, i) => {
    const place = placed[i]?.place;
    return {
      code,
      severity,
      dataset,
      example,
      message,
      ...(place?.kind === "file" ? { file: place.file, line: place.range.startLine + 1 } : {}),
      ...(place?.kind === "spec" ? { path: formatPath(place.path) } : {}),
      fixes: fixes.map(({ title }) => title),
    };
  });
}

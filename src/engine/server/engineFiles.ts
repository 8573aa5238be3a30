import path from "node:path";
import type { DiagnosticCode } from "../../protocol/diagnostics.ts";

/** Programs of the engine, built beside each other. */
export function enginePrograms(engineDir: string): { readonly run: string; readonly backend: string } {
  return { run: path.join(engineDir, "run.cjs"), backend: path.join(engineDir, "backend.cjs") };
}

/** The page that explains a finding, in Markdown; it comes with the package. */
export function diagnosticPage(engineDir: string, code: DiagnosticCode): string {
  return path.join(engineDir, "..", "..", "docs", "diagnostics", `${code}.md`);
}

/** The sample workspace that comes with the package. */
export function sampleDir(engineDir: string): string {
  return path.join(engineDir, "..", "..", "examples", "moving-shapes");
}

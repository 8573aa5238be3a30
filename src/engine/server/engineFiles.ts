import path from "node:path";

/** Programs of the engine, built beside each other. */
export function enginePrograms(engineDir: string): { readonly run: string; readonly backend: string } {
  return { run: path.join(engineDir, "run.cjs"), backend: path.join(engineDir, "backend.cjs") };
}

/** The sample workspace that comes with the package. */
export function sampleDir(engineDir: string): string {
  return path.join(engineDir, "..", "..", "examples", "moving-shapes");
}

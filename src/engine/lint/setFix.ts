import type { SpecFix, SpecPath } from "../../protocol/diagnostics.ts";

export interface NumberChange {
  readonly path: SpecPath;
  readonly value: number;
}

/** "Set video.fps to 4 and video.maxFrames to 32" */
export function setFix(changes: readonly NumberChange[]): SpecFix {
  return {
    title: `Set ${changes.map(({ path, value }) => `${formatPath(path)} to ${value}`).join(" and ")}`,
    edits: changes.map(({ path, value }) => ({ kind: "set", path, value })),
  };
}

/** One fix for findings that each ask for numbers: the largest of each. null when one asks for something else. */
export function largestFix(fixes: readonly SpecFix[]): SpecFix | null {
  const largest = new Map<string, NumberChange>();
  for (const edit of fixes.flatMap(({ edits }) => edits)) {
    if (edit.kind !== "set" || typeof edit.value !== "number") return null;
    const key = formatPath(edit.path);
    const value = Math.max(edit.value, largest.get(key)?.value ?? edit.value);
    largest.set(key, { path: edit.path, value });
  }
  return largest.size === 0 ? null : setFix([...largest.values()]);
}

/** "grpo.groupSize", "rewards.tiou.weight" */
export function formatPath(path: SpecPath): string {
  return path.map((step) => (typeof step === "object" ? step.named : String(step))).join(".");
}

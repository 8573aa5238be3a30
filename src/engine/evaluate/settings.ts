/** Settings of an evaluation as they stand in its record: JSON. */
export type EvaluationSettings = Readonly<Record<string, unknown>>;

/** A setting that two evaluations differ in; undefined where one lacks it. */
export interface SettingDifference {
  /** "sampling.temperature" */
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Every value that differs, by its path in alphabetical order. Lists are compared as a whole. */
export function settingDifferences(before: EvaluationSettings, after: EvaluationSettings): SettingDifference[] {
  const [left, right] = [leavesOf(before), leavesOf(after)];
  return [...new Set([...left.keys(), ...right.keys()])]
    .sort()
    .filter((path) => JSON.stringify(left.get(path)) !== JSON.stringify(right.get(path)))
    .map((path) => ({ path, before: left.get(path), after: right.get(path) }));
}

/** "sampling.temperature: 0 before, 0.7 now" */
export function describeDifference({ path, before, after }: SettingDifference, words = ["before", "now"]): string {
  return `${path}: ${shown(before)} ${words[0]}, ${shown(after)} ${words[1]}`;
}

function leavesOf(settings: EvaluationSettings): Map<string, unknown> {
  const leaves = new Map<string, unknown>();
  const visit = (value: unknown, path: string): void => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) visit(inner, path === "" ? key : `${path}.${key}`);
    } else if (value !== undefined) leaves.set(path, value);
  };
  visit(settings, "");
  return leaves;
}

/** Hashes are as well told apart by their beginning. */
function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (/^[0-9a-f]{40,}$/.test(text)) return `${text.slice(0, 10)}…`;
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

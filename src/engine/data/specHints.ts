import type { SpecProblem } from "../../protocol/spec.ts";
import { specJsonSchema } from "../../protocol/spec.ts";

interface SchemaNode {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
}

/** How to mend a mistake, in one sentence, from the documented keys of the schema. */
export function mendSpecProblem(problem: SpecProblem): string {
  const key = problem.path.at(-1);
  const parent = schemaAt(problem.path.slice(0, -1));
  if (typeof key === "string" && problem.message.startsWith("unknown key")) {
    return mendUnknownKey(key, Object.keys(parent?.properties ?? {}));
  }
  const description = schemaAt(problem.path)?.description;
  const meaning = description === undefined ? "" : ` It means: ${description}`;
  if (problem.message.endsWith("found nothing")) return `Add this key.${meaning}`;
  return meaning === "" ? "Change it as expected." : `Change its value.${meaning}`;
}

function mendUnknownKey(key: string, known: readonly string[]): string {
  const [nearest] = known
    .map((name) => ({ name, distance: editDistance(key.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  if (nearest !== undefined) return `Did you mean "${nearest.name}"?`;
  return known.length === 0 ? "Remove it." : `Remove it; the keys here are ${known.join(", ")}.`;
}

function schemaAt(path: SpecProblem["path"]): SchemaNode | undefined {
  let node: SchemaNode | undefined = specJsonSchema();
  for (const part of path) {
    if (typeof part === "number") node = node?.items;
    else {
      const additional: SchemaNode | boolean | undefined = node?.additionalProperties;
      node = node?.properties?.[part] ?? (typeof additional === "object" ? additional : undefined);
    }
  }
  return node;
}

/** Levenshtein's distance. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

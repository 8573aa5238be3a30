import type { SpecFix } from "../../protocol/diagnostics.ts";
import type { SpecProblem } from "../../protocol/spec.ts";
import { specJsonSchema } from "../../protocol/spec.ts";
import { nearestName } from "./nearestName.ts";

interface SchemaNode {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly enum?: readonly unknown[];
}

/** How to mend a mistake, in one sentence, from the documented keys of the schema. */
export function mendSpecProblem(problem: SpecProblem): string {
  const key = problem.path.at(-1);
  if (isUnknownKey(problem)) {
    const properties = schemaAt(problem.path.slice(0, -1))?.properties ?? {};
    const known = Object.keys(properties);
    const meant = meantKey(String(key), properties);
    if (meant !== undefined) return `Did you mean "${meant}"?`;
    return known.length === 0 ? "Remove it." : `Remove it; the keys here are ${known.join(", ")}.`;
  }
  const description = schemaAt(problem.path)?.description;
  const meaning = description === undefined ? "" : ` It means: ${description}`;
  if (problem.message.endsWith("found nothing")) return `Add this key.${meaning}`;
  return meaning === "" ? "Change it as expected." : `Change its value.${meaning}`;
}

/** Quick fixes of a mistake: the key or the value that was meant. `found` is the value in the text. */
export function fixesOfSpecProblem(problem: SpecProblem, found: unknown): readonly SpecFix[] {
  const { path } = problem;
  const key = path.at(-1);
  if (isUnknownKey(problem)) {
    const meant = meantKey(String(key), schemaAt(path.slice(0, -1))?.properties ?? {});
    const remove = { title: `Remove "${String(key)}"`, edits: [{ kind: "remove", path }] } as const;
    if (meant === undefined) return [remove];
    return [{ title: `Rename it to "${meant}"`, edits: [{ kind: "rename", path, key: meant }] }, remove];
  }
  const values = (schemaAt(path)?.enum ?? []).filter((value) => typeof value === "string");
  const meant = typeof found === "string" ? nearestName(found, values) : undefined;
  return meant === undefined
    ? []
    : [{ title: `Change it to "${meant}"`, edits: [{ kind: "set", path, value: meant }] }];
}

/** The key that another program calls so ("num_generations"), as the descriptions say; else the nearest. */
function meantKey(key: string, properties: NonNullable<SchemaNode["properties"]>): string | undefined {
  const isItsName = ([, { description = "" }]: [string, SchemaNode]): boolean =>
    /\((?:TRL|PEFT|qwen-vl-utils): (\w+)\)/.exec(description)?.[1] === key;
  const camelCase = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  return Object.entries(properties).find(isItsName)?.[0] ?? nearestName(camelCase, Object.keys(properties));
}

function isUnknownKey({ path, message }: SpecProblem): boolean {
  return typeof path.at(-1) === "string" && message.startsWith("unknown key");
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

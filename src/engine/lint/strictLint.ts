import type { RunSpec } from "../../protocol/spec.ts";
import type { Dataset } from "../data/example.ts";
import { promptOf } from "../tasks/prompt.ts";
import { tasks } from "../tasks/tasks.ts";
import { datasetPath, type DataUse, type LintFinding } from "./finding.ts";
import { countStrict, type StrictCount } from "./strictParsers.ts";

/** Examples of a dataset that are tried; their targets are all of one form. */
const triedExamples = 200;

/** Whether published parsers would pay for the very text that a task asks for: the target of each true answer. */
export function lintTargets(spec: RunSpec, dataset: Dataset, usedFor: DataUse): LintFinding[] {
  const counts = new Map<string, StrictCount>();
  for (const example of dataset.examples.slice(0, triedExamples)) {
    const task = tasks[example.task];
    const text = task.buildTarget(example, promptOf(spec.prompts, example.task));
    addCounts(counts, countStrict(example, [{ text, parsed: task.parse(text, example) }]));
  }
  return [...counts].flatMap(([parser, { right, rejected }]) => {
    if (rejected === 0) return [];
    const message = `${parser} would give 0 to ${rejected} of ${right} true answers of ${dataset.id}, written as its prompt asks for them. Scores of that code are not comparable.`;
    const place = { kind: "spec", path: datasetPath(usedFor, dataset.id) } as const;
    const about = { usedFor, dataset: dataset.id, example: null, fixes: [], basis: [] };
    return [{ code: "strict-parser-rejects", severity: "info", message, place, ...about } as const];
  });
}

/** Adds counts to a sum. */
export function addCounts(sum: Map<string, StrictCount>, counts: ReadonlyMap<string, StrictCount>): void {
  for (const [name, { right, rejected }] of counts) {
    const known = sum.get(name) ?? { right: 0, rejected: 0 };
    sum.set(name, { right: known.right + right, rejected: known.rejected + rejected });
  }
}

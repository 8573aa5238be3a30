import { setImmediate as nextTurn } from "node:timers/promises";
import type { CategoryScores, ScoreValue } from "../../protocol/records.ts";
import { bootstrapMeanOfGroups } from "../metrics/bootstrap.ts";
import { collectScores, combinedScores, scoreColumns, type ScoredExample, type ScoringOptions } from "./scoring.ts";

/**
 * Scores of each dataset by each of its groupings: Video-MME by duration, MVBench by task, Perception Test by area and by
 * kind of reasoning. An example that does not name a grouping is in none of its categories. Categories are in the order of
 * their names; a grouping with a single category says nothing and is left out.
 */
export async function scoreCategories(
  scored: readonly ScoredExample[],
  options: ScoringOptions = {},
): Promise<CategoryScores[]> {
  const all: CategoryScores[] = [];
  for (const { datasetId, dimension, groups } of groupingsOf(scored)) {
    if (groups.size < 2) continue;
    const names = [...groups.keys()].sort(inOrder);
    const categories: CategoryScores["categories"][number][] = [];
    for (const name of names) categories.push({ name, scores: await collectScores(groups.get(name) ?? [], options) });
    all.push({ datasetId, dimension, categories, mean: await meanOfCategories([...groups.values()], options) });
  }
  return all;
}

interface Grouping {
  readonly datasetId: string;
  readonly dimension: string;
  readonly groups: Map<string, ScoredExample[]>;
}

function groupingsOf(scored: readonly ScoredExample[]): Iterable<Grouping> {
  const groupings = new Map<string, Grouping>();
  for (const one of scored) {
    const { datasetId, categories = {} } = one.example;
    for (const [dimension, name] of Object.entries(categories)) {
      const key = JSON.stringify([datasetId, dimension]);
      const grouping = groupings.get(key) ?? { datasetId, dimension, groups: new Map<string, ScoredExample[]>() };
      groupings.set(key, grouping);
      const group = grouping.groups.get(name) ?? [];
      grouping.groups.set(name, group);
      group.push(one);
    }
  }
  return groupings.values();
}

async function meanOfCategories(
  groups: readonly (readonly ScoredExample[])[],
  options: ScoringOptions,
): Promise<Record<string, ScoreValue>> {
  const columns = groups.map(scoreColumns);
  const keys = new Set(columns.flatMap((column) => [...column.keys()]));
  const means: Record<string, ScoreValue> = {};
  for (const key of keys) {
    await nextTurn();
    means[key] = bootstrapMeanOfGroups(
      columns.map((column) => column.get(key) ?? []),
      options,
    );
  }
  return { ...means, ...(await combinedScores(groups, options)) };
}

/** short, medium, long are lengths; anything else is in the order of the alphabet. */
function inOrder(a: string, b: string): number {
  const lengths = ["short", "medium", "long"];
  const [left, right] = [lengths.indexOf(a), lengths.indexOf(b)];
  return left >= 0 && right >= 0 ? left - right : a.localeCompare(b, "en", { numeric: true });
}

import type { BaselineScores, RunState, Scores, ScoreValue } from "../../protocol/records.ts";
import { bestBaseline } from "../evaluate/scoring.ts";
import type { RunResult } from "../run/runResult.ts";
import { formatScore, formatTable } from "./text.ts";

/** Scores by dataset, then by metric. */
export type NestedScores = Record<string, Record<string, ScoreValue>>;

/** What `--json` gives of a run. */
export function runDocument(result: RunResult, state: RunState): unknown {
  const { runDir, steps, reward, evaluation } = result;
  const { before, after, baselines } = evaluation;
  return {
    runDir,
    status: state.status,
    steps,
    reward,
    evaluation: {
      before: before === null ? null : nestScores(before),
      after: after === null ? null : nestScores(after),
      baselines: nestBaselines(baselines ?? {}),
    },
    ...(state.error === undefined ? {} : { error: state.error }),
  };
}

/** "grounding/mIoU" becomes grounding, mIoU. */
export function nestScores(scores: Scores): NestedScores {
  const nested: NestedScores = {};
  for (const [key, score] of Object.entries(scores)) {
    const [dataset = "", ...metric] = key.split("/");
    (nested[dataset] ??= {})[metric.join("/")] = score;
  }
  return nested;
}

export function nestBaselines(baselines: BaselineScores): Record<string, NestedScores> {
  return Object.fromEntries(Object.entries(baselines).map(([name, scores]) => [name, nestScores(scores)]));
}

/** Before, after and best trivial baseline of each metric, with 95 % intervals. Null without an evaluation. */
export function formatRunTable({ evaluation }: RunResult): string | null {
  const { before, after, baselines } = evaluation;
  const columns = [
    ...(before === null ? [] : [{ title: "before", scores: before }]),
    ...(after === null ? [] : [{ title: "after", scores: after }]),
  ];
  return columns.length === 0 ? null : formatScoreTable(columns, baselines ?? {});
}

/** One row a metric, with the number of examples behind it. */
export function formatScoreTable(
  columns: readonly { readonly title: string; readonly scores: Scores }[],
  baselines: BaselineScores,
): string {
  const keys = [...new Set(columns.flatMap(({ scores }) => Object.keys(scores)))];
  const rows = keys.map((key) => {
    const best = bestBaseline(baselines, key);
    const n = columns.map(({ scores }) => scores[key]?.n).find((count) => count !== undefined);
    return [
      key,
      String(n ?? ""),
      ...columns.map(({ scores }) => (scores[key] === undefined ? "-" : formatScore(scores[key]))),
      best === null ? "-" : formatScore(best.score),
      best?.name ?? "",
    ];
  });
  const header = ["", "n", ...columns.map(({ title }) => title), "trivial baseline", "(the best one)"];
  return `${formatTable([header, ...rows], [header.length - 1])}\nIn brackets: bootstrap 95 % intervals.`;
}

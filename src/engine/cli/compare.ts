import type { EvaluationRecord } from "../../protocol/records.ts";
import { compareEvaluations, type ChangedExample, type EvaluationComparison } from "../evaluate/compare.ts";
import { describeDifference } from "../evaluate/settings.ts";
import { readEvaluationFile } from "../store/answers.ts";
import { findEvaluationFile } from "../store/evaluationFiles.ts";
import { integerOption, positional, type CommandInput, type ExitStatus } from "./command.ts";
import { formatTable } from "./text.ts";

/** Compares two evaluations of the same questions, e.g. before and after training: did anything get worse? */
export async function compare(input: CommandInput): Promise<ExitStatus> {
  const { terminal } = input;
  const [before, after] = await Promise.all([0, 1].map((i) => readEvaluation(positional(input, i))));
  if (before === undefined || after === undefined) throw new Error("internal: two evaluations were read");
  const shown = integerOption(input, "changed", 0) ?? 10;
  const comparison = await compareEvaluations(before, after);
  for (const line of warnings(comparison)) terminal.note(line);
  terminal.print(formatComparison(comparison));
  const changed = comparison.changed.slice(0, shown);
  if (changed.length > 0) terminal.print(`\n${formatChanged(changed, comparison.changed.length)}`);
  terminal.writeDocument({ ...comparison, changed });
  return 0;
}

function readEvaluation(given: string): Promise<EvaluationRecord> {
  return readEvaluationFile(findEvaluationFile(given));
}

function warnings(comparison: EvaluationComparison): string[] {
  const { settings, onlyBefore, onlyAfter, unansweredBefore, unansweredAfter } = comparison;
  const unpaired = [
    ...(onlyBefore > 0 ? [`${onlyBefore} examples are in the first evaluation only`] : []),
    ...(onlyAfter > 0 ? [`${onlyAfter} examples are in the second evaluation only`] : []),
  ].map((text) => `Warning: ${text}; they are in no number here.`);
  const unanswered = [
    ...(unansweredBefore > 0 ? [`${unansweredBefore} examples have no answer in the first evaluation`] : []),
    ...(unansweredAfter > 0 ? [`${unansweredAfter} examples have no answer in the second evaluation`] : []),
  ].map((text) => `Warning: ${text}; they score as unparsed answers.`);
  if (settings.length === 0) return [...unpaired, ...unanswered];
  const lines = settings.map((one) => `  ${describeDifference(one, ["before", "after"])}`);
  return [
    ...unpaired,
    ...unanswered,
    "Warning: the evaluations differ in more than the policy, and the scores may for that reason:",
    ...lines,
  ];
}

/** One row a metric: means over the pairs, their difference with a 95 % interval, and the tests. */
export function formatComparison({ metrics }: EvaluationComparison): string {
  const rows = metrics.map(({ key, before, after, paired, mcNemar }) => [
    key,
    String(paired.n),
    before.toFixed(3),
    after.toFixed(3),
    `${signed(paired.difference)} [${signed(paired.low)}, ${signed(paired.high)}]`,
    formatP(paired.pValue),
    ...(mcNemar === null ? ["", "", ""] : [String(mcNemar.gained), String(mcNemar.lost), formatP(mcNemar.pValue)]),
  ]);
  const header = ["", "pairs", "before", "after", "difference", "p", "gained", "lost", "p (McNemar)"];
  return [
    formatTable([header, ...rows]),
    "In brackets: 95 % intervals (paired bootstrap). p: paired randomization test, two-sided, of each metric alone; of",
    "twenty metrics that did not change, one has p < 0.05. Gained, lost: answers that became right, or wrong.",
  ].join("\n");
}

function formatChanged(changed: readonly ChangedExample[], total: number): string {
  const rows = changed.map(({ metric, before, after, change }) => [
    `${before.datasetId}/${before.exampleId}`,
    metric,
    (before.metrics[metric] ?? 0).toFixed(3),
    (after.metrics[metric] ?? 0).toFixed(3),
    signed(change),
  ]);
  return `Changed most, of ${total} that changed:\n${formatTable(rows, [1])}`;
}

function signed(value: number): string {
  return `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(3)}`;
}

function formatP(p: number): string {
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}

import type { SpecFix } from "../../../protocol/diagnostics.ts";
import { rewardKey } from "../../../protocol/rewardSpec.ts";
import type { TaskId } from "../../../protocol/tasks.ts";
import { specFinding, type LintFinding } from "../finding.ts";
import { removeRewardFix } from "../rewardSpecLint.ts";
import { setFix } from "../setFix.ts";
import { basisOf, percent, short, stepsText, type RunEvidence } from "./evidence.ts";
import { outcomeOf, type GroupStats } from "./groupStats.ts";
import { mainMetric } from "./textStats.ts";
import { thresholds } from "./thresholds.ts";
import { changeOf, isClear, thirds, type Change } from "./trends.ts";

const limits = thresholds["reward-hacking"];

/**
 * Tasks whose reward has risen while what it stands for has not. The format reward is left out on both sides: learning the
 * form first is what a run should do. Tasks are looked at one by one, since their share of a step is chance.
 */
export function lintHacking(run: RunEvidence): LintFinding[] {
  return [...new Set(run.groups.map(({ task }) => task))].flatMap((task) => lintTask(run, task));
}

function lintTask(run: RunEvidence, task: TaskId): LintFinding[] {
  const { early, late } = thirds(run.groups.filter((group) => group.task === task));
  if (Math.min(early.length, late.length) < limits.groups) return [];
  const rise = changeOf(early.map(rewardOf(run)), late.map(rewardOf(run)));
  if (rise === null || rise.difference < limits.least || !isClear(rise, limits.standardErrors)) return [];
  const stands = whatDidNotRise(run, task, rise, early, late);
  if (stands === null) return [];
  const culprit = largestRise(run, early, late, outcomeOf(run.spec, task));
  const message =
    `The reward of ${task} without format rose by ${short(rise.difference)} ± ${short(rise.stdError)} (${stepsText(early)} to ${stepsText(late)}, ${early.length} and ${late.length} groups), and ${stands}. ` +
    `It comes from ${culprit === null ? "several rewards" : culprit}: look at rollouts with a high reward and a wrong answer.`;
  const path = culprit === null ? ["rewards"] : ["rewards", { named: culprit }];
  const fixes = culprit === null ? [] : fixesOf(run, culprit);
  const basis = basisOf(run.spec, ["rewards"]);
  return [specFinding({ code: "reward-hacking", severity: "warning", message, path, fixes, basis })];
}

/** Weighted sum of a group's rewards but the format reward, mean over its completions. */
function rewardOf({ spec }: RunEvidence): (group: GroupStats) => number {
  const counted = spec.rewards.filter((reward) => rewardKey(reward) !== "format");
  return ({ parts }) =>
    counted.reduce((sum, reward) => sum + reward.weight * (parts.get(rewardKey(reward))?.mean ?? 0), 0);
}

/** What says that answers are no better, in words; null when they are, or when nothing can tell. */
function whatDidNotRise(
  run: RunEvidence,
  task: TaskId,
  rise: Change,
  early: readonly GroupStats[],
  late: readonly GroupStats[],
): string | null {
  const name = outcomeOf(run.spec, task);
  const outcomes = (groups: readonly GroupStats[]): number[] => groups.flatMap(({ outcome }) => outcome?.mean ?? []);
  const change = name === undefined ? sampledChange(run, task) : changeOf(outcomes(early), outcomes(late));
  const weight = run.spec.rewards.find((reward) => rewardKey(reward) === name)?.weight ?? 1;
  if (change !== null) {
    const most = weight * (change.difference + 1.96 * change.stdError);
    const part = Math.max(0, most / rise.difference);
    const told = `${name ?? mainMetric(task)} changed by ${short(change.difference)} ± ${short(change.stdError)}`;
    if (name !== undefined && part < limits.share)
      return `${told}: at most ${percent(part)} of the rise can be better answers`;
    if (name === undefined && most < limits.least) return told;
  }
  return evaluationFell(run, task);
}

/** The metric of the task on the rollouts whose texts were read, where no reward of the run is one. */
function sampledChange({ texts }: RunEvidence, task: TaskId): Change | null {
  const groups = texts.flatMap((text) => text.groups).filter((group) => group.task === task && group.metric !== null);
  const { early, late } = thirds(groups);
  if (Math.min(early.length, late.length) < limits.groups) return null;
  const values = (part: typeof groups): number[] => part.flatMap(({ metric }) => metric?.mean ?? []);
  return changeOf(values(early), values(late));
}

/** An evaluation that is worse than the first, beyond its 95 % interval. */
function evaluationFell({ spec, evaluations }: RunEvidence, task: TaskId): string | null {
  const [first, last] = [evaluations[0], evaluations.at(-1)];
  if (first === undefined || last === undefined || first === last) return null;
  for (const { id } of spec.evaluate.data.filter((dataset) => dataset.task === task)) {
    const key = `${id}/${mainMetric(task)}`;
    const [before, after] = [first.scores[key], last.scores[key]];
    if (before === undefined || after === undefined || after.high >= before.value) continue;
    return `${key} fell from ${short(before.value)} to ${short(after.value)} (at most ${short(after.high)}, n ${after.n}) in the evaluations of steps ${first.step} and ${last.step}`;
  }
  return null;
}

/** The reward whose weighted mean has risen most, but for the one that measures answers. */
function largestRise(
  { spec }: RunEvidence,
  early: readonly GroupStats[],
  late: readonly GroupStats[],
  outcome: string | undefined,
): string | null {
  const meanOf = (groups: readonly GroupStats[], name: string): number => {
    const values = groups.map(({ parts }) => parts.get(name)?.mean ?? 0);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  const rises = spec.rewards
    .map((reward) => ({ name: rewardKey(reward), weight: reward.weight }))
    .filter(({ name }) => name !== "format" && name !== outcome)
    .map(({ name, weight }) => ({ name, rise: weight * (meanOf(late, name) - meanOf(early, name)) }))
    .filter(({ rise }) => rise > 0)
    .sort((a, b) => b.rise - a.rise);
  return rises[0]?.name ?? null;
}

function fixesOf({ spec }: RunEvidence, name: string): SpecFix[] {
  const weight = spec.rewards.find((reward) => rewardKey(reward) === name)?.weight ?? 1;
  return [setFix([{ path: ["rewards", { named: name }, "weight"], value: weight / 2 }]), removeRewardFix(name)];
}

import type { SpecFix, SpecPath } from "../../../protocol/diagnostics.ts";
import { isWorkspaceReward, rewardKey, type RewardSpec } from "../../../protocol/rewardSpec.ts";
import type { TaskId } from "../../../protocol/tasks.ts";
import type { LintFinding } from "../finding.ts";
import { specFinding } from "../finding.ts";
import { removeRewardFix } from "../rewardSpecLint.ts";
import { setFix } from "../setFix.ts";
import { basisOf, percent, short, stepsText, type RunEvidence } from "./evidence.ts";
import type { GroupStats } from "./groupStats.ts";
import { thresholds } from "./thresholds.ts";

/** Rewards that never vary, fail, or are no functions of what they are given. */
export function lintRunRewards(run: RunEvidence): LintFinding[] {
  return [...run.spec.rewards.flatMap((reward) => lintConstant(run, reward)), ...lintErrors(run), ...lintRepeats(run)];
}

interface Values {
  readonly rollouts: number;
  readonly groups: readonly GroupStats[];
  /** null when they vary. */
  readonly constant: number | null;
}

function valuesOf(groups: readonly GroupStats[], name: string): Values {
  const own = groups.filter(({ parts }) => parts.has(name));
  const parts = own.flatMap((group) => group.parts.get(name) ?? []);
  const [first] = parts;
  const isConstant = first !== undefined && parts.every(({ min, max }) => min === first.min && max === first.min);
  const rollouts = parts.reduce((sum, { count }) => sum + count, 0);
  return { rollouts, groups: own, constant: isConstant ? first.min : null };
}

function lintConstant(run: RunEvidence, reward: RewardSpec): LintFinding[] {
  const name = rewardKey(reward);
  if (reward.weight === 0) return [];
  const all = valuesOf(run.groups, name);
  // Failed calls score 0: that is another finding.
  const errors = all.groups.reduce((sum, group) => sum + group.errors, 0);
  const isEnough = ({ rollouts, groups }: Values): boolean =>
    rollouts >= thresholds["reward-constant"].rollouts && groups.length >= thresholds["reward-constant"].groups;
  if (!isEnough(all) || errors * 2 > all.rollouts || isKeptGuard(reward, all.constant)) return [];
  const path: SpecPath = ["rewards", { named: name }];
  const basis = basisOf(run.spec, path);
  if (all.constant !== null) {
    const message =
      `The reward ${name} was ${short(all.constant)} in all ${all.rollouts} rollouts so far (${all.groups.length} groups, ${stepsText(all.groups)}): ` +
      "it adds the same to every completion, and nothing is learnt from it. Remove it, or mend what keeps it from varying.";
    const silence = setFix([{ path: [...path, "weight"], value: 0 }]);
    const fixes = [removeRewardFix(name), { ...silence, title: `Set its weight to 0 (it is still recorded)` }];
    return [specFinding({ code: "reward-constant", severity: "warning", message, path, fixes, basis })];
  }
  const tasks = [...new Set(all.groups.map(({ task }) => task))];
  const ofTask = (task: TaskId): Values =>
    valuesOf(
      all.groups.filter((group) => group.task === task),
      name,
    );
  const flat = tasks.filter((task) => {
    const { constant } = ofTask(task);
    return constant !== null && isEnough(ofTask(task)) && !isKeptGuard(reward, constant);
  });
  return flat.map((task) => {
    const { constant, rollouts, groups } = ofTask(task);
    const others = tasks.filter((other) => !flat.includes(other));
    const message = `The reward ${name} was ${short(constant ?? 0)} in all ${rollouts} rollouts of ${task} so far (${groups.length} groups, ${stepsText(groups)}), and varies for ${others.join(", ")}.`;
    const fix: SpecFix = {
      title: `Apply the reward "${name}" to ${others.join(", ")} only`,
      edits: [{ kind: "set", path: [...path, "tasks"], value: others }],
    };
    return specFinding({ code: "reward-constant", severity: "info", message, path, fixes: [fix], basis });
  });
}

/** What these give where there is nothing to punish. A run that starts from a policy that keeps the form is a good run. */
const guardBests: Readonly<Partial<Record<string, number>>> = { format: 1, overlong: 0, repetition: 0 };

function isKeptGuard(reward: RewardSpec, constant: number | null): boolean {
  return !isWorkspaceReward(reward) && constant !== null && constant === guardBests[reward.name];
}

function lintErrors({ spec, groups, texts }: RunEvidence): LintFinding[] {
  const rollouts = groups.reduce((sum, { size }) => sum + size, 0);
  const errors = groups.reduce((sum, group) => sum + group.errors, 0);
  const { rollouts: fewest, share } = thresholds["reward-errors"];
  if (rollouts < fewest || errors < share * rollouts) return [];
  const sampled = texts.flatMap((text) => text.errors);
  const names = [...new Set(sampled.map(({ reward }) => reward))];
  const severity = errors * 2 >= rollouts ? "error" : "warning";
  const head = `${errors} of ${rollouts} rollouts (${percent(errors / rollouts)}, ${stepsText(groups)}) have a reward that failed`;
  return names.map((name) => {
    const own = sampled.filter(({ reward }) => reward === name);
    const [{ id, error } = { id: "", error: { kind: "exception", message: "" } }] = own;
    const part = names.length === 1 ? name : `${name} in ${own.length} of the ${sampled.length} that were looked at`;
    const message = `${head}: ${part}, e.g. in ${id}: ${error.kind}, ${firstLine(error.message)}. What failed scored 0 or was left out.`;
    const path: SpecPath = ["rewards", { named: name }];
    const reward = spec.rewards.find((one) => rewardKey(one) === name);
    const fixes =
      reward === undefined
        ? []
        : limitFixes(
            reward,
            own.map((one) => one.error.kind),
            path,
          );
    return specFinding({ code: "reward-errors", severity, message, path, fixes, basis: basisOf(spec, path) });
  });
}

/** A larger limit where limits are what fails most. */
function limitFixes(reward: RewardSpec, kinds: readonly string[], path: SpecPath): SpecFix[] {
  if (!isWorkspaceReward(reward)) return [];
  const isMost = (kind: string): boolean => kinds.filter((one) => one === kind).length * 2 > kinds.length;
  if (isMost("timeout")) return [setFix([{ path: [...path, "timeoutMs"], value: reward.timeoutMs * 5 }])];
  if (isMost("memory")) return [setFix([{ path: [...path, "memoryMb"], value: reward.memoryMb * 2 }])];
  if (reward.onError !== "zero") return [];
  const drop = { kind: "set", path: [...path, "onError"], value: "drop" } as const;
  return [{ title: "Leave rollouts out whose reward fails", edits: [drop] }];
}

function lintRepeats({ repeats }: RunEvidence): LintFinding[] {
  return repeats.flatMap(({ reward, file, function: name, calls, differing, largest }) => {
    if (calls < thresholds["reward-not-deterministic"].calls || largest === null) return [];
    const [first, second] = [largest.first, largest.second].map((value) => (value === null ? "none" : short(value)));
    const message =
      `${reward} gave ${differing} of ${calls} rollouts another value when it was called a second time, e.g. ${largest.id}: ${first}, then ${second}. ` +
      "Use no clock, random number or state that a call leaves behind.";
    const place = { kind: "function", file, function: name } as const;
    const about = { usedFor: null, dataset: null, example: null, fixes: [], basis: [] };
    return [{ code: "reward-not-deterministic", severity: "warning", message, place, ...about } as const];
  });
}

function firstLine(text: string): string {
  return (text.split("\n")[0] ?? "").replace(/\.$/, "");
}

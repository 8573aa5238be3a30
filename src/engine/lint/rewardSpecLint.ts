import type { JsonValue, SpecFix } from "../../protocol/diagnostics.ts";
import { rewardKey, type RewardSpec } from "../../protocol/rewardSpec.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { TaskId } from "../../protocol/tasks.ts";
import { nearestName } from "../data/nearestName.ts";
import { appliesTo, tasksOfReward } from "../rewards/rewards.ts";
import { specFinding, type LintFinding } from "./finding.ts";

/** Rewards that apply to no data, and data that no reward, or only the format reward, applies to. */
export function lintRewards(spec: RunSpec): LintFinding[] {
  if (spec.method !== "grpo") return [];
  return [
    ...spec.rewards.flatMap((reward) => lintDatasetNames(spec, reward)),
    ...spec.rewards.flatMap((reward) => lintUse(spec, reward)),
    ...[...new Set(spec.data.map((d) => d.task))].flatMap((task) => lintTask(spec, task)),
  ];
}

/** Removes a reward by its name. */
export function removeRewardFix(name: string): SpecFix {
  return { title: `Remove the reward "${name}"`, edits: [{ kind: "remove", path: ["rewards", { named: name }] }] };
}

function lintDatasetNames(spec: RunSpec, reward: RewardSpec): LintFinding[] {
  const ids = spec.data.map(({ id }) => id);
  const name = rewardKey(reward);
  return (reward.data ?? []).flatMap((id, i) => {
    if (ids.includes(id)) return [];
    const path = ["rewards", { named: name }, "data", i] as const;
    const meant = nearestName(id, ids);
    const fixes: SpecFix[] =
      meant === undefined ? [] : [{ title: `Change it to "${meant}"`, edits: [{ kind: "set", path, value: meant }] }];
    const message = `The reward ${name} names the dataset "${id}", and the training data has ${ids.join(", ")}.`;
    return [specFinding({ code: "unknown-dataset", severity: "error", message, path, fixes })];
  });
}

function lintUse(spec: RunSpec, reward: RewardSpec): LintFinding[] {
  if (spec.data.some(({ id, task }) => appliesTo(reward, { task, datasetId: id }))) return [];
  const name = rewardKey(reward);
  const known = tasksOfReward(reward);
  const applies = known.length === 0 ? "to no task" : `to ${known.join(", ")}`;
  const has = spec.data.map(({ id, task }) => `${id} (${task})`).join(", ");
  const of = reward.data === undefined ? "" : ` of ${reward.data.join(", ")}`;
  const message = `The reward ${name} applies ${applies}${of}, and the training data has ${has}. Change its "tasks" or remove it.`;
  const widened = { ...reward, tasks: undefined, data: undefined };
  const isNarrowed = spec.data.some(({ id, task }) => appliesTo(widened, { task, datasetId: id }));
  const path = ["rewards", { named: name }] as const;
  const widen: SpecFix = {
    title: "Apply it to every task that it knows",
    edits: [
      ...(reward.tasks === undefined ? [] : [{ kind: "remove", path: [...path, "tasks"] } as const]),
      ...(reward.data === undefined ? [] : [{ kind: "remove", path: [...path, "data"] } as const]),
    ],
  };
  const fixes = [...(isNarrowed ? [widen] : []), removeRewardFix(name)];
  return [specFinding({ code: "reward-without-data", severity: "warning", message, path, fixes })];
}

/** What rewards a right answer of a task, where no server has to be asked. */
const outcomeRewards: Readonly<Record<TaskId, readonly string[]>> = {
  "temporal-grounding": ["tiou"],
  tracking: ["box-iou"],
  "grounded-qa": ["accuracy", "tiou"],
  "multiple-choice": ["accuracy"],
  classification: ["accuracy"],
  captioning: [],
  open: ["accuracy"],
};

function lintTask(spec: RunSpec, task: TaskId): LintFinding[] {
  const ids = spec.data.filter((d) => d.task === task).map((d) => d.id);
  const names = spec.rewards
    .filter((r) => r.weight !== 0 && ids.some((datasetId) => appliesTo(r, { task, datasetId })))
    .map(rewardKey);
  const about = { path: ["rewards"], fixes: addOutcome(spec, task) } as const;
  if (names.length === 0) {
    const message = `No reward applies to ${task}: its reward is always 0 and nothing is learnt from it. Add one.`;
    return [specFinding({ code: "task-without-reward", severity: "error", message, ...about })];
  }
  if (names.every((name) => name === "format")) {
    const message = `Only the format reward applies to ${task}: a wrong answer is worth as much as a right one.`;
    return [specFinding({ code: "only-format-reward", severity: "warning", message, ...about })];
  }
  return [];
}

/** Adds the built-in reward of a task's answers, or lets the one that is there apply to the task. */
function addOutcome(spec: RunSpec, task: TaskId): SpecFix[] {
  return outcomeRewards[task].map((name): SpecFix => {
    const present = spec.rewards.find((reward) => rewardKey(reward) === name);
    if (present?.tasks !== undefined && !present.tasks.includes(task)) {
      const path = ["rewards", { named: name }, "tasks"];
      return { title: `Apply the reward "${name}" to ${task}`, edits: [{ kind: "add", path, value: task }] };
    }
    const value: JsonValue = { name };
    return { title: `Add the reward "${name}"`, edits: [{ kind: "add", path: ["rewards"], value }] };
  });
}

import { UserError } from "../../protocol/errors.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { TaskId } from "../../protocol/tasks.ts";
import { blockTags } from "../rewards/blocks.ts";
import { tagsOf } from "../rewards/format.ts";
import { tasksOfReward } from "../rewards/rewards.ts";
import { rewardKey } from "../../protocol/rewardSpec.ts";
import type { TemplateTexts } from "../tasks/prompt.ts";
import { buildPrompt, fixedExample, promptOf } from "../tasks/prompt.ts";
import type { LintFinding } from "./finding.ts";

/**
 * Contradictions between the prompt of a task and what is rewarded. Published code had two: a format reward that wants
 * `<glue>` or `<think>` of prompts that never ask for it is 0 whatever the policy answers.
 */
export function lintPrompts(spec: RunSpec, templates: TemplateTexts): LintFinding[] {
  return tasksOfData(spec).flatMap((task) => lintPrompt(spec, task, templates[task]));
}

/** Rewards that apply to no data, and data that no reward, or only the format reward, applies to. */
export function lintRewards(spec: RunSpec): LintFinding[] {
  if (spec.method !== "grpo") return [];
  const dataTasks = new Set(spec.data.map((d) => d.task));
  const unused = spec.rewards.flatMap((reward, i) => {
    const known = tasksOfReward(reward);
    if (known.some((task) => dataTasks.has(task))) return [];
    const applies = known.length === 0 ? "to no task" : `to ${known.join(", ")}`;
    const message = `rewards[${i}] (${rewardKey(reward)}) applies ${applies}, and the training data has ${[...dataTasks].join(", ")}. Change its "tasks" or remove it.`;
    return [finding("reward-without-data", "warning", message)];
  });
  return [...unused, ...[...dataTasks].flatMap((task) => lintTaskRewards(spec, task))];
}

function lintTaskRewards(spec: RunSpec, task: TaskId): LintFinding[] {
  const names = spec.rewards.filter((r) => r.weight !== 0 && tasksOfReward(r).includes(task)).map(rewardKey);
  if (names.length === 0) {
    const message = `No reward applies to ${task}: its reward is always 0 and nothing is learnt from it. Add one.`;
    return [finding("task-without-reward", "error", message)];
  }
  if (names.every((name) => name === "format")) {
    const message = `Only the format reward applies to ${task}: a wrong answer is worth as much as a right one.`;
    return [finding("only-format-reward", "warning", message)];
  }
  return [];
}

function lintPrompt(spec: RunSpec, task: TaskId, templateText: string | undefined): LintFinding[] {
  const prompt = promptOf(spec.prompts, task);
  const example = fixedExample(task);
  let text: string;
  try {
    text = buildPrompt(example, prompt, templateText);
  } catch (error) {
    if (!UserError.is(error)) throw error;
    return [finding("bad-template", "error", `prompts.${task}: ${error.message}`)];
  }
  const findings: LintFinding[] = [];
  if (!text.toLowerCase().includes(example.question.toLowerCase())) {
    const message = `The prompt of ${task} does not show the question. Use {{ question }} in its template.`;
    findings.push(finding("question-missing", "error", message));
  }
  const isFormatRewarded = spec.rewards.some((r) => rewardKey(r) === "format" && tasksOfReward(r).includes(task));
  return isFormatRewarded ? [...findings, ...lintTags(task, prompt.think, text)] : findings;
}

function lintTags(task: TaskId, think: boolean, text: string): LintFinding[] {
  const wanted = tagsOf(task, think);
  return blockTags.flatMap((tag) => {
    const isAsked = text.includes(`<${tag}>`);
    if (wanted.includes(tag) && !isAsked) {
      const message = `The format reward wants <${tag}> for ${task}, and its prompt never asks for it: the reward would always be 0. Ask for it in the template${tag === "think" ? ', or set "think": false' : ""}.`;
      return [finding("tag-not-asked", "error", message)];
    }
    if (!wanted.includes(tag) && isAsked) {
      const message = `The prompt of ${task} names <${tag}>, and the format reward gives 0 to answers that hold it${tag === "think" ? '. Set "think": true, or take it out of the template' : ". Take it out of the template"}.`;
      return [finding("tag-not-wanted", "error", message)];
    }
    return [];
  });
}

function tasksOfData(spec: RunSpec): TaskId[] {
  return [...new Set([...spec.data, ...spec.evaluate.data].map((d) => d.task))];
}

function finding(code: LintFinding["code"], severity: LintFinding["severity"], message: string): LintFinding {
  return { code, severity, usedFor: null, dataset: null, example: null, message };
}

import type { SpecFix } from "../../protocol/diagnostics.ts";
import { UserError } from "../../protocol/errors.ts";
import { rewardKey } from "../../protocol/rewardSpec.ts";
import type { PromptSpec, RunSpec } from "../../protocol/spec.ts";
import type { TaskId } from "../../protocol/tasks.ts";
import { blockTags, type BlockTag } from "../rewards/blocks.ts";
import { tagsOf } from "../rewards/format.ts";
import { tasksOfReward } from "../rewards/rewards.ts";
import type { TemplateTexts } from "../tasks/prompt.ts";
import { buildPrompt, fixedExample, promptOf } from "../tasks/prompt.ts";
import { specFinding, type LintFinding } from "./finding.ts";

/**
 * Contradictions between the prompt of a task and what is rewarded. Published code had two: a format reward that wants
 * `<glue>` or `<think>` of prompts that never ask for it is 0 whatever the policy answers.
 */
export function lintPrompts(spec: RunSpec, templates: TemplateTexts): LintFinding[] {
  return tasksOfData(spec).flatMap((task) => lintPrompt(spec, task, templates[task]));
}

function lintPrompt(spec: RunSpec, task: TaskId, templateText: string | undefined): LintFinding[] {
  const prompt = promptOf(spec.prompts, task);
  const example = fixedExample(task);
  const path = prompt.template === undefined ? ["prompts", task] : ["prompts", task, "template"];
  const fixes = withoutTemplate(task, prompt);
  let text: string;
  try {
    text = buildPrompt(example, prompt, templateText);
  } catch (error) {
    if (!UserError.is(error)) throw error;
    const message = `prompts.${task}: ${error.message} ${error.hint ?? ""}`.trim();
    return [specFinding({ code: "bad-template", severity: "error", message, path, fixes })];
  }
  const findings: LintFinding[] = [];
  if (!text.toLowerCase().includes(example.question.toLowerCase())) {
    const message = `The prompt of ${task} does not show the question. Use {{ question }} in its template.`;
    findings.push(specFinding({ code: "question-missing", severity: "error", message, path, fixes }));
  }
  const isFormatRewarded = spec.rewards.some((r) => rewardKey(r) === "format" && tasksOfReward(r).includes(task));
  return isFormatRewarded ? [...findings, ...lintTags(spec, task, text)] : findings;
}

function lintTags(spec: RunSpec, task: TaskId, text: string): LintFinding[] {
  const prompt = promptOf(spec.prompts, task);
  const wanted = tagsOf(task, prompt.think);
  const path = prompt.template === undefined ? ["prompts", task] : ["prompts", task, "template"];
  return blockTags.flatMap((tag) => {
    const isAsked = text.includes(`<${tag}>`);
    if (wanted.includes(tag) && !isAsked) {
      const message = `The format reward wants <${tag}> for ${task}, and its prompt never asks for it: the reward would always be 0. Ask for it in the template${tag === "think" ? ', or set "think": false' : ""}.`;
      const fixes = [
        ...thinkFix(task, tag, false),
        ...withoutTemplate(task, prompt),
        ...withoutFormat(spec, task, wanted),
      ];
      return [specFinding({ code: "tag-not-asked", severity: "error", message, path, fixes })];
    }
    if (!wanted.includes(tag) && isAsked) {
      const message = `The prompt of ${task} names <${tag}>, and the format reward gives 0 to answers that hold it${tag === "think" ? '. Set "think": true, or take it out of the template' : ". Take it out of the template"}.`;
      const fixes = [...thinkFix(task, tag, true), ...withoutTemplate(task, prompt)];
      return [specFinding({ code: "tag-not-wanted", severity: "error", message, path, fixes })];
    }
    return [];
  });
}

function thinkFix(task: TaskId, tag: BlockTag, think: boolean): SpecFix[] {
  if (tag !== "think") return [];
  const edits = [{ kind: "set", path: ["prompts", task, "think"], value: think } as const];
  return [{ title: `Set "think": ${think}`, edits }];
}

function withoutTemplate(task: TaskId, { template }: PromptSpec): SpecFix[] {
  if (template === undefined) return [];
  return [{ title: "Use the built-in prompt", edits: [{ kind: "remove", path: ["prompts", task, "template"] }] }];
}

/** The other tasks of the data keep the format reward. */
function withoutFormat(spec: RunSpec, task: TaskId, wanted: readonly BlockTag[]): SpecFix[] {
  const format = spec.rewards.find((reward) => rewardKey(reward) === "format");
  const known = format === undefined ? [] : tasksOfReward(format);
  const others = tasksOfData(spec).filter((other) => other !== task && known.includes(other));
  const path = ["rewards", { named: "format" }];
  if (others.length === 0) return [{ title: 'Remove the reward "format"', edits: [{ kind: "remove", path }] }];
  const title = `Do not reward the format of ${task} (${wanted.map((tag) => `<${tag}>`).join("")})`;
  return [{ title, edits: [{ kind: "set", path: [...path, "tasks"], value: others }] }];
}

function tasksOfData(spec: RunSpec): TaskId[] {
  return [...new Set([...spec.data, ...spec.evaluate.data].map((d) => d.task))];
}

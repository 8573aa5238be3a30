import fs from "node:fs";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { TaskId } from "../../protocol/tasks.ts";
import { taskIds } from "../../protocol/tasks.ts";

/** Texts of the prompt templates that a specification names, by task. Throws UserError not-found. */
export function readTemplates(prompts: RunSpec["prompts"], baseDir: string): Partial<Record<TaskId, string>> {
  const texts: Partial<Record<TaskId, string>> = {};
  for (const task of taskIds) {
    const template = prompts[task]?.template;
    if (template !== undefined) texts[task] = readTemplate(path.resolve(baseDir, template), task);
  }
  return texts;
}

function readTemplate(file: string, task: TaskId): string {
  try {
    return fs.readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  } catch (cause) {
    throw new UserError(
      {
        code: "not-found",
        where: file,
        message: `The prompt template of ${task} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
        hint: `Correct "prompts.${task}.template"; it is relative to the specification.`,
      },
      { cause },
    );
  }
}

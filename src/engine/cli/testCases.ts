import fs from "node:fs";
import path from "node:path";
import { casesEnding, type CaseOutcome } from "../../protocol/cases.ts";
import { UserError } from "../../protocol/errors.ts";
import { runCases } from "../score/cases.ts";
import type { CommandInput, ExitStatus } from "./command.ts";
import { terminalSettings } from "./runCommands.ts";

const passedOver = new Set(["node_modules", "runs", "videos", ".git", "dist", "out", ".venv", "venv"]);

/** Runs pinned reward cases: those of the files given, else of all `*.cases.jsonl` below this folder. */
export async function testCases(input: CommandInput): Promise<ExitStatus> {
  const { terminal, positionals } = input;
  const files = positionals.length > 0 ? positionals.map((file) => path.resolve(file)) : findCaseFiles(process.cwd());
  if (files.length === 0) {
    throw new UserError({
      code: "not-found",
      where: process.cwd(),
      message: `expected files that end in ${casesEnding}, found none`,
      hint: "Pin a rollout in VS Code, or name a file.",
    });
  }
  const { engineDir, pythonPath, cacheDir } = terminalSettings();
  const outcomes: CaseOutcome[] = [];
  for (const file of files) {
    const onLog = (line: string): void => terminal.note(line);
    const onOutcome = (outcome: CaseOutcome): void => terminal.print(formatOutcome(outcome));
    outcomes.push(...(await runCases({ file, engineDir, pythonPath, cacheDir, onLog, onOutcome })));
  }
  const failed = outcomes.filter(({ passed }) => !passed).length;
  terminal.print(`${outcomes.length - failed} passed, ${failed} failed`);
  terminal.writeDocument({ passed: outcomes.length - failed, failed, cases: outcomes });
  return failed === 0 ? 0 : 1;
}

function formatOutcome({ passed, name, file, line, expected, actual }: CaseOutcome): string {
  if (passed) return `ok      ${name}`;
  const indent = (text: string, sign: string): string => text.replace(/^/gm, `          ${sign} `);
  return `FAILED  ${name} (${path.relative(process.cwd(), file)}:${line + 1})\n${indent(expected, "-")}\n${indent(actual, "+")}`;
}

function findCaseFiles(dir: string): string[] {
  return fs.readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(dir, entry.name);
    if (entry.isDirectory()) return passedOver.has(entry.name) ? [] : findCaseFiles(file);
    return entry.name.endsWith(casesEnding) ? [file] : [];
  });
}

#!/usr/bin/env node
import { formatError, UserError } from "../../protocol/errors.ts";
import { videoRftVersion } from "../server/version.ts";
import {
  exitStatusOf,
  formatCommandHelp,
  formatUsage,
  parseCommandLine,
  UsageError,
  type ExitStatus,
} from "./command.ts";
import { commands } from "./commands.ts";
import { createTerminal } from "./terminal.ts";
import { formatTable } from "./text.ts";

async function main(args: readonly string[]): Promise<ExitStatus> {
  const terminal = createTerminal({ stdout: process.stdout, stderr: process.stderr, json: args.includes("--json") });
  const [first] = args;
  if (first === undefined || first === "--help" || first === "-h" || first === "help") {
    terminal.print(formatHelp());
    return first === undefined ? 2 : 0;
  }
  if (first === "--version") {
    terminal.print(videoRftVersion);
    return 0;
  }
  try {
    const { command, positionals, options } = parseCommandLine(commands, args);
    if (options["help"] === true) {
      terminal.print(formatCommandHelp(command));
      return 0;
    }
    return await command.run({ positionals, options, terminal });
  } catch (error) {
    terminal.showLive("");
    terminal.note(describeError(error));
    return exitStatusOf(error);
  }
}

function formatHelp(): string {
  const rows = commands.map((command) => [formatUsage(command), command.help]);
  return [
    "Reinforcement fine-tuning of video multimodal LLMs.",
    "",
    formatTable(rows.map(([usage = "", help = ""]) => [`  ${usage}\n      ${help}`])),
    "",
    "Every command takes --json and --help. Exit status: 0 done, 1 the work failed, 2 bad input.",
  ].join("\n");
}

/** One line a mistake; a broken invariant with its stack. */
function describeError(error: unknown): string {
  if (UserError.is(error)) return formatError(error);
  if (error instanceof UsageError) return `video-rft: ${error.message}`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

// A reader that closes early (head) is no failure of the work.
process.stdout.on("error", () => process.exit(0));
void main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});

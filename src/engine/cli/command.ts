import { parseArgs } from "node:util";
import { UserError } from "../../protocol/errors.ts";
import type { Terminal } from "./terminal.ts";

/** 0 done, 1 the work failed, 2 bad input. */
export type ExitStatus = 0 | 1 | 2;

export interface CommandOption {
  readonly name: string;
  /** Name of the value in the help; a flag has none. */
  readonly value?: string | undefined;
  /** May be given several times. */
  readonly isList?: true;
  readonly help: string;
}

/** What the command line gave for an option. */
type OptionValue = string | boolean | readonly (string | boolean)[] | undefined;

/** One row of the table of commands. */
export interface Command {
  /** One or two words: "run", "data check". */
  readonly name: string;
  readonly positionals: readonly string[];
  /** The last positional may be left out, or be given several times. */
  readonly isLastAnyNumber?: true;
  readonly options: readonly CommandOption[];
  readonly help: string;
  run(input: CommandInput): Promise<ExitStatus>;
}

export interface CommandInput {
  /** As many as the command names. */
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly terminal: Terminal;
}

/** Mistakes of the command line itself. */
export class UsageError extends Error {}

export const commonOptions: readonly CommandOption[] = [
  { name: "json", help: "print one JSON document on standard output, and everything else on standard error" },
  { name: "help", help: "print this text" },
];

export interface ParsedCommandLine {
  readonly command: Command;
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, OptionValue>>;
}

/** Finds the command and reads its arguments. Throws UsageError. */
export function parseCommandLine(commands: readonly Command[], args: readonly string[]): ParsedCommandLine {
  const command =
    commands.find((c) => c.name.includes(" ") && c.name === args.slice(0, 2).join(" ")) ??
    commands.find((c) => c.name === args[0]);
  if (command === undefined) {
    const found = args[0] === undefined ? "none" : `"${args[0]}"`;
    throw new UsageError(`expected a command, found ${found}; video-rft --help lists them`);
  }
  const rest = args.slice(command.name.split(" ").length);
  const known = [...command.options, ...commonOptions];
  let parsed;
  try {
    parsed = parseArgs({
      args: rest,
      allowPositionals: true,
      options: Object.fromEntries(
        known.map((o) => [
          o.name,
          { type: o.value === undefined ? ("boolean" as const) : ("string" as const), multiple: o.isList ?? false },
        ]),
      ),
    });
  } catch (error) {
    // parseArgs explains itself well enough in its first sentence.
    const reason = error instanceof Error ? (error.message.split(". ")[0] ?? "") : String(error);
    throw new UsageError(`${reason}; video-rft ${command.name} --help lists what it takes`);
  }
  const { positionals, values } = parsed;
  if (values["help"] !== true) checkPositionals(command, positionals);
  return { command, positionals, options: values };
}

export function formatUsage(command: Command): string {
  const positionals = command.positionals.map((name, i) =>
    command.isLastAnyNumber === true && i === command.positionals.length - 1 ? `[${name} …]` : name,
  );
  const words = [command.name, ...positionals, ...command.options.map(optionUsage).map((o) => `[${o}]`)];
  return `video-rft ${words.join(" ")}`;
}

export function formatCommandHelp(command: Command): string {
  const options = [...command.options, ...commonOptions];
  const width = Math.max(...options.map((o) => optionUsage(o).length));
  const lines = options.map((o) => `  ${optionUsage(o).padEnd(width)}  ${o.help}`);
  return [`Usage: ${formatUsage(command)}`, "", `${command.help}.`, "", "Options:", ...lines].join("\n");
}

/** A whole number of an option; undefined when it was not given. Throws UsageError. */
export function integerOption(input: CommandInput, name: string, least: number): number | undefined {
  const value = input.options[name];
  if (typeof value !== "string") return undefined;
  const number = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(number) && number >= least) return number;
  throw new UsageError(`--${name}: expected a whole number of at least ${least}, found "${value}"`);
}

export function textOption(input: CommandInput, name: string): string | undefined {
  const value = input.options[name];
  return typeof value === "string" ? value : undefined;
}

/** Values of an option that may be given several times. */
export function listOption(input: CommandInput, name: string): readonly string[] {
  const value = input.options[name];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

/** The positional argument that parseCommandLine has made sure of. */
export function positional(input: CommandInput, index: number): string {
  const value = input.positionals[index];
  if (value === undefined) throw new Error(`internal: the command has no positional argument ${index}`);
  return value;
}

/** Exit status of an error: what the user gave is wrong, or the work failed. */
export function exitStatusOf(error: unknown): ExitStatus {
  if (error instanceof UsageError) return 2;
  return UserError.is(error) && badInputCodes.has(error.code) ? 2 : 1;
}

const badInputCodes: ReadonlySet<string> = new Set([
  "bad-spec",
  "bad-checkpoint",
  "bad-data",
  "bad-video",
  "bad-record",
  "bad-reward",
  "run-locked",
  "run-exists",
  "no-checkpoint",
  "not-found",
]);

function checkPositionals(command: Command, found: readonly string[]): void {
  if (command.isLastAnyNumber === true && found.length >= command.positionals.length - 1) return;
  const missing = command.positionals[found.length];
  if (missing !== undefined) throw new UsageError(`expected ${missing}, found nothing: ${formatUsage(command)}`);
  const extra = found[command.positionals.length];
  if (extra !== undefined) throw new UsageError(`expected nothing more, found "${extra}": ${formatUsage(command)}`);
}

function optionUsage(option: CommandOption): string {
  const usage = option.value === undefined ? `--${option.name}` : `--${option.name} ${option.value}`;
  return option.isList === true ? `${usage} …` : usage;
}

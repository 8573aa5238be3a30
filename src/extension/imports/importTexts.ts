import { rolloutSourceNames, type ImportRecord } from "../../protocol/records.ts";

/** "16 rollouts in 4 groups from TRL." with what was left out. */
export function importedText({ source, rollouts, groups, unread, problems }: ImportRecord): string {
  const found = `${countOf(rollouts, "rollout")} in ${countOf(groups, "group")} from ${rolloutSourceNames[source]}.`;
  const [first] = problems;
  if (first === undefined) return `Imported ${found}`;
  return `Imported ${found} ${countOf(unread, "place")} could not be read, the first ${first.where}: ${first.message}.`;
}

/** Run folders as they were stored; what is none is left out. */
export function readImportedRuns(stored: unknown): readonly string[] {
  return Array.isArray(stored) ? stored.filter((item): item is string => typeof item === "string") : [];
}

/** The path that a command is given: by the explorer as a URI of a file, by a link of ours as text. */
export function importPathOf(argument: unknown): string | undefined {
  if (typeof argument === "string" && argument !== "") return argument;
  if (typeof argument !== "object" || argument === null) return undefined;
  const isFile = "scheme" in argument && argument.scheme === "file";
  return isFile && "fsPath" in argument && typeof argument.fsPath === "string" ? argument.fsPath : undefined;
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

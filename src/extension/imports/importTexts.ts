import { t } from "@vscode/l10n";
import { countOf } from "../counts.ts";
import { rolloutSourceNames, type ImportRecord } from "../../protocol/records.ts";

/** "16 rollouts in 4 groups from TRL." with what was left out. */
export function importedText({ source, rollouts, groups, unread, problems }: ImportRecord): string {
  const from = rolloutSourceNames[source];
  const imported = t("Imported {0} in {1} from {2}.", countOf(rollouts, "rollout"), countOf(groups, "group"), from);
  const [first] = problems;
  if (first === undefined) return imported;
  const left = t("{0} could not be read, the first {1}: {2}.", countOf(unread, "place"), first.where, first.message);
  return `${imported} ${left}`;
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

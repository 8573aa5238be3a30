import { t } from "@vscode/l10n";
import path from "node:path";
import type { RunDetails } from "../../protocol/messages.ts";
import type { TrackedRun } from "../runs/runView.ts";
import type { NamedSource } from "./chatHost.ts";

/** A row of the quick pick; without a source it asks for a folder. */
export interface SourceItem {
  readonly label: string;
  readonly description: string;
  readonly detail: string;
  readonly named: NamedSource | null;
}

/** Runs whose older checkpoints are offered too: reading a run takes a while. */
export const runsReadForCheckpoints = 8;

/** Checkpoints of known runs, the newest first, then what specifications start from, then any folder. */
export function sourceItems(
  runs: readonly TrackedRun[],
  details: ReadonlyMap<string, Pick<RunDetails, "checkpoints">>,
  specPaths: readonly string[],
): readonly SourceItem[] {
  return [
    ...runs.flatMap((run) => checkpointItems(run, details.get(run.summary.runDir)?.checkpoints)),
    ...specPaths.map(specItem),
    {
      label: `$(folder-opened) ${t("Choose a folder…")}`,
      description: t("a checkpoint in the format of Hugging Face, or a run"),
      detail: "",
      named: null,
    },
  ];
}

/**
 * What a command's argument means: a run (its newest checkpoint) or a checkpoint of the Runs view, or a folder of the
 * Explorer. undefined means: ask.
 */
export function sourceOf(argument: unknown): NamedSource | undefined {
  if (typeof argument !== "object" || argument === null) return undefined;
  if ("kind" in argument && "file" in argument && typeof argument.file === "string") {
    const isTalkable = argument.kind === "run" || argument.kind === "checkpoint";
    return isTalkable ? folderSource(argument.file) : undefined;
  }
  return "fsPath" in argument && typeof argument.fsPath === "string" ? folderSource(argument.fsPath) : undefined;
}

export function folderSource(dir: string): NamedSource {
  const name = /^step-\d+$/.test(path.basename(dir))
    ? path.basename(path.dirname(path.dirname(dir)))
    : path.basename(dir);
  return { name, source: { kind: "folder", dir } };
}

function checkpointItems(
  { summary: { runDir, name, state } }: TrackedRun,
  checkpoints: readonly number[] | undefined,
): readonly SourceItem[] {
  const steps = checkpoints ?? (state.lastCheckpoint === null ? [] : [state.lastCheckpoint]);
  return [...steps]
    .sort((a, b) => b - a)
    .map((step) => ({
      label: `$(save) ${t("{0}, step {1}", name, step)}`,
      description: step === state.lastCheckpoint ? t("latest") : "",
      detail: runDir,
      named: { name: t("{0}, step {1}", name, step), source: { kind: "checkpoint", runDir, step } },
    }));
}

function specItem(specPath: string): SourceItem {
  const name = path.basename(specPath);
  return {
    label: `$(file) ${name}`,
    description: t("the model that it starts from"),
    detail: specPath,
    named: { name, source: { kind: "spec", specPath } },
  };
}

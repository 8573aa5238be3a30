import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import { importRollouts } from "../../protocol/messages.ts";
import type { CommandHandlers } from "../commandRegistration.ts";
import type { CommandId } from "../commands.ts";
import type { Engine } from "../engine/engineClient.ts";
import type { RunFolders } from "../runs/runFolders.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";
import { withEngineProgress } from "../setup/engineProgress.ts";
import { importedText, importPathOf, readImportedRuns } from "./importTexts.ts";

export interface ImportServices {
  readonly registry: RunRegistry;
  readonly folders: RunFolders;
  readonly workspaceState: vscode.Memento;
  readonly log: vscode.LogOutputChannel;
  readonly openViewer: (runDir: string) => void;
}

/** Runs that this workspace has imported; they lie in the cache. */
const importedRunsKey = "videoRft.importedRuns";

/** Rollouts of other trainers: imported into run folders of ours, and listed with the runs of the workspace. */
export class ImportFeature {
  private readonly services: ImportServices;

  readonly handlers: Pick<CommandHandlers, "videoRft.importRollouts"> = {
    "videoRft.importRollouts": (engine, argument) => this.import(engine, argument),
  };

  constructor(services: ImportServices) {
    this.services = services;
    for (const runDir of this.remembered) services.folders.addRun(runDir);
  }

  private async import(engine: Engine, argument: unknown): Promise<void> {
    const path = importPathOf(argument) ?? (await chooseLog());
    if (path === undefined) return;
    const { registry, log, openViewer } = this.services;
    const { runDir, imported } = await withEngineProgress(
      engine,
      { task: "import", title: t("Importing rollouts") },
      (token) => engine.request(importRollouts, { path, outDir: null }, token),
    );
    for (const note of imported.notes) log.info(`${path}: ${note}`);
    await this.remember(runDir);
    await registry.reread(runDir);
    openViewer(runDir);
    void this.tell(runDir, importedText(imported), imported.unread > 0);
  }

  private async tell(runDir: string, text: string, isWarning: boolean): Promise<void> {
    const showLog: CommandId = "videoRft.showRunLog";
    const show = isWarning ? vscode.window.showWarningMessage : vscode.window.showInformationMessage;
    if ((await show(text, t("Show Log"))) === t("Show Log")) await vscode.commands.executeCommand(showLog, { runDir });
  }

  private get remembered(): readonly string[] {
    return readImportedRuns(this.services.workspaceState.get(importedRunsKey));
  }

  private async remember(runDir: string): Promise<void> {
    const { folders, workspaceState } = this.services;
    folders.addRun(runDir);
    await workspaceState.update(importedRunsKey, [...new Set([...this.remembered, runDir])]);
  }
}

/** Linux and Windows have no dialog for both, so the user says first whether it is a file or a folder. */
async function chooseLog(): Promise<string | undefined> {
  const kinds = [
    {
      label: `$(file) ${t("File…")}`,
      description: t("completions.jsonl of ms-swift, a Parquet file of TRL, a .jsonl of verl"),
      isFolder: false,
    },
    {
      label: `$(folder) ${t("Folder…")}`,
      description: t("completions of TRL, rollout_data_dir of verl"),
      isFolder: true,
    },
  ];
  const title = t("Import Rollouts of Another Trainer");
  const kind = await vscode.window.showQuickPick(kinds, { title, placeHolder: t("Where are the rollouts?") });
  if (kind === undefined) return undefined;
  const chosen = await vscode.window.showOpenDialog({
    title,
    openLabel: t("Import"),
    canSelectFiles: !kind.isFolder,
    canSelectFolders: kind.isFolder,
    ...(kind.isFolder ? {} : { filters: { Rollouts: ["jsonl", "parquet"], "All files": ["*"] } }),
    ...defaultFolder(),
  });
  return chosen?.[0]?.fsPath;
}

function defaultFolder(): { readonly defaultUri?: vscode.Uri } {
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === "file");
  return folder === undefined ? {} : { defaultUri: folder.uri };
}

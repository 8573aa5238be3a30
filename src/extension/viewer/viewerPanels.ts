import path from "node:path";
import * as vscode from "vscode";
import type { RolloutCommand, ViewerAction, ViewerEvidence } from "../../protocol/view.ts";
import { contextKeys, type CommandId } from "../commands.ts";
import type { Engine } from "../engine/engineClient.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import type { RunColumns } from "../runs/runColumns.ts";
import type { RegistryEvent, RunRegistry } from "../runs/runRegistry.ts";
import { cacheDir, type ExtensionPaths } from "../setup/settings.ts";
import { viewerShortcuts } from "../viewerCommands.ts";
import { enginePorts } from "./enginePorts.ts";
import { connectPage } from "./pagePanel.ts";
import { readOpenViewers, viewerTitle, type OpenViewerRecord } from "./openViewers.ts";
import { RolloutSearch } from "./rolloutSearch.ts";
import { isViewerMessage, ViewerHost } from "./viewerHost.ts";

export const viewerViewType = "videoRft.rollouts";

export interface ViewerServices {
  readonly engine: Engine;
  readonly registry: RunRegistry;
  readonly columns: RunColumns;
  readonly paths: ExtensionPaths;
  readonly workspaceState: vscode.Memento;
  readonly showError: (error: unknown) => void;
}

/** Which run a panel shows, kept over reloads of the window by the panel's title, which is unique. */
const openViewersKey = "videoRft.openViewers";

interface OpenViewer {
  readonly runDir: string;
  readonly panel: vscode.WebviewPanel;
  readonly host: ViewerHost;
}

/** The rollout viewers of this window, one panel a run; and the custom editors that show one. */
export class ViewerPanels implements vscode.WebviewPanelSerializer, Disposable {
  private readonly services: ViewerServices;
  /** By run folder; those in a custom editor by a key of their own. */
  private readonly viewers = new Map<string, OpenViewer>();
  private editorCount = 0;
  private readonly scope = new DisposableStore();
  private readonly search: RolloutSearch;
  private records: readonly OpenViewerRecord[];

  constructor(services: ViewerServices) {
    this.services = services;
    this.search = this.scope.add(new RolloutSearch(services.engine));
    this.records = readOpenViewers(services.workspaceState.get(openViewersKey));
    this.scope.add(vscode.window.registerWebviewPanelSerializer(viewerViewType, this));
    this.scope.add(services.registry.onEvent((event) => this.heard(event)));
  }

  /** Shows the viewer of a run; a second call brings it to the front. `beside` leaves the editor in front its place. */
  open(runDir: string, beside = false): void {
    const existing = this.viewers.get(runDir);
    if (existing !== undefined) return existing.panel.reveal(undefined, beside);
    const name = this.services.registry.get(runDir)?.summary.name ?? path.basename(runDir);
    const title = viewerTitle(runDir, name, this.records);
    const viewColumn = beside ? vscode.ViewColumn.Beside : vscode.ViewColumn.Active;
    const panel = vscode.window.createWebviewPanel(
      viewerViewType,
      title,
      { viewColumn, preserveFocus: beside },
      {
        enableFindWidget: true,
        ...this.webviewOptions(runDir),
      },
    );
    this.remember([...this.records.filter((record) => record.runDir !== runDir), { runDir, title }]);
    this.adopt(panel, runDir);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel): Promise<void> {
    const runDir = this.records.find((record) => record.title === panel.title)?.runDir;
    if (runDir === undefined || this.viewers.has(runDir)) {
      panel.dispose();
      return;
    }
    panel.webview.options = this.webviewOptions(runDir);
    this.adopt(panel, runDir);
  }

  /** Makes a viewer of a custom editor's panel; it belongs to a file, so VS Code keeps it by that. */
  adoptEditor(panel: vscode.WebviewPanel, runDir: string, step: number): void {
    panel.webview.options = this.webviewOptions(runDir);
    this.editorCount += 1;
    const host = this.adopt(panel, runDir, `${runDir}#${this.editorCount}`);
    host.goTo({ step, group: 0, completion: 0, following: false });
  }

  /** Sends an action to the viewer that has the focus. */
  act(action: ViewerAction): void {
    for (const { panel } of this.viewers.values()) {
      if (panel.active) void panel.webview.postMessage({ kind: "action", action });
    }
  }

  /** Shows a rollout in the viewer of its run, beside the editor that the user is in. */
  show(runDir: string, id: string): void {
    const [step = 0, group = 0, completion = 0] = id.split("/").map(Number);
    this.open(runDir, vscode.window.activeTextEditor !== undefined);
    this.viewers.get(runDir)?.host.goTo({ step, group, completion, following: false });
  }

  /** Draws a value of a stopped reward function in the viewer of its run, where one is open. */
  showEvidence(runDir: string, evidence: ViewerEvidence | null): void {
    this.viewers.get(runDir)?.host.showEvidence(evidence);
  }

  /** The viewer in front, else one that can be seen: its run and the step that it shows. */
  get onScreen(): { readonly runDir: string; readonly step: number | undefined } | undefined {
    const open = [...this.viewers.values()];
    const found = open.find(({ panel }) => panel.active) ?? open.find(({ panel }) => panel.visible);
    return found === undefined ? undefined : { runDir: found.runDir, step: found.host.step };
  }

  /** Run of the viewer in front. */
  get activeRunDir(): string | undefined {
    return [...this.viewers.values()].find(({ panel }) => panel.active)?.runDir;
  }

  /** The panels stay: VS Code keeps them for the next window on this workspace. */
  dispose(): void {
    this.scope.dispose();
    this.viewers.clear();
  }

  /** Setting the roots drops VS Code's own (the workspace and the extension): a page reads these folders only. */
  private webviewOptions(runDir: string): vscode.WebviewOptions {
    const { paths } = this.services;
    const roots = [paths.pagesDir, paths.mediaDir, cacheDir(paths), runDir];
    return { enableScripts: true, localResourceRoots: roots.map((root) => vscode.Uri.file(root)) };
  }

  private adopt(panel: vscode.WebviewPanel, runDir: string, key = runDir): ViewerHost {
    const host = this.createHost(panel, runDir);
    this.viewers.set(key, { runDir, panel, host });
    const { paths, showError } = this.services;
    connectPage(panel, {
      ...{ name: "rollouts", paths, host, isMessage: isViewerMessage, showError },
      onViewState: () => this.updateFocus(),
      onDispose: () => {
        this.viewers.delete(key);
        if (key === runDir) this.remember(this.records.filter((record) => record.runDir !== runDir));
        this.updateFocus();
      },
    });
    this.updateFocus();
    return host;
  }

  private createHost(panel: vscode.WebviewPanel, runDir: string): ViewerHost {
    const { engine, registry, columns, showError } = this.services;
    return new ViewerHost({
      details: () => registry.details(runDir),
      tracked: () => registry.get(runDir),
      toUri: (file) => panel.webview.asWebviewUri(vscode.Uri.file(file)).toString(),
      post: (message) => void panel.webview.postMessage(message),
      shortcuts: viewerShortcuts(process.platform === "darwin"),
      ...enginePorts(runDir, { engine, columns, search: this.search, isTrusted: () => vscode.workspace.isTrusted }),
      runs: () =>
        registry.runs.map(({ summary: { runDir: dir, name, state } }) => ({ runDir: dir, name, steps: state.step })),
      openShortcuts: () =>
        void vscode.commands.executeCommand("workbench.action.openGlobalKeybindings", "videoRft.viewer"),
      runCommand: (command) => void vscode.commands.executeCommand(pageCommands[command], { runDir }),
      rolloutCommand: (command, id) =>
        void vscode.commands.executeCommand(rolloutCommandIds[command], { runDir, id, ids: [id] }),
      failed: showError,
    });
  }

  private heard(event: RegistryEvent): void {
    for (const { runDir, host } of this.viewers.values()) {
      if (event.runDir !== null && event.runDir !== runDir) continue;
      switch (event.kind) {
        case "changed":
          host.stateChanged().catch(this.services.showError);
          break;
        case "details":
          host.refreshRun().catch(this.services.showError);
          break;
        case "groups":
          host.groupsWritten(event.step).catch(this.services.showError);
          break;
      }
    }
  }

  private remember(records: readonly OpenViewerRecord[]): void {
    this.records = records;
    void this.services.workspaceState.update(openViewersKey, records);
  }

  private updateFocus(): void {
    const isFocused = [...this.viewers.values()].some(({ panel }) => panel.active);
    void vscode.commands.executeCommand("setContext", contextKeys.viewerFocused, isFocused);
  }
}

const pageCommands: Readonly<Record<"showLog" | "stopRun" | "resumeRun", CommandId>> = {
  showLog: "videoRft.showRunLog",
  stopRun: "videoRft.stopRun",
  resumeRun: "videoRft.resumeRun",
};

const rolloutCommandIds: Readonly<Record<RolloutCommand, CommandId>> = {
  debugReward: "videoRft.debugReward",
  pinCase: "videoRft.pinCase",
  openText: "videoRft.openRolloutText",
  compareText: "videoRft.compareRollouts",
  copyLink: "videoRft.copyRolloutLink",
};

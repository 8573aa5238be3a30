import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import { readTimings } from "../../protocol/messages.ts";
import type { Engine } from "../engine/engineClient.ts";
import { DisposableStore, throttle, type Disposable } from "../lifetime.ts";
import type { RegistryEvent, RunRegistry } from "../runs/runRegistry.ts";
import type { ExtensionPaths } from "../setup/settings.ts";
import { connectPage } from "../viewer/pagePanel.ts";
import { chooseRuns } from "./chooseRuns.ts";
import { DashboardHost, isDashboardMessage, savedRunDirs } from "./dashboardHost.ts";

export const dashboardViewType = "videoRft.dashboard";

/** A running run writes a step in as little as some milliseconds; its curves are drawn this often at most. */
const refreshEveryMs = 1000;

export interface DashboardServices {
  readonly engine: Engine;
  readonly registry: RunRegistry;
  readonly paths: ExtensionPaths;
  readonly showRollout: (runDir: string, id: string) => void;
  readonly showError: (error: unknown) => void;
}

interface OpenDashboard {
  readonly panel: vscode.WebviewPanel;
  readonly host: DashboardHost;
}

/** The dashboard of this window: one panel, which overlays up to four runs. */
export class DashboardPanel implements vscode.WebviewPanelSerializer, Disposable {
  private readonly services: DashboardServices;
  private readonly scope = new DisposableStore();
  private current: OpenDashboard | undefined;
  /** Runs that have changed since the page was last told; null among them: any may have. */
  private readonly changed = new Set<string | null>();
  private readonly refresh: () => void;

  constructor(services: DashboardServices) {
    this.services = services;
    this.refresh = this.scope.add(
      throttle(
        () => refreshEveryMs,
        () => this.tellChanges(),
      ),
    );
    this.scope.add(vscode.window.registerWebviewPanelSerializer(dashboardViewType, this));
    this.scope.add(services.registry.onEvent((event) => this.heard(event)));
  }

  /** Shows a run, in the dashboard that is open where there is one. */
  open(runDir: string): void {
    if (this.current !== undefined) {
      const { panel, host } = this.current;
      panel.reveal();
      if (!host.runDirs.includes(runDir)) host.show([runDir]).catch(this.services.showError);
      return;
    }
    const panel = vscode.window.createWebviewPanel(
      dashboardViewType,
      t("RFT Dashboard"),
      vscode.ViewColumn.Active,
      this.webviewOptions(),
    );
    this.adopt(panel, [runDir]);
  }

  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    if (this.current !== undefined) {
      panel.dispose();
      return;
    }
    panel.webview.options = this.webviewOptions();
    this.adopt(panel, savedRunDirs(state));
  }

  /** First run of the dashboard in front. */
  get activeRunDir(): string | undefined {
    return this.current?.panel.active === true ? this.current.host.runDirs[0] : undefined;
  }

  dispose(): void {
    this.scope.dispose();
  }

  private webviewOptions(): vscode.WebviewOptions {
    return { enableScripts: true, localResourceRoots: [vscode.Uri.file(this.services.paths.pagesDir)] };
  }

  private adopt(panel: vscode.WebviewPanel, runDirs: readonly string[]): void {
    const { showError, paths } = this.services;
    const host = this.createHost(panel, runDirs);
    this.current = { panel, host };
    connectPage(panel, {
      ...{ name: "dashboard", paths, host, isMessage: isDashboardMessage, showError },
      onDispose: () => (this.current = undefined),
    });
  }

  private createHost(panel: vscode.WebviewPanel, runDirs: readonly string[]): DashboardHost {
    const { engine, registry, showRollout } = this.services;
    return new DashboardHost(
      {
        details: (runDir) => registry.details(runDir),
        timings: async (runDir) => (await engine.request(readTimings, { runDir })).timings,
        tracked: (runDir) => registry.get(runDir),
        post: (message) => void panel.webview.postMessage(message),
        chooseRuns: (shown) => chooseRuns(registry, shown),
        showRollouts: showRollout,
      },
      runDirs,
    );
  }

  /** Progress within a step is told often, and changes no curve. */
  private heard({ kind, runDir }: RegistryEvent): void {
    if (kind === "changed" && runDir !== null) {
      this.current?.host.stateChanged(runDir).catch(this.services.showError);
    } else if (kind !== "groups") {
      this.changed.add(runDir);
      this.refresh();
    }
  }

  private async tellChanges(): Promise<void> {
    const changed = [...this.changed];
    this.changed.clear();
    const { host } = this.current ?? {};
    if (host === undefined) return;
    const all = changed.includes(null) ? [null] : changed;
    await Promise.all(all.map((runDir) => host.runChanged(runDir).catch(this.services.showError)));
  }
}

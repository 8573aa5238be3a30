import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import type { CommandId } from "../commands.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import type { RunRegistry } from "./runRegistry.ts";
import type { TreeRow } from "./runsTree.ts";
import { runChildRows, runRow } from "./runsTree.ts";

export const runsViewId = "videoRft.runs";

/** The Runs view: draws the rows that runsTree.ts makes. */
export class RunsView implements vscode.TreeDataProvider<TreeRow>, Disposable {
  private readonly registry: RunRegistry;
  private readonly showError: (error: unknown) => void;
  private readonly shownEmpty: () => void;
  private readonly changed = new vscode.EventEmitter<TreeRow | undefined>();
  private readonly scope = new DisposableStore();
  /** Rows that are shown, since VS Code refreshes a row by the object that it got. */
  private readonly shown = new Map<string, TreeRow>();

  readonly onDidChangeTreeData = this.changed.event;

  /** `shownEmpty` is called when the view shows its welcome. */
  constructor(registry: RunRegistry, showError: (error: unknown) => void, shownEmpty: () => void) {
    this.shownEmpty = shownEmpty;
    this.registry = registry;
    this.showError = showError;
    const view = vscode.window.createTreeView(runsViewId, { treeDataProvider: this, showCollapseAll: true });
    this.scope.add(view);
    this.scope.add(this.changed);
    this.scope.add(
      registry.onEvent((event) => {
        if (event.kind !== "groups")
          this.changed.fire(event.runDir === null ? undefined : this.shown.get(event.runDir));
      }),
    );
  }

  async getChildren(row?: TreeRow): Promise<TreeRow[]> {
    try {
      return row === undefined ? await this.runRows() : [...runChildRows(await this.registry.details(row.runDir))];
    } catch (error) {
      this.showError(error);
      return [];
    }
  }

  getTreeItem(row: TreeRow): vscode.TreeItem {
    const current = row.kind === "run" ? this.currentRow(row) : row;
    const isRun = current.kind === "run";
    const folding = isRun ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None;
    const item = new vscode.TreeItem(current.label, folding);
    item.id = current.id;
    item.description = current.description;
    item.tooltip = current.tooltip;
    item.contextValue = current.contextValue;
    item.accessibilityInformation = { label: current.accessibilityLabel };
    const { name, color } = current.icon;
    item.iconPath = new vscode.ThemeIcon(name, color === undefined ? undefined : new vscode.ThemeColor(color));
    if (current.kind === "evaluation") {
      const command: CommandId = "videoRft.openEvaluationReport";
      item.command = { command, title: t("Open Evaluation Report"), arguments: [current] };
    } else if (isRun) {
      const command: CommandId = "videoRft.openRollouts";
      item.command = { command, title: t("Open Rollouts"), arguments: [current] };
    }
    return item;
  }

  dispose(): void {
    this.scope.dispose();
  }

  private async runRows(): Promise<TreeRow[]> {
    if (!this.registry.hasListed) await this.registry.refresh();
    const rows = this.registry.runs.map(runRow);
    this.shown.clear();
    for (const row of rows) this.shown.set(row.runDir, row);
    if (rows.length === 0) this.shownEmpty();
    return rows;
  }

  private currentRow(row: TreeRow): TreeRow {
    const run = this.registry.get(row.runDir);
    return run === undefined ? row : runRow(run);
  }
}

import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import type { CommandId } from "../commands.ts";
import { thrownText } from "../errorText.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import type { RunColumns } from "../runs/runColumns.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";
import { recordedSpread, worstRollouts } from "./recordedRewards.ts";
import type { Rescoring } from "./rescoring.ts";
import { rewardRow, rolloutRows, rowsShown, type RewardRow } from "./rewardsTree.ts";
import type { RewardTargets } from "./rewardTargets.ts";

export interface RewardsViewServices {
  readonly registry: RunRegistry;
  readonly columns: RunColumns;
  readonly targets: RewardTargets;
  readonly rescoring: Rescoring;
  readonly onScreen: () => { readonly runDir: string } | undefined;
  readonly log: vscode.LogOutputChannel;
}

/** The Rewards view: the rewards of the run in front, what they come to, and the rollouts that do worst by each. */
export class RewardsView implements vscode.TreeDataProvider<RewardRow>, Disposable {
  private readonly services: RewardsViewServices;
  private readonly changed = new vscode.EventEmitter<undefined>();
  private readonly scope = new DisposableStore();
  private readonly view: vscode.TreeView<RewardRow>;

  readonly onDidChangeTreeData = this.changed.event;

  constructor(services: RewardsViewServices) {
    this.services = services;
    this.view = vscode.window.createTreeView("videoRft.rewards", { treeDataProvider: this });
    this.scope.add(this.view);
    this.scope.add(this.changed);
    this.scope.add(vscode.window.tabGroups.onDidChangeTabs(() => this.refreshWhenMoved()));
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  async getChildren(row?: RewardRow): Promise<RewardRow[]> {
    try {
      if (row === undefined) return await this.rewardRows();
      return row.kind === "reward" ? await this.rolloutRows(row) : [];
    } catch (error) {
      this.services.log.warn(`Cannot list the rewards: ${thrownText(error)}`);
      return [];
    }
  }

  getTreeItem(row: RewardRow): vscode.TreeItem {
    const isReward = row.kind === "reward";
    const folding = isReward ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None;
    const item = new vscode.TreeItem(isReward ? row.name : row.id, folding);
    item.id = isReward ? `${row.runDir}:${row.name}` : undefined;
    item.description = row.description;
    item.tooltip = row.tooltip;
    const [name = "", modifier] = row.icon.split(" ");
    item.iconPath = new vscode.ThemeIcon(name, modifier === undefined ? undefined : new vscode.ThemeColor(modifier));
    item.contextValue = `${row.kind}.${row.target === null ? "builtIn" : "code"}`;
    if (row.kind === "rollout") {
      const command: CommandId = "videoRft.showRollouts";
      item.command = { command, title: t("Show Rollout"), arguments: [{ runDir: row.runDir, ids: [row.id] }] };
    } else if (row.target !== null) {
      const uri = vscode.Uri.file(row.target.file);
      item.command = { command: "vscode.open", title: t("Open"), arguments: [uri] };
    }
    return item;
  }

  dispose(): void {
    this.scope.dispose();
  }

  private shownRunDir = "";

  private refreshWhenMoved(): void {
    if (this.runDir() !== this.shownRunDir) this.refresh();
  }

  private runDir(): string | undefined {
    const { onScreen, registry } = this.services;
    return onScreen()?.runDir ?? registry.runs[0]?.summary.runDir;
  }

  private async rewardRows(): Promise<RewardRow[]> {
    const { registry, targets, columns, rescoring } = this.services;
    if (!registry.hasListed) await registry.refresh();
    const runDir = this.runDir();
    this.shownRunDir = runDir ?? "";
    if (runDir === undefined) return [];
    this.view.description = registry.get(runDir)?.summary.name ?? "";
    const blocks = await columns.read(runDir);
    const ofRun = await targets.ofRun(runDir);
    return (await targets.rewardsOf(runDir)).map((reward) => {
      const target = ofRun.find((candidate) => candidate.function === reward.name) ?? null;
      const state = target === null ? undefined : rescoring.get(target);
      return rewardRow(runDir, reward, { recorded: recordedSpread(blocks, reward.name), target, state });
    });
  }

  private async rolloutRows({ runDir, name, target }: Extract<RewardRow, { kind: "reward" }>): Promise<RewardRow[]> {
    const state = target === null ? undefined : this.services.rescoring.get(target);
    const worst = worstRollouts(await this.services.columns.read(runDir), name, rowsShown);
    return [...rolloutRows(runDir, name, target, state, worst)];
  }
}

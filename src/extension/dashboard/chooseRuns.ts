import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import { maxDashboardRuns } from "../../protocol/dashboard.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";
import { displayStatus, rewardText, stepText } from "../runs/runView.ts";

interface RunItem extends vscode.QuickPickItem {
  readonly runDir: string;
}

/** Lets the user choose the runs to overlay; undefined when it was left without a choice. */
export async function chooseRuns(
  registry: RunRegistry,
  shown: readonly string[],
): Promise<readonly string[] | undefined> {
  await registry.refresh();
  const items: readonly RunItem[] = registry.runs.map((run) => ({
    label: run.summary.name,
    description: [displayStatus(run), stepText(run), rewardText(run)].filter((part) => part !== undefined).join(" · "),
    detail: run.summary.runDir,
    runDir: run.summary.runDir,
  }));
  const pick = vscode.window.createQuickPick<RunItem>();
  try {
    pick.title = t("Runs in the Dashboard (at most {0})", maxDashboardRuns);
    pick.placeholder = t("Choose the runs to overlay");
    pick.canSelectMany = true;
    pick.matchOnDescription = true;
    pick.matchOnDetail = true;
    pick.items = items;
    pick.selectedItems = items.filter(({ runDir }) => shown.includes(runDir));
    pick.onDidChangeSelection((selected) => {
      // The first of too many goes: a box that is ticked stays ticked.
      if (selected.length > maxDashboardRuns) pick.selectedItems = selected.slice(-maxDashboardRuns);
    });
    const chosen = await new Promise<readonly RunItem[] | undefined>((resolve) => {
      pick.onDidAccept(() => resolve(pick.selectedItems));
      pick.onDidHide(() => resolve(undefined));
      pick.show();
    });
    if (chosen === undefined) return undefined;
    // Runs that stay keep their colours.
    const chosenDirs = chosen.map(({ runDir }) => runDir);
    const kept = shown.filter((runDir) => chosenDirs.includes(runDir));
    return [...kept, ...chosenDirs.filter((runDir) => !kept.includes(runDir))];
  } finally {
    pick.dispose();
  }
}

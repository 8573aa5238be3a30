import { t } from "@vscode/l10n";
import * as vscode from "vscode";

/** A list of rollouts; moving through it shows each beside it, so that the viewer is looked at and not the list. */
export async function pickRollout<Item extends vscode.QuickPickItem & { readonly id: string | null }>(
  items: readonly Item[],
  title: string,
  show: (id: string) => void,
): Promise<void> {
  const chosen = await vscode.window.showQuickPick(items, {
    title,
    placeHolder: items.length === 0 ? t("No rollouts") : t("Choose a rollout to show"),
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (chosen?.id !== null && chosen?.id !== undefined) show(chosen.id);
}

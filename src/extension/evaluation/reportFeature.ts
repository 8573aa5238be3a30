import { t } from "@vscode/l10n";
import fs from "node:fs";
import * as vscode from "vscode";
import { makeEvaluationReport } from "../../protocol/messages.ts";
import type { CommandHandlers } from "../commandRegistration.ts";
import type { Engine } from "../engine/engineClient.ts";
import { reportPlacesOf, reportTitle, type ReportPlaces } from "./reportPlaces.ts";

const reportViewType = "videoRft.evaluationReport";

/** Reports of evaluations in panels: the page that `video-rft report` writes, which runs no script and loads nothing. */
export class ReportFeature {
  readonly handlers: Pick<CommandHandlers, "videoRft.openEvaluationReport"> = {
    "videoRft.openEvaluationReport": (engine, argument) => this.open(engine, argument),
  };

  /** One panel for the same files; opening it again makes the page anew. */
  private readonly panels = new Map<string, vscode.WebviewPanel>();

  private async open(engine: Engine, argument: unknown): Promise<void> {
    const places = reportPlacesOf(argument, fs.existsSync) ?? (await chooseEvaluations());
    if (places === undefined) return;
    const options = {
      location: vscode.ProgressLocation.Notification,
      title: t("Making the evaluation report"),
      cancellable: true,
    };
    const { html } = await vscode.window.withProgress(options, (_progress, token) =>
      engine.request(makeEvaluationReport, { places }, token),
    );
    const panel = this.panelOf(places);
    panel.webview.html = html;
    panel.reveal();
  }

  private panelOf(places: ReportPlaces): vscode.WebviewPanel {
    const key = JSON.stringify(places);
    const known = this.panels.get(key);
    if (known !== undefined) return known;
    const panel = vscode.window.createWebviewPanel(reportViewType, reportTitle(places), vscode.ViewColumn.Active, {
      enableScripts: false,
      enableFindWidget: true,
      localResourceRoots: [],
    });
    this.panels.set(key, panel);
    panel.onDidDispose(() => this.panels.delete(key));
    return panel;
  }
}

async function chooseEvaluations(): Promise<ReportPlaces | undefined> {
  const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === "file");
  const chosen = await vscode.window.showOpenDialog({
    title: t("Open Evaluation Report"),
    openLabel: t("Open Report"),
    canSelectMany: true,
    filters: { [t("Evaluations")]: ["json"] },
    ...(folder === undefined ? {} : { defaultUri: folder.uri }),
  });
  const [first, ...others] = (chosen ?? []).map(({ fsPath }) => fsPath);
  return first === undefined ? undefined : [first, ...others];
}

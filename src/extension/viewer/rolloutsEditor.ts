import { t } from "@vscode/l10n";
import fs from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import type { CommandId } from "../commands.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import type { ExtensionPaths } from "../setup/settings.ts";
import { explanationHtml, rolloutsFileOf, whyNoRun } from "./rolloutsFile.ts";
import type { ViewerPanels } from "./viewerPanels.ts";

export const rolloutsFileViewType = "videoRft.rolloutsFile";

/** VS Code's own: the same file as text. */
const reopenAsText = "workbench.action.reopenTextEditor";

/** Shows `rollouts/step-000001.jsonl` of a run folder as the viewer of the run, at that step. Nothing is ever written. */
export class RolloutsEditor implements vscode.CustomReadonlyEditorProvider, Disposable {
  private readonly viewers: ViewerPanels;
  private readonly paths: ExtensionPaths;
  private readonly scope = new DisposableStore();

  constructor(viewers: ViewerPanels, paths: ExtensionPaths) {
    this.viewers = viewers;
    this.paths = paths;
    this.scope.add(vscode.window.registerCustomEditorProvider(rolloutsFileViewType, this));
  }

  openCustomDocument(uri: vscode.Uri): vscode.CustomDocument {
    return { uri, dispose: () => undefined };
  }

  async resolveCustomEditor({ uri }: vscode.CustomDocument, panel: vscode.WebviewPanel): Promise<void> {
    const found = uri.scheme === "file" ? rolloutsFileOf(uri.fsPath) : undefined;
    if (found === undefined || !(await isRun(found.runDir))) this.explain(uri, panel.webview);
    else this.viewers.adoptEditor(panel, found.runDir, found.step);
  }

  dispose(): void {
    this.scope.dispose();
  }

  private explain(uri: vscode.Uri, webview: vscode.Webview): void {
    const importCommand: CommandId = "videoRft.importRollouts";
    const mediaDir = vscode.Uri.file(this.paths.mediaDir);
    webview.options = { enableCommandUris: [importCommand, reopenAsText], localResourceRoots: [mediaDir] };
    const isLocal = uri.scheme === "file";
    const importUri = `command:${importCommand}?${encodeURIComponent(JSON.stringify([uri.fsPath]))}`;
    webview.html = explanationHtml({
      file: uri.path,
      reason: isLocal ? whyNoRun(uri.fsPath) : t("Only files on a disk are shown: this one is kept elsewhere."),
      cspSource: webview.cspSource,
      styleUri: webview.asWebviewUri(vscode.Uri.joinPath(mediaDir, "explanation.css")).toString(),
      links: [
        ...(isLocal ? [{ text: t("Import these rollouts"), uri: importUri }] : []),
        { text: t("Open the file as text"), uri: `command:${reopenAsText}` },
      ],
    });
  }
}

async function isRun(runDir: string): Promise<boolean> {
  return fs.access(path.join(runDir, "run.json")).then(
    () => true,
    () => false,
  );
}

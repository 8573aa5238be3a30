import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import { runDoctor } from "../../protocol/messages.ts";
import { commandTable, type CommandId } from "../commands.ts";
import type { Engine } from "../engine/engineClient.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import { doctorReport, ffmpegFailed } from "./doctorReport.ts";
import { setFfmpegMissing } from "./ffmpeg.ts";

const reportUri = vscode.Uri.from({ scheme: "video-rft-doctor", path: t("Doctor") });

/** Shows the engine's checks as a read-only document, which can be read whole, searched and copied. */
export class Doctor implements Disposable {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  private readonly scope = new DisposableStore();
  private report = "";

  constructor() {
    this.scope.add(this.changed);
    const provider = { onDidChange: this.changed.event, provideTextDocumentContent: () => this.report };
    this.scope.add(vscode.workspace.registerTextDocumentContentProvider(reportUri.scheme, provider));
  }

  async show(engine: Engine): Promise<void> {
    const progress = { location: vscode.ProgressLocation.Window, title: t("Video RFT: checking this machine") };
    const { checks } = await vscode.window.withProgress(progress, () => engine.request(runDoctor, {}));
    this.report = doctorReport(checks);
    this.changed.fire(reportUri);
    const isMissing = ffmpegFailed(checks);
    await setFfmpegMissing(isMissing);
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(reportUri), { preview: true });
    if (isMissing) void offerRemedy(t("No ffmpeg was found on this machine."), "videoRft.fetchFfmpeg");
  }

  dispose(): void {
    this.scope.dispose();
  }
}

async function offerRemedy(message: string, command: CommandId): Promise<void> {
  const { title } = commandTable[command];
  const chosen = await vscode.window.showWarningMessage(message, title);
  if (chosen === title) await vscode.commands.executeCommand(command);
}

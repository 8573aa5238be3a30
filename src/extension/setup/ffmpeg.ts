import * as vscode from "vscode";
import { fetchFfmpeg } from "../../protocol/messages.ts";
import { UserError } from "../../protocol/errors.ts";
import type { Engine } from "../engine/engineClient.ts";
import { contextKeys } from "../commands.ts";
import { withEngineProgress } from "./engineProgress.ts";

/** Asks, then fetches ffmpeg into the folder. True when there is one afterwards. */
export async function offerFfmpeg(engine: Engine, dir: string): Promise<boolean> {
  const fetch = "Fetch ffmpeg";
  const chosen = await vscode.window.showInformationMessage(
    "Fetch ffmpeg from github.com?",
    {
      modal: true,
      detail: [
        "Videos are decoded by ffmpeg. This fetches the binary that the package ffmpeg-static publishes (about 80 MB, GPL-3.0-or-later), checks its checksum, and keeps it in this extension's storage.",
        `Folder: ${dir}`,
        "Without a network: install ffmpeg with the system's package manager, or set videoRft.ffmpegPath to one.",
      ].join("\n\n"),
    },
    fetch,
    "Open Setting",
  );
  if (chosen === "Open Setting") {
    await vscode.commands.executeCommand("workbench.action.openSettings", "videoRft.ffmpegPath");
    return false;
  }
  if (chosen !== fetch) return false;
  const { version } = await withEngineProgress(engine, { task: "ffmpeg", title: "Fetching ffmpeg" }, (token) =>
    engine.request(fetchFfmpeg, { dir }, token),
  );
  await setFfmpegMissing(false);
  void vscode.window.showInformationMessage(`ffmpeg ${version} is ready.`);
  return true;
}

/** The welcome text of the Runs view offers to fetch one. */
export async function setFfmpegMissing(isMissing: boolean): Promise<void> {
  await vscode.commands.executeCommand("setContext", contextKeys.ffmpegMissing, isMissing);
}

export function isFfmpegMissing(error: unknown): boolean {
  return UserError.is(error, "no-ffmpeg");
}

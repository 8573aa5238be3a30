import * as vscode from "vscode";
import { fetchFfmpeg } from "../../protocol/messages.ts";
import type { Engine } from "../engine/engineClient.ts";
import { contextKeys } from "../commands.ts";
import { withEngineProgress } from "./engineProgress.ts";
import { ffmpegPath, openFfmpegSetting } from "./settings.ts";

/** Asks, then fetches ffmpeg into the folder. True when there is one afterwards. */
export async function offerFfmpeg(engine: Engine, dir: string): Promise<boolean> {
  const inUse = ffmpegPath();
  if (inUse !== null) return sayThatSettingWins(inUse);
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
    await openFfmpegSetting();
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

async function sayThatSettingWins(file: string): Promise<false> {
  const message = `The setting videoRft.ffmpegPath names ${file}, so a fetched ffmpeg would not be used. Clear it first.`;
  const open = "Open Setting";
  if ((await vscode.window.showInformationMessage(message, open)) === open) await openFfmpegSetting();
  return false;
}

import { t } from "@vscode/l10n";
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
  const fetch = t("Fetch ffmpeg");
  const chosen = await vscode.window.showInformationMessage(
    t("Fetch ffmpeg from github.com?"),
    {
      modal: true,
      detail: [
        t(
          "Videos are decoded by ffmpeg. This fetches the binary that the package ffmpeg-static publishes (about 80 MB, GPL-3.0-or-later), checks its checksum, and keeps it in this extension's storage.",
        ),
        t("Folder: {0}", dir),
        t("Without a network: install ffmpeg with the system's package manager, or set videoRft.ffmpegPath to one."),
      ].join("\n\n"),
    },
    fetch,
    t("Open Setting"),
  );
  if (chosen === t("Open Setting")) {
    await openFfmpegSetting();
    return false;
  }
  if (chosen !== fetch) return false;
  const { version } = await withEngineProgress(engine, { task: "ffmpeg", title: t("Fetching ffmpeg") }, (token) =>
    engine.request(fetchFfmpeg, { dir }, token),
  );
  await setFfmpegMissing(false);
  void vscode.window.showInformationMessage(t("ffmpeg {0} is ready.", version));
  return true;
}

/** The welcome text of the Runs view offers to fetch one. */
export async function setFfmpegMissing(isMissing: boolean): Promise<void> {
  await vscode.commands.executeCommand("setContext", contextKeys.ffmpegMissing, isMissing);
}

async function sayThatSettingWins(file: string): Promise<false> {
  const message = t(
    "The setting videoRft.ffmpegPath names {0}, so a fetched ffmpeg would not be used. Clear it first.",
    file,
  );
  const open = t("Open Setting");
  if ((await vscode.window.showInformationMessage(message, open)) === open) await openFfmpegSetting();
  return false;
}

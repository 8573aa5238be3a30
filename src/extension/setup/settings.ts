import os from "node:os";
import path from "node:path";
import * as vscode from "vscode";
import type { EngineSettings } from "../engine/engineSession.ts";

/** Settings of the manifest, by the name after `videoRft.` */
export type NotificationSetting = "all" | "failures" | "none";

export interface ExtensionPaths {
  readonly servicePath: string;
  readonly cliPath: string;
  /** Folder that fetched programs lie in. */
  readonly ffmpegDir: string;
  /** Frame cache unless the setting or VIDEO_RFT_CACHE names another. */
  readonly defaultCacheDir: string;
  /** Sample workspaces that were made without asking where. */
  readonly demoDir: string;
  /** Folder with the launcher of `video-rft`, on the PATH of terminals. */
  readonly binDir: string;
  readonly pagesDir: string;
  readonly mediaDir: string;
  readonly recipesDir: string;
}

export function extensionPaths(context: vscode.ExtensionContext): ExtensionPaths {
  const storage = context.globalStorageUri.fsPath;
  return {
    servicePath: context.asAbsolutePath(path.join("dist", "engine", "service.cjs")),
    cliPath: context.asAbsolutePath(path.join("dist", "engine", "cli.cjs")),
    ffmpegDir: path.join(storage, "ffmpeg"),
    defaultCacheDir: path.join(storage, "cache"),
    demoDir: path.join(storage, "demo"),
    binDir: path.join(storage, "bin"),
    pagesDir: context.asAbsolutePath(path.join("dist", "webview")),
    mediaDir: context.asAbsolutePath("media"),
    recipesDir: context.asAbsolutePath(path.join("examples", "recipes")),
  };
}

export function engineSettings(paths: ExtensionPaths): EngineSettings {
  return {
    servicePath: paths.servicePath,
    cacheDir: cacheDir(paths),
    ffmpegPath: ffmpegPath(),
    pythonPath: pythonPath(),
    cwd: vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === "file")?.uri.fsPath ?? os.homedir(),
    env: { VIDEO_RFT_FFMPEG_DIR: paths.ffmpegDir },
  };
}

/** The frame cache: setting, VIDEO_RFT_CACHE, the extension's global storage. */
export function cacheDir(paths: ExtensionPaths): string {
  return text("cacheDir") || process.env["VIDEO_RFT_CACHE"] || paths.defaultCacheDir;
}

/** null lets the engine look for one. */
export function ffmpegPath(): string | null {
  return text("ffmpegPath") || null;
}

/** The interpreter of Python rewards: setting, else what the Python extension has chosen; null lets the engine look for one. */
export function pythonPath(): string | null {
  return text("python") || pythonExtensionsChoice();
}

function pythonExtensionsChoice(): string | null {
  const extension = vscode.extensions.getExtension<PythonExtension>("ms-python.python");
  return (extension?.isActive === true && extension.exports.environments?.getActiveEnvironmentPath().path) || null;
}

/** The part of the Python extension's interface that is read. */
interface PythonExtension {
  readonly environments?: { getActiveEnvironmentPath(): { readonly path: string } };
}

export async function openFfmpegSetting(): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.openSettings", "videoRft.ffmpegPath");
}

/** Absolute folders of the setting; relative ones start from each workspace folder. */
export function extraRunFolders(): readonly string[] {
  const folders = configuration().get<readonly string[]>("runFolders", []);
  const bases = vscode.workspace.workspaceFolders?.map((folder) => folder.uri.fsPath) ?? [];
  return folders
    .map((folder) => folder.trim())
    .filter((folder) => folder !== "")
    .flatMap((folder) => (path.isAbsolute(folder) ? [folder] : bases.map((base) => path.join(base, folder))));
}

export function notificationSetting(): NotificationSetting {
  return configuration().get<NotificationSetting>("notifications", "all");
}

/** Whether saving a reward file scores the rollouts of its run again. */
export function rescoresOnSave(): boolean {
  return configuration().get<boolean>("rescoreOnSave", true);
}

/** Whether lines of reward files tell how many rollouts take them. */
export function showsCoverage(): boolean {
  return configuration().get<boolean>("rewardCoverage", true);
}

export async function silenceNotifications(kind: "end" | "failure"): Promise<void> {
  const value: NotificationSetting = kind === "end" && notificationSetting() === "all" ? "failures" : "none";
  await configuration().update("notifications", value, vscode.ConfigurationTarget.Global);
}

/** Settings that a running engine process does not see until it is started again. */
export function changesEngine(event: vscode.ConfigurationChangeEvent): boolean {
  return ["ffmpegPath", "cacheDir", "python"].some((key) => event.affectsConfiguration(`videoRft.${key}`));
}

function configuration(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration("videoRft");
}

function text(key: string): string {
  return configuration().get<string>(key, "").trim();
}

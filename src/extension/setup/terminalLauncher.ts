import fs from "node:fs/promises";
import path from "node:path";

export interface LauncherTarget {
  /** The Node of VS Code: Electron, told by a variable to be Node. */
  readonly execPath: string;
  readonly cliPath: string;
  readonly cacheDir: string;
  readonly ffmpegDir: string;
}

/** Script `video-rft` for POSIX shells. Variables that the user has set win. */
export function shellLauncher(target: LauncherTarget): string {
  return [
    "#!/bin/sh",
    "# Written by the Video RFT extension each time it starts.",
    `VIDEO_RFT_CACHE="\${VIDEO_RFT_CACHE:-"${shellEscape(target.cacheDir)}"}"`,
    `VIDEO_RFT_FFMPEG_DIR="\${VIDEO_RFT_FFMPEG_DIR:-"${shellEscape(target.ffmpegDir)}"}"`,
    "export VIDEO_RFT_CACHE VIDEO_RFT_FFMPEG_DIR",
    `ELECTRON_RUN_AS_NODE=1 exec "${shellEscape(target.execPath)}" "${shellEscape(target.cliPath)}" "$@"`,
    "",
  ].join("\n");
}

/** Script `video-rft.cmd` for Windows. */
export function cmdLauncher(target: LauncherTarget): string {
  return [
    "@echo off",
    "rem Written by the Video RFT extension each time it starts.",
    "setlocal",
    `if not defined VIDEO_RFT_CACHE set "VIDEO_RFT_CACHE=${cmdEscape(target.cacheDir)}"`,
    `if not defined VIDEO_RFT_FFMPEG_DIR set "VIDEO_RFT_FFMPEG_DIR=${cmdEscape(target.ffmpegDir)}"`,
    "set ELECTRON_RUN_AS_NODE=1",
    `"${cmdEscape(target.execPath)}" "${cmdEscape(target.cliPath)}" %*`,
    "",
  ].join("\r\n");
}

/** Writes the launchers into the folder; another window may be reading them, so files are replaced at once. */
export async function writeLaunchers(dir: string, target: LauncherTarget): Promise<void> {
  await fs.mkdir(dir, { recursive: true });
  await replaceFile(path.join(dir, "video-rft"), shellLauncher(target), 0o755);
  if (process.platform === "win32") await replaceFile(path.join(dir, "video-rft.cmd"), cmdLauncher(target), 0o644);
}

async function replaceFile(file: string, text: string, mode: number): Promise<void> {
  const current = await fs.readFile(file, "utf8").catch(() => null);
  if (current === text) return;
  const temporary = `${file}.${process.pid}.new`;
  await fs.writeFile(temporary, text, { mode });
  await fs.rename(temporary, file);
}

/** For use between double quotes. */
function shellEscape(value: string): string {
  return value.replace(/[\\"$`]/g, "\\$&");
}

function cmdEscape(value: string): string {
  return value.replaceAll("%", "%%");
}

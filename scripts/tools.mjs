// Finds the programs that the project needs from the system.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

export const root = path.resolve(import.meta.dirname, "..");

/** Full path of a program on PATH, or null. */
export function onPath(name) {
  const endings = process.platform === "win32" ? [".exe", ".cmd"] : [""];
  for (const dir of (process.env.PATH ?? "").split(path.delimiter)) {
    for (const ending of endings) {
      const file = path.join(dir, name + ending);
      if (dir !== "" && fs.existsSync(file)) return file;
    }
  }
  return null;
}

/** An ffmpeg that runs: ffmpeg-static's when its binary was fetched, else the one on PATH. Null when there is none. */
export function findFfmpeg() {
  return [ffmpegStaticPath(), onPath("ffmpeg")].find((file) => file !== null && answers(file, "-version")) ?? null;
}

/** Where ffmpeg-static keeps its binary, whether it was fetched or not. Null when the package is not installed. */
export function ffmpegStaticPath() {
  try {
    return createRequire(import.meta.url)("ffmpeg-static");
  } catch {
    return null; // an optional dependency
  }
}

/** A Chromium, Chrome or Edge for the tests. `CHROMIUM` in the environment goes first. */
export function findChromium() {
  const named = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"];
  const files = [process.env.CHROMIUM, ...named.map(onPath), ...installedBrowsers()];
  return files.find((file) => file && fs.existsSync(file)) ?? null;
}

/**
 * The Vulkan driver without a graphics card that comes with a Chromium (SwiftShader), on which the tests compute with
 * WebGPU. Null when there is none, as in Chromiums of macOS and Windows.
 */
export function findSoftwareAdapter() {
  const chromium = findChromium();
  const dirs = [
    ...(chromium === null ? [] : [path.dirname(fs.realpathSync(chromium))]),
    "/usr/lib/chromium",
    "/usr/lib/chromium-browser",
    "/opt/google/chrome",
    "/opt/microsoft/msedge",
  ];
  return dirs.map((dir) => path.join(dir, "vk_swiftshader_icd.json")).find((file) => fs.existsSync(file)) ?? null;
}

/** The python3 on PATH, when it has pip. */
export function findPythonWithPip() {
  const file = onPath("python3");
  return file !== null && answers(file, "-m", "pip", "--version") ? file : null;
}

function installedBrowsers() {
  if (process.platform === "darwin") {
    return ["Google Chrome", "Chromium", "Microsoft Edge"].map(
      (app) => `/Applications/${app}.app/Contents/MacOS/${app}`,
    );
  }
  if (process.platform === "win32") {
    const folders = ["ProgramFiles", "ProgramFiles(x86)", "LocalAppData"].map((name) => process.env[name]);
    const programs = ["Google\\Chrome\\Application\\chrome.exe", "Microsoft\\Edge\\Application\\msedge.exe"];
    return folders.flatMap((dir) => (dir ? programs.map((program) => path.join(dir, program)) : []));
  }
  return [];
}

function answers(file, ...args) {
  return fs.existsSync(file) && spawnSync(file, args, { stdio: "ignore", windowsHide: true }).status === 0;
}

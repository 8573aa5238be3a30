// Makes sure that the machine has what a run (ffmpeg) and the tests (Chromium, Python, a VS Code) need. `npm start` and
// `npm test` call it; it is quick when everything is there. `--tests` adds what only the tests need.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { ffmpegStaticPath, findChromium, findFfmpeg, findPythonWithPip, onPath, root } from "./tools.mjs";

const forTests = process.argv.includes("--tests");

const needs = [
  {
    name: "ffmpeg",
    why: "decodes and encodes videos",
    find: findFfmpeg,
    packages: ["ffmpeg"],
    fallback: fetchFfmpegStatic,
    advice: {
      linux: "install it with your package manager, e.g. `sudo apt-get install ffmpeg` or `sudo dnf install ffmpeg`",
      darwin: "run `brew install ffmpeg`",
      win32: "run `winget install Gyan.FFmpeg` and open a new terminal",
    },
  },
  {
    name: "Chromium",
    why: "shows VS Code in the tests",
    testsOnly: true,
    find: findChromium,
    // On Ubuntu this package only starts an installation through snap, which a container cannot do.
    packages: osRelease().ID === "ubuntu" ? [] : ["chromium", "fonts-dejavu-core"],
    advice: {
      linux: "install Chromium or Google Chrome, or set CHROMIUM to its path",
      darwin: "run `brew install --cask google-chrome`, or set CHROMIUM to the path of one",
      win32: "run `winget install Google.Chrome`, or set CHROMIUM to the path of one",
    },
  },
  {
    name: "Python 3 with pip",
    why: "runs the Python rewards of the tests",
    testsOnly: true,
    find: findPythonWithPip,
    packages: ["python3", "python3-pip"],
    advice: {
      linux: "install them with your package manager, e.g. `sudo apt-get install python3 python3-pip`",
      darwin: "run `brew install python`",
      win32: "run `winget install Python.Python.3.13` and open a new terminal",
    },
  },
];

const wanted = needs.filter((need) => forTests || !need.testsOnly);
const missing = () => wanted.filter((need) => need.find() === null);

installWithApt(missing().flatMap((need) => need.packages));
for (const need of missing()) need.fallback?.();
const stillMissing = missing();
for (const need of stillMissing) {
  const advice = need.advice[process.platform] ?? need.advice.linux;
  console.error(`setup: ${need.name} was not found; it ${need.why}. To go on, ${advice}.`);
}
if (stillMissing.length > 0) process.exit(1);

if (forTests && process.platform === "linux" && process.arch === "x64") {
  const { installVsCode } = await import("../test/vscode/install.mjs");
  const { installDebugpy } = await import("../test/vscode/debugpy.mjs");
  const log = (line) => console.log(`setup: ${line}`);
  await installVsCode(path.join(root, ".vscode-test"), log);
  installDebugpy(path.join(root, ".vscode-test"), log);
}

/** Installs Debian packages where that is possible without asking anybody. */
function installWithApt(packages) {
  if (packages.length === 0 || process.platform !== "linux" || onPath("apt-get") === null) return;
  const sudo = process.getuid() === 0 ? [] : ["sudo", "-n"];
  if (sudo.length > 0 && (onPath("sudo") === null || spawnSync("sudo", ["-n", "true"]).status !== 0)) return;
  const apt = (...args) => {
    const [command, ...rest] = [...sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", ...args];
    return spawnSync(command, rest, { stdio: ["ignore", "inherit", "inherit"] }).status === 0;
  };
  console.log(`setup: installing ${packages.join(", ")} with apt-get`);
  apt("-o", "DPkg::Lock::Timeout=300", "update");
  apt("-o", "DPkg::Lock::Timeout=300", "install", "-y", "--no-install-recommends", ...packages);
}

/** Runs the installer of ffmpeg-static, which `npm ci` leaves out: it fetches a GPL build from its release page. */
function fetchFfmpegStatic() {
  const binary = ffmpegStaticPath();
  if (binary === null) return;
  console.log("setup: fetching ffmpeg with the installer of ffmpeg-static");
  const installer = path.join(root, "node_modules", "ffmpeg-static", "install.js");
  spawnSync(process.execPath, [installer], { stdio: ["ignore", "inherit", "inherit"], cwd: path.dirname(installer) });
}

function osRelease() {
  try {
    const lines = fs.readFileSync("/etc/os-release", "utf8").split("\n");
    return Object.fromEntries(lines.map((line) => line.replaceAll('"', "").split("=")));
  } catch {
    return {}; // not a Linux of our time
  }
}

// Puts debugpy into a folder, for the tests that stop in a Python reward. A plain machine has a python3, but not this.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const version = "1.8.22";

/** Folder to add to PYTHONPATH; `installed` says whether it is complete. */
export function debugpyIn(cacheDir) {
  const dir = path.join(cacheDir, `debugpy-${version}`);
  return { dir, installed: fs.existsSync(path.join(dir, "complete")) };
}

/** Installs with the pip of `python3` unless it is there already. */
export function installDebugpy(cacheDir, log) {
  const { dir, installed } = debugpyIn(cacheDir);
  if (installed) return;
  log(`installing debugpy ${version} for the tests into ${path.basename(cacheDir)}`);
  fs.rmSync(dir, { recursive: true, force: true });
  const options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--target", dir];
  execFileSync("python3", ["-m", "pip", "install", ...options, `debugpy==${version}`], { stdio: "inherit" });
  fs.writeFileSync(path.join(dir, "complete"), "");
}

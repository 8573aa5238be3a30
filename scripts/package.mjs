// Packages the extension for one platform: `npm run package -- --target linux-x64`. Without --target: this machine's.
// A staging folder gets exactly what belongs into the VSIX; ffmpeg and other GPL programs do not.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import * as esbuild from "esbuild";
import { builds } from "../esbuild.mjs";
import { thirdPartyNotices } from "./notices.mjs";
import { root } from "./tools.mjs";

/** The runtime's files of each platform. darwin has its library twice, and only one name is loaded. */
const targets = {
  "linux-x64": { folder: "linux/x64" },
  "linux-arm64": { folder: "linux/arm64" },
  "darwin-arm64": { folder: "darwin/arm64", leaveOut: /\.\d+\.\d+\.\d+\.dylib$/ },
  "win32-x64": { folder: "win32/x64" },
};
const largestBytes = 60_000_000;

/** Copied as they are; generated folders inside are left out. */
const content = [
  "LICENSE",
  "README.md",
  "CHANGELOG.md",
  "package.nls.json",
  "package.nls.zh-cn.json",
  "l10n",
  "media",
  "docs/images",
  "docs/chat.md",
  "docs/datasets.md",
  "docs/diagnostics",
  "docs/evaluation.md",
  "docs/rewards.md",
  "examples/moving-shapes",
  "examples/recipes",
];
const generated = new Set(["runs", "videos", "annotations", ".moving-shapes.json"]);

const target = targetOf(process.argv);
const stage = path.join(root, "out", `vsix-${target}`);
const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
const vsixFile = path.join(root, "out", `${manifest.name}-${target}-${manifest.version}.vsix`);

fs.rmSync(stage, { recursive: true, force: true });
fs.mkdirSync(stage, { recursive: true });
const bundledPackages = await buildInto(path.join(stage, "dist"));
const runtimePackages = copyRuntime(path.join(stage, "dist", "node_modules"), targets[target]);
for (const item of content) copyContent(item);
writeManifest();
fs.writeFileSync(
  path.join(stage, "ThirdPartyNotices.txt"),
  thirdPartyNotices([...new Set([...bundledPackages, ...runtimePackages])].sort()),
);
pack();

function targetOf(argv) {
  const at = argv.indexOf("--target");
  const name = at === -1 ? `${process.platform}-${process.arch}` : argv[at + 1];
  if (name in targets) return name;
  console.error(`package: no target "${name}"; there are ${Object.keys(targets).join(", ")}`);
  process.exit(2);
}

/** Builds for release; answers the packages whose code went into the bundles. */
async function buildInto(outdir) {
  const packages = [];
  for (const options of builds({ outdir, production: true })) {
    const { metafile } = await esbuild.build({ ...options, absWorkingDir: root });
    for (const input of Object.keys(metafile.inputs)) {
      const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
      if (name !== undefined) packages.push(name);
    }
  }
  return packages;
}

/**
 * onnxruntime-node with the native library of one platform. It lies beside the bundles that require it: in a folder
 * `node_modules` at the top, vsce would leave it out.
 */
function copyRuntime(nodeModules, { folder, leaveOut }) {
  const packages = ["onnxruntime-node", "onnxruntime-common"];
  for (const name of packages) {
    const from = path.join(root, "node_modules", name);
    for (const part of ["package.json", "dist"]) {
      const isCode = (file) => !/\.(map|d\.ts)$/.test(file) && !/dist[\\/](esm|ort\.)/.test(file);
      fs.cpSync(path.join(from, part), path.join(nodeModules, name, part), { recursive: true, filter: isCode });
    }
  }
  const native = path.join("bin", "napi-v6", ...folder.split("/"));
  fs.cpSync(path.join(root, "node_modules", packages[0], native), path.join(nodeModules, packages[0], native), {
    recursive: true,
    filter: (file) => !(leaveOut?.test(file) ?? false),
  });
  return packages;
}

function copyContent(item) {
  const from = path.join(root, item);
  if (!fs.existsSync(from)) throw new Error(`package: ${item} is missing`);
  fs.cpSync(from, path.join(stage, item), {
    recursive: true,
    filter: (file) =>
      !path
        .relative(root, file)
        .split(path.sep)
        .some((name) => generated.has(name)),
  });
}

/** The manifest without what only development needs. */
function writeManifest() {
  const kept = { ...manifest };
  for (const key of [
    "scripts",
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "packageManager",
    "private",
  ]) {
    delete kept[key];
  }
  fs.writeFileSync(path.join(stage, "package.json"), JSON.stringify(kept, null, 2));
}

function pack() {
  const vsce = path.join(root, "node_modules", "@vscode", "vsce", "vsce");
  const options = ["--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links"];
  const args = [vsce, "package", "--target", target, "--out", vsixFile, ...options];
  const result = spawnSync(process.execPath, args, { cwd: stage, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (result.status !== 0) {
    console.error(result.stdout + result.stderr);
    process.exit(1);
  }
  const { size } = fs.statSync(vsixFile);
  console.log(`${path.relative(root, vsixFile)}: ${(size / 1e6).toFixed(1)} MB`);
  if (size > largestBytes) {
    console.error(`package: larger than ${largestBytes / 1e6} MB`);
    process.exit(1);
  }
}

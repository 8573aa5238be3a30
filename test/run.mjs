// Bundles the tests and runs them with Node's test runner.
//   node test/run.mjs              everything but the VS Code suite
//   node test/run.mjs PART…        the files whose path contains a part
//   node test/run.mjs --vscode …   the suite in a real VS Code (needs `npm run build` and `node scripts/setup.mjs --tests`)
//   node test/run.mjs --all        all of it, quick tests first; `npm test` ends here
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import * as esbuild from "esbuild";
import { findChromium, findSoftwareAdapter } from "../scripts/tools.mjs";
import { debugpyIn } from "./vscode/debugpy.mjs";
import { vsCodeIn } from "./vscode/install.mjs";

const root = path.resolve(import.meta.dirname, "..");
const flags = process.argv.slice(2).filter((argument) => argument.startsWith("--"));
const parts = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));

/** A file belongs to the first stage that takes it. Processes and windows run one after the other: they share 2 cores. */
const stages = [
  { name: "vscode", takes: (file) => file.startsWith("vscode/"), concurrency: 1 },
  {
    name: "processes",
    takes: (file) => /^(engine\/(server|cli|run)\/|extension\/(engineClient|runRegistry)|webview\/page)/.test(file),
    concurrency: 1,
  },
  { name: "units", takes: () => true, concurrency: 2 },
];
const order = flags.includes("--all")
  ? ["units", "processes", "vscode"]
  : flags.includes("--vscode")
    ? ["vscode"]
    : ["units", "processes"];

const files = fs
  .readdirSync(path.join(root, "test"), { recursive: true })
  .map((file) => String(file).split(path.sep).join("/"))
  .filter((file) => file.endsWith(".test.ts"))
  .filter((file) => parts.length === 0 || parts.some((part) => `test/${file}`.includes(part)))
  .sort();

const outdir = path.join(root, "out", parts.length === 0 ? `tests-${order.join("-")}` : `tests-${process.pid}`);
fs.rmSync(outdir, { recursive: true, force: true });
const totals = { passed: 0, failed: 0, skipped: 0 };
for (const name of order) {
  const stageFiles = files.filter((file) => stageOf(file) === name);
  if (stageFiles.length > 0) await runStage(name, stageFiles);
}
if (parts.length > 0) fs.rmSync(outdir, { recursive: true, force: true });
if (totals.passed + totals.failed === 0) {
  console.error("no test was run");
  process.exit(1);
}
console.log(
  `${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ""}`,
);
process.exit(totals.failed > 0 ? 1 : 0);

function stageOf(file) {
  return stages.find((stage) => stage.takes(file)).name;
}

async function runStage(name, stageFiles) {
  const startedAt = Date.now();
  console.log(`\n# ${name}: ${stageFiles.length} files`);
  await bundle(stageFiles.map((file) => path.join(root, "test", file)));
  const totalsFile = path.join(outdir, `${name}.json`);
  const result = spawnSync(
    process.execPath,
    [
      "--test",
      "--enable-source-maps",
      `--test-concurrency=${stages.find((stage) => stage.name === name).concurrency}`,
      "--test-timeout=1800000",
      "--test-reporter=spec",
      "--test-reporter-destination=stdout",
      `--test-reporter=${new URL("./totalsReporter.mjs", import.meta.url)}`,
      `--test-reporter-destination=${totalsFile}`,
      ...stageFiles.map((file) => path.join(outdir, "test", file.replace(/\.ts$/, ".cjs"))),
    ],
    {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, ...testEnv() },
    },
  );
  const counted = JSON.parse(fs.readFileSync(totalsFile, "utf8"));
  // A runner that dies without counting a failure has failed all the same.
  if (result.status !== 0 && counted.failed === 0) counted.failed = 1;
  for (const key of Object.keys(totals)) totals[key] += counted[key];
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  console.log(`# ${name}: ${counted.passed} passed, ${counted.failed} failed in ${seconds} s`);
}

function testEnv() {
  return {
    // Packages stay outside the bundles, so they are found from the root.
    NODE_PATH: path.join(root, "node_modules"),
    TEST_CHROMIUM: findChromium() ?? "",
    TEST_VULKAN_DRIVER: findSoftwareAdapter() ?? "",
    TEST_DEBUGPY_DIR: debugpyIn(path.join(root, ".vscode-test")).dir,
    TEST_VSCODE_DIR: vsCodeIn(path.join(root, ".vscode-test")).dir,
  };
}

async function bundle(entryPoints) {
  await esbuild.build({
    entryPoints,
    outbase: root,
    outdir,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    sourcemap: "inline",
    packages: "external",
    // ESM-only packages are bundled, since the tests are CommonJS.
    plugins: [
      {
        name: "bundle-esm-packages",
        setup: (build) =>
          build.onResolve({ filter: /^(@huggingface\/(tokenizers|jinja)|mediabunny|hyparquet)$/ }, () => ({
            external: false,
          })),
      },
    ],
    define: { "import.meta.dirname": "__dirname" },
    logLevel: "error",
  });
}

// Bundles test files with esbuild and runs them with Node's test runner: `node test/run.mjs [part of a path]…`.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import * as esbuild from "esbuild";

const root = path.resolve(import.meta.dirname, "..");
const filters = process.argv.slice(2);
const files = fs
  .readdirSync(path.join(root, "test"), { recursive: true })
  .map((f) => path.join("test", String(f)))
  .filter((f) => f.endsWith(".test.ts") && !f.startsWith(path.join("test", "vscode")))
  .filter((f) => filters.length === 0 || filters.some((x) => f.includes(x)))
  .sort();
const outdir = path.join(root, "out", filters.length === 0 ? "all" : `${process.pid}`);
fs.rmSync(outdir, { recursive: true, force: true });
await esbuild.build({
  entryPoints: files.map((f) => path.join(root, f)),
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
      setup: (b) =>
        b.onResolve({ filter: /^(@huggingface\/(tokenizers|jinja)|mediabunny)$/ }, () => ({ external: false })),
    },
  ],
  define: { "import.meta.dirname": "__dirname" },
  logLevel: "error",
});
const built = files.map((f) => path.join(outdir, f.replace(/\.ts$/, ".cjs")));
const result = spawnSync(process.execPath, ["--test", "--enable-source-maps", ...built], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, NODE_PATH: path.join(root, "node_modules") },
});
if (filters.length > 0) fs.rmSync(outdir, { recursive: true, force: true });
process.exit(result.status ?? 1);

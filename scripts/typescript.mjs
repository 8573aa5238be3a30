// Bundles a TypeScript script of the repository, so that Node runs it: `node scripts/typescript.mjs FILE [arguments…]`.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";
import * as esbuild from "esbuild";

const root = path.resolve(import.meta.dirname, "..");

/** Bundles a file and runs it with Node; gives its exit status. Paths are relative to the repository. */
export async function runTypescript(file, args) {
  const outfile = path.join(root, "out", "scripts", file.replace(/\.ts$/, ".mjs"));
  await esbuild.build({
    entryPoints: [path.join(root, file)],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    mainFields: ["module", "main"],
    external: ["onnxruntime-node", "typescript", "esbuild", "playwright-core"],
    banner: { js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);" },
    sourcemap: "inline",
    logLevel: "error",
  });
  const node = ["--enable-source-maps", outfile, ...args];
  return spawnSync(process.execPath, node, { cwd: root, stdio: "inherit" }).status ?? 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [file = "", ...args] = process.argv.slice(2);
  process.exitCode = await runTypescript(file, args);
}

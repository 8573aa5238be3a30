// Bundles a TypeScript script of scripts/ and runs it: `node scripts/buildScript.mjs makePolicy/main.ts [arguments…]`.
import { spawnSync } from "node:child_process";
import path from "node:path";
import * as esbuild from "esbuild";

const root = path.resolve(import.meta.dirname, "..");
const [entry, ...args] = process.argv.slice(2);
const outfile = path.join(root, "out", "scripts", entry.replace(/\.ts$/, ".mjs"));
await esbuild.build({
  entryPoints: [path.join(root, "scripts", entry)],
  outfile,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  external: ["onnxruntime-node"],
  banner: { js: "import { createRequire as __cr } from 'node:module'; const require = __cr(import.meta.url);" },
  sourcemap: "inline",
  logLevel: "error",
});
const result = spawnSync(process.execPath, ["--enable-source-maps", outfile, ...args], { cwd: root, stdio: "inherit" });
process.exit(result.status ?? 1);

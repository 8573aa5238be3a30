// Builds the extension, the engine's processes and the pages. `node esbuild.mjs --watch` builds again on change.
import * as esbuild from "esbuild";

const watch = process.argv.includes("--watch");
const production = process.argv.includes("--production");

/** Packages with native parts or files of their own: left as they are. */
export const external = ["onnxruntime-node", "ffmpeg-static"];

const common = { bundle: true, sourcemap: !production, minify: production, logLevel: "info", legalComments: "none" };

export const builds = [
  {
    ...common,
    entryPoints: { extension: "src/extension/extension.ts" },
    outdir: "dist",
    outExtension: { ".js": ".cjs" },
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["vscode"],
  },
  {
    ...common,
    entryPoints: {
      cli: "src/engine/cli/main.ts",
      service: "src/engine/server/serviceMain.ts",
      run: "src/engine/server/runMain.ts",
      backend: "src/engine/server/backendMain.ts",
    },
    outdir: "dist/engine",
    outExtension: { ".js": ".cjs" },
    platform: "node",
    target: "node20",
    format: "cjs",
    external,
  },
  {
    ...common,
    entryPoints: { rollouts: "webview/rollouts/main.ts" },
    outdir: "dist/webview",
    platform: "browser",
    target: "chrome128",
    format: "iife",
  },
];

if (import.meta.main ?? process.argv[1]?.endsWith("esbuild.mjs")) {
  for (const options of builds) {
    if (watch) await (await esbuild.context(options)).watch();
    else await esbuild.build(options);
  }
}

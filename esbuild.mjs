// Builds the extension, the engine's processes and the pages into dist/. `--watch` builds again on change.
import * as esbuild from "esbuild";
import fs from "node:fs";
import path from "node:path";
import { jsonSchemaPlugin } from "./scripts/jsonSchemaPlugin.mjs";

/** Packages with native parts or files of their own: required at run time. */
export const external = ["onnxruntime-node", "ffmpeg-static"];

/** CommonJS packages in an ES module ask for `require`. */
const requireBanner =
  "import * as bannerModule from 'node:module'; import * as bannerUrl from 'node:url'; import * as bannerPath from 'node:path';" +
  "const require = bannerModule.createRequire(import.meta.url); const __filename = bannerUrl.fileURLToPath(import.meta.url);" +
  "const __dirname = bannerPath.dirname(__filename);";

/** What is built, for esbuild. `production` makes it small and leaves source maps out. */
export function builds({ outdir = "dist", production = false } = {}) {
  const common = {
    bundle: true,
    sourcemap: !production,
    minify: production,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  };
  const node = {
    ...common,
    platform: "node",
    target: "node20",
    format: "cjs",
    outExtension: { ".js": ".cjs" },
    // jsonc-parser's CommonJS form requires its own files by computed names, which no bundler can follow.
    mainFields: ["module", "main"],
  };
  return [
    {
      ...node,
      entryPoints: { extension: "src/extension/extension.ts" },
      outdir,
      external: ["vscode"],
      // A library asks for it to find out where it runs; in the extension host that logs an error.
      define: { navigator: "undefined" },
    },
    {
      // JSON schema of the run specification, which the manifest contributes.
      ...node,
      sourcemap: false,
      entryPoints: { spec: "src/protocol/spec.ts" },
      outdir: path.join(outdir, "schemas"),
      write: false,
      plugins: [jsonSchemaPlugin(path.resolve(outdir, "schemas", "run-spec.schema.json"))],
    },
    {
      ...node,
      // `vscode` is not external here: an engine file that imports it cannot be built.
      entryPoints: {
        cli: "src/engine/cli/main.ts",
        service: "src/engine/server/serviceMain.ts",
        run: "src/engine/server/runMain.ts",
        backend: "src/engine/server/backendMain.ts",
        rewardHost: "src/engine/hosts/node/rewardHostMain.ts",
      },
      outdir: path.join(outdir, "engine"),
      external,
    },
    {
      // Hooks of the loader thread, which Node loads as a module of its own.
      ...node,
      format: "esm",
      outExtension: { ".js": ".mjs" },
      entryPoints: { rewardLoader: "src/engine/hosts/node/loaderThread.ts" },
      outdir: path.join(outdir, "engine"),
      banner: { js: requireBanner },
      plugins: [copyPlugin("src/engine/hosts/python", path.join(outdir, "engine"))],
    },
    {
      ...common,
      entryPoints: {
        rollouts: "webview/rollouts/main.ts",
        dashboard: "webview/dashboard/main.ts",
        chat: "webview/chat/main.ts",
      },
      outdir: path.join(outdir, "webview"),
      platform: "browser",
      target: "chrome128",
      format: "iife",
      loader: { ".ttf": "file", ".svg": "text" },
    },
  ];
}

/** Copies what esbuild does not bundle. */
function copyPlugin(from, to) {
  return {
    name: "copy",
    setup: (build) =>
      build.onEnd(() => fs.cpSync(from, to, { recursive: true, filter: (file) => !file.includes("__pycache__") })),
  };
}

if (path.resolve(process.argv[1] ?? "") === import.meta.filename) {
  for (const options of builds({ production: process.argv.includes("--production") })) {
    if (process.argv.includes("--watch")) await watch(options);
    else await esbuild.build(options);
  }
}

async function watch(options) {
  const announce = {
    name: "announce",
    setup: (build) => {
      build.onStart(() => console.log("[watch] build started"));
      build.onEnd(() => console.log("[watch] build finished"));
    },
  };
  const context = await esbuild.context({
    ...options,
    logLevel: "info",
    plugins: [...(options.plugins ?? []), announce],
  });
  await context.watch();
}

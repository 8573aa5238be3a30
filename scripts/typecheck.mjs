// Type-checks each layer with the environment that it may use: the engine has no DOM, the pages have no Node.
import { spawnSync } from "node:child_process";
import path from "node:path";
import { root } from "./tools.mjs";

const layers = ["src/protocol", "src/engine", "src/extension", "webview", "."];
const tsc = path.join(root, "node_modules", "typescript", "bin", "tsc");
const failed = layers.filter((layer) => {
  const project = path.join(root, layer, "tsconfig.json");
  return spawnSync(process.execPath, [tsc, "-p", project], { stdio: "inherit", cwd: root }).status !== 0;
});
if (failed.length > 0) {
  console.error(`typecheck: errors in ${failed.map((layer) => (layer === "." ? "the whole" : layer)).join(", ")}`);
  process.exit(1);
}

// `npm start`: makes the sample's clips when they are missing, then trains on them. Arguments go to `video-rft run`,
// e.g. `npm start -- --steps 20`.
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { root } from "./tools.mjs";

const cli = path.join(root, "dist", "engine", "cli.cjs");
const sample = path.join("examples", "moving-shapes");

if (!fs.existsSync(cli)) {
  const built = spawnSync(process.execPath, [path.join(root, "esbuild.mjs")], { stdio: "inherit", cwd: root });
  if (built.status !== 0) process.exit(built.status ?? 1);
}
// Ctrl+C reaches the program below as well, which knows what to do.
process.on("SIGINT", () => undefined);
console.log("Preparing the sample workspace: clips of moving shapes, with exact annotations.");
const prepared = await run("sample", sample);
process.exitCode =
  prepared === 0 ? await run("run", path.join(sample, "moving-shapes.rft.json"), ...process.argv.slice(2)) : prepared;

function run(...args) {
  const child = spawn(process.execPath, [cli, ...args], { stdio: "inherit", cwd: root });
  return new Promise((resolve) => child.once("close", (status) => resolve(status ?? 1)));
}

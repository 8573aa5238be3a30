// How fast the run process answers while its backend computes: `node test/bench/ping.mjs [SPEC] [arguments of run]`
// starts a run with the built command line, pings its process every 20 ms, and prints the latencies. Exits with 1 when
// the 99.9th percentile is over 100 ms. `npm run build` first.
import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { createMessageConnection, SocketMessageReader, SocketMessageWriter } from "vscode-jsonrpc/node.js";

const root = path.resolve(import.meta.dirname, "../..");
const limitMs = 100;
const [spec = "examples/moving-shapes/moving-shapes.rft.json", ...rest] = process.argv.slice(2);
const cli = spawn(process.execPath, [path.join(root, "dist/engine/cli.cjs"), "run", spec, ...rest], {
  stdio: ["ignore", "inherit", "pipe"],
  cwd: root,
});

const runDir = await new Promise((resolve, reject) => {
  let said = "";
  cli.stderr.on("data", (chunk) => {
    process.stderr.write(chunk);
    const found = /^Run \S+ in (.+)$/m.exec((said += chunk));
    if (found) resolve(found[1]);
  });
  cli.once("close", () => reject(new Error("the run could not be started")));
});

const lock = JSON.parse(fs.readFileSync(path.join(runDir, "lock"), "utf8"));
const socket = net.connect(lock.socket);
const connection = createMessageConnection(new SocketMessageReader(socket), new SocketMessageWriter(socket));
let isOpen = true;
connection.onClose(() => (isOpen = false));
connection.listen();
const { token, protocolVersion } = lock;
await connection.sendRequest("run/hello", { token, protocolVersion, client: "bench" });

const latenciesMs = [];
while (isOpen) {
  const sentAtMs = performance.now();
  const answer = await Promise.race([
    connection.sendRequest("run/ping", { sentAtMs }).catch(() => null),
    new Promise((resolve) => connection.onClose(() => resolve(null))),
  ]);
  if (answer === null) break;
  latenciesMs.push(performance.now() - sentAtMs);
  await new Promise((resolve) => setTimeout(resolve, 20));
}
connection.dispose();

latenciesMs.sort((a, b) => a - b);
const at = (share) => latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * share))] ?? NaN;
const shares = { median: 0.5, "99 %": 0.99, "99.9 %": 0.999, most: 1 };
const shown = Object.entries(shares).map(([name, share]) => `${name} ${at(share).toFixed(1)} ms`);
console.log(`${latenciesMs.length} pings: ${shown.join(", ")}`);
process.exitCode = at(0.999) <= limitMs ? 0 : 1;

import process from "node:process";
import { pingService, readRun } from "../../../src/protocol/messages.ts";
import { EngineClient } from "../../../src/extension/engine/engineClient.ts";
import { RunColumns } from "../../../src/extension/runs/runColumns.ts";
import { enginePorts } from "../../../src/extension/viewer/enginePorts.ts";
import { RolloutSearch } from "../../../src/extension/viewer/rolloutSearch.ts";
import { isViewerMessage, ViewerHost } from "../../../src/extension/viewer/viewerHost.ts";
import { viewerShortcuts } from "../../../src/extension/viewerCommands.ts";

/**
 * The extension host's half of a viewer in a process of its own, with a real engine: what it holds is what the viewer
 * costs the extension host. Speaks with the benchmark over IPC: messages of the page come in, those for it go out.
 */
const [runDir = "", servicePath = "", cacheDir = "", origin = ""] = process.argv.slice(2);
const log = { info: () => undefined, warn: console.error, error: console.error };
const settings = { servicePath, cacheDir, ffmpegPath: null, pythonPath: null, cwd: process.cwd() };
const engine = new EngineClient(() => settings, log);
const failed = (error: unknown): void => console.error(error);
const columns = new RunColumns(engine);
const host = new ViewerHost({
  ...enginePorts(runDir, { engine, columns, search: new RolloutSearch(engine), isTrusted: () => true }),
  details: () => engine.request(readRun, { runDir }),
  tracked: () => undefined,
  runs: () => [{ runDir, name: "viewer-scale", steps: 0 }],
  toUri: (file) => `${origin}/file?path=${encodeURIComponent(file)}`,
  shortcuts: viewerShortcuts(false),
  post: (message) => process.send?.({ kind: "post", message }),
  openShortcuts: () => undefined,
  runCommand: () => undefined,
  rolloutCommand: () => undefined,
  failed,
});

process.on("message", (message: unknown) => {
  if (message === "memory") {
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    process.send?.({ kind: "memory", rss, heapUsed, arrayBuffers });
  } else if (message === "end") {
    void engine.shutdown().then(() => process.exit(0));
  } else if (isViewerMessage(message)) {
    host.receive(message).catch(failed);
  }
});

await engine.request(pingService, { sentAtMs: 0 }); // a window has its engine before it opens a viewer
const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
process.send?.({ kind: "ready", rss, heapUsed, arrayBuffers });

import { IPCMessageReader, IPCMessageWriter } from "vscode-jsonrpc/node";
import { logLine } from "./log.ts";
import { createConnection } from "./rpc.ts";
import { serveExtension } from "./serviceHandlers.ts";

// The service engine: forked by the extension, one a window, ends with it.
if (process.send === undefined) {
  logLine("error", "service.cjs is started by the extension and talks to it over an IPC channel");
  process.exit(2);
}
process.on("disconnect", () => process.exit(0));

const connection = createConnection(new IPCMessageReader(process), new IPCMessageWriter(process), (text) =>
  logLine("error", text),
);
serveExtension(connection, {
  engineDir: __dirname,
  // The answer is still on its way to the channel.
  onShutdown: () => void setTimeout(() => process.exit(0), 100),
});

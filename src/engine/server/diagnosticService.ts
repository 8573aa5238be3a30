import { notify, onRequest, type RpcConnection } from "../../protocol/connection.ts";
import { diagnoseData as dataRequest, diagnoseRun as runRequest } from "../../protocol/diagnosticMessages.ts";
import { serviceLog } from "../../protocol/messages.ts";
import type { VideoMemory } from "./dataFacts.ts";
import { diagnoseData } from "./diagnoseData.ts";
import { RunDiagnoser } from "./diagnoseRun.ts";
import type { EngineSettings } from "./launcher.ts";
import { signalOf } from "./rpc.ts";

/** Answers the extension's requests for findings of data and runs; what was looked at once is remembered. */
export function serveDiagnostics(connection: RpcConnection, settings: () => EngineSettings): void {
  const memory: VideoMemory = new Map();
  const runs = new RunDiagnoser();
  const onLog = (line: string): void => notify(connection, serviceLog, { level: "info", message: `reward: ${line}` });
  onRequest(connection, dataRequest, (params, token) =>
    diagnoseData({ ...params, ffmpegPath: settings().ffmpegPath, memory, signal: signalOf(token) }),
  );
  onRequest(connection, runRequest, (params, token) => {
    const { engineDir, pythonPath, cacheDir } = settings();
    return runs.diagnose({ ...params, engineDir, pythonPath, cacheDir, onLog, signal: signalOf(token) });
  });
}

import os from "node:os";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import {
  evaluationWritten,
  groupsWritten,
  runLog,
  runProgress,
  runStateChanged,
  stepFinished,
} from "../../protocol/messages.ts";
import { recordVersion, type RunState } from "../../protocol/records.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import { loadSpec } from "../data/specFile.ts";
import { spawnBackend, type BackendClient } from "../run/backendClient.ts";
import type { RunEvents } from "../run/events.ts";
import { describeNewRun } from "../run/newRunRecord.ts";
import { runTraining } from "../run/training.ts";
import { Scorer } from "../score/scorer.ts";
import type { LockRequest } from "../store/lock.ts";
import { readRewardSources } from "../store/readRun.ts";
import { RunFolder, type NewRunState } from "../store/runFolder.ts";
import { waitForDevice, type DeviceTurn } from "./deviceQueue.ts";
import { enginePrograms } from "./engineFiles.ts";
import { logLine } from "./log.ts";
import type { RunProcessParams, StartParams } from "./runProcessParams.ts";
import { listenForClients, type RunServer } from "./runServer.ts";
import { deviceQueueDir } from "./runtimeDir.ts";
import { videoRftVersion } from "./version.ts";

export interface RunProcess {
  /** Asks for the end after the step at hand, with a checkpoint. */
  stop(reason: string): void;
  /** Ends the backend now; the run can be resumed from its last checkpoint. */
  killBackend(): void;
  /** Settles when the run has ended and everything is given back. Rejects with the reason when it failed. */
  readonly ended: Promise<void>;
}

/**
 * Does one run: listens for clients from the first moment, takes the run folder, waits for the device, trains. The
 * policy lives in a child process, so that this one always answers.
 */
export function startRunProcess(params: RunProcessParams, engineDir: string): RunProcess {
  const stopping = new AbortController();
  let backend: BackendClient | null = null;
  const stop = (reason: string): void => {
    if (stopping.signal.aborted) return;
    logLine("info", `stopping: ${reason}`);
    stopping.abort(new UserError({ code: "cancelled", message: `The run was stopped: ${reason}` }));
  };
  const useBackend = (): BackendClient => {
    const modulePath = enginePrograms(engineDir).backend;
    backend = spawnBackend({ modulePath, onLog: (line) => logLine("info", `backend: ${line}`) });
    return backend;
  };
  return {
    stop,
    killBackend: () => void backend?.kill(),
    ended: runOnce(params, engineDir, stopping.signal, stop, useBackend),
  };
}

async function runOnce(
  params: RunProcessParams,
  engineDir: string,
  stop: AbortSignal,
  onStop: (reason: string) => void,
  useBackend: () => BackendClient,
): Promise<void> {
  let state = firstState();
  const server = await listenForClients({
    runDir: params.runDir,
    runId: path.basename(params.runDir),
    state: () => state,
    stop: onStop,
    logError: (text) => logLine("error", text),
  });
  const events = broadcastTo(server, (changed) => (state = changed));
  let folder: RunFolder | null = null;
  let turn: DeviceTurn | null = null;
  let backend: BackendClient | null = null;
  let scorer: Scorer | null = null;
  try {
    folder = await takeFolder(params, server);
    const sources = await sourcesToGoOnWith(folder); // before the state says something else
    turn = await waitForTurn(params, folder, events, stop);
    if (turn === null) return;
    backend = useBackend();
    const client = backend;
    const { cacheDir, ffmpegPath } = params;
    const { spec, baseDir, device } = folder.record;
    const { threads } = device;
    scorer = new Scorer({
      rewards: spec.rewards,
      baseDir,
      engineDir,
      pythonPath: params.pythonPath,
      cacheDir,
      sources,
      onLog: (line) => logLine("info", `reward: ${line}`),
    });
    const measureBackendRssBytes = (): Promise<number> => Promise.resolve(client.rssBytes);
    await runTraining({ folder, backend, scorer, cacheDir, ffmpegPath, threads, events, stop, measureBackendRssBytes });
  } finally {
    await backend?.close();
    await scorer?.close();
    turn?.release();
    await folder?.release();
    // Last: a client that sees the connection close finds the folder as it stays.
    await server.close();
  }
}

/** A run that failed for a reward goes on with the mended one; any other with the text that it began with. */
async function sourcesToGoOnWith(folder: RunFolder): Promise<Readonly<Record<string, string>> | null> {
  const { error } = await folder.readState();
  const isMended = error?.code === "reward-failed" || error?.code === "bad-reward";
  return isMended ? null : readRewardSources(folder.runDir);
}

async function takeFolder(params: RunProcessParams, lock: LockRequest): Promise<RunFolder> {
  const { socket, token } = lock;
  if (params.kind === "resume") return RunFolder.open({ runDir: params.runDir, lock: { socket, token } });
  const { spec: written, baseDir } = loadSpec(params.specPath);
  const spec = withOverrides(written, params);
  const threads = os.availableParallelism();
  const record = await describeNewRun({ spec, specPath: params.specPath, baseDir, videoRftVersion, threads });
  const steps = spec.method === "sft" ? spec.sft.steps : spec.grpo.steps;
  return RunFolder.create({ at: { kind: "named", runDir: params.runDir }, record, lock: { socket, token }, steps });
}

function withOverrides(spec: RunSpec, { steps, seed }: StartParams): RunSpec {
  const changes = { ...(steps === undefined ? {} : { steps }), ...(seed === undefined ? {} : { seed }) };
  return spec.method === "sft"
    ? { ...spec, sft: { ...spec.sft, ...changes } }
    : { ...spec, grpo: { ...spec.grpo, ...changes } };
}

/** null when the run was stopped while it waited. */
async function waitForTurn(
  params: RunProcessParams,
  folder: RunFolder,
  events: RunEvents,
  signal: AbortSignal,
): Promise<DeviceTurn | null> {
  if (params.ignoreQueue) return { release: () => undefined };
  const { message: staleMessage, error: _error, ...before } = await folder.readState();
  let isTold = staleMessage !== undefined;
  // One write of state.json at a time, in order.
  let written: Promise<unknown> = Promise.resolve();
  const write = (change: Partial<NewRunState>): Promise<unknown> => {
    const state = { ...before, ...change };
    events.stateChanged({ state });
    const { version: _version, updatedAt: _updatedAt, ...content } = state;
    written = written.then(() => folder.writeState(content));
    return written;
  };
  try {
    const turn = await waitForDevice({
      dir: deviceQueueDir(),
      runId: folder.record.id,
      runDir: folder.runDir,
      signal,
      onWait: (ahead) => {
        isTold = true;
        const message = `Waiting for run ${ahead.runId}, which uses this device.`;
        logLine("info", message);
        write({ status: "running", phase: "idle", message }).catch((error: unknown) => logLine("error", String(error)));
      },
    });
    if (isTold) await write({ status: "running", phase: "starting" });
    return turn;
  } catch (error) {
    if (!signal.aborted) throw error;
    await write({ status: "stopped", phase: "idle" });
    return null;
  }
}

function broadcastTo(server: RunServer, onState: (state: RunState) => void): RunEvents {
  return {
    stateChanged: (params) => {
      onState(params.state);
      server.broadcast(runStateChanged, params);
    },
    progress: (params) => server.broadcast(runProgress, params),
    stepFinished: (params) => server.broadcast(stepFinished, params),
    groupsWritten: (params) => server.broadcast(groupsWritten, params),
    evaluationWritten: (params) => server.broadcast(evaluationWritten, params),
    log: (params) => server.broadcast(runLog, params),
  };
}

/** What clients are told before the folder has been read. */
function firstState(): RunState {
  return {
    version: recordVersion,
    status: "running",
    phase: "starting",
    step: 0,
    steps: 0,
    updatedAt: new Date().toISOString(),
    reward: null,
    lastCheckpoint: null,
  };
}

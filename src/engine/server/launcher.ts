import { spawn, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isErrorData } from "../../protocol/connection.ts";
import { UserError } from "../../protocol/errors.ts";
import type { LockRecord } from "../../protocol/records.ts";
import { nodeFileIo } from "../store/fileIo.ts";
import { checkLock, type LockStatus } from "../store/lock.ts";
import { readRunRecord } from "../store/readRun.ts";
import { makeRunDir } from "../store/runDir.ts";
import { runFiles } from "../store/runPaths.ts";
import { parseRecord } from "../store/versionedRecords.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import { loadCheckedSpec } from "./checkSpec.ts";
import { enginePrograms } from "./engineFiles.ts";
import { attachToRun, type RunAddress } from "./runClient.ts";
import { fatalLinePrefix, type RunProcessParams } from "./runProcessParams.ts";

/** Where the engine's parts lie. */
export interface EngineSettings {
  /** Folder of the built programs. */
  readonly engineDir: string;
  readonly cacheDir: string;
  /** Setting videoRft.ffmpegPath. */
  readonly ffmpegPath: string | null;
  /** Setting videoRft.python, or the Python extension's choice. */
  readonly pythonPath: string | null;
}

export interface StartRunOptions {
  readonly settings: EngineSettings;
  readonly specPath: string;
  /** In place of the specification's. */
  readonly steps?: number | undefined;
  readonly seed?: number | undefined;
  /** The run folder itself; by default a new one in the specification's `runs`. */
  readonly outDir?: string | undefined;
  /** Start beside a run that uses the device, instead of waiting for it. */
  readonly ignoreQueue?: boolean | undefined;
}

export interface StartedRun extends RunAddress {
  readonly runDir: string;
  readonly runId: string;
  readonly pid: number;
}

const startTimeoutMs = 120_000;
const pollMs = 50;

/**
 * Starts a detached run process and answers once it listens and owns its folder. The specification, the files that it
 * names and ffmpeg are looked for first, so that mistakes are told at once and leave no folder behind.
 * @throws UserError bad-spec, not-found, no-ffmpeg, run-exists, run-locked, …: the reason why no run goes on.
 */
export async function startRun(options: StartRunOptions): Promise<StartedRun> {
  const { settings } = options;
  const specPath = path.resolve(options.specPath);
  const { spec, baseDir } = loadCheckedSpec(specPath);
  await locateFfmpeg({ settingPath: settings.ffmpegPath });
  if (options.outDir !== undefined) await refuseUsedFolder(path.resolve(options.outDir));
  const runDir = await makeRunDir(
    nodeFileIo,
    options.outDir === undefined
      ? { kind: "new", runsDir: path.resolve(baseDir, spec.runs), name: spec.name, date: new Date() }
      : { kind: "named", runDir: options.outDir },
  );
  const params: RunProcessParams = {
    kind: "start",
    runDir,
    specPath,
    steps: options.steps,
    seed: options.seed,
    cacheDir: settings.cacheDir,
    ffmpegPath: settings.ffmpegPath,
    pythonPath: settings.pythonPath,
    ignoreQueue: options.ignoreQueue ?? false,
  };
  try {
    return await launch(settings, params);
  } catch (error) {
    if (options.outDir === undefined && !isRunDir(runDir)) await nodeFileIo.remove(runDir);
    throw error;
  }
}

/**
 * Starts a run process that goes on with a run that has stopped, failed or crashed.
 * @throws UserError not-found, run-locked when it is running, no-ffmpeg, no-checkpoint, …
 */
export async function resumeRun(options: {
  readonly settings: EngineSettings;
  readonly runDir: string;
  readonly ignoreQueue?: boolean | undefined;
}): Promise<StartedRun> {
  const { settings } = options;
  const runDir = path.resolve(options.runDir);
  await readRunRecord(runDir);
  const lock = await refuseOwnedFolder(runDir);
  // What a killed owner left in the runtime folder.
  if (lock.kind === "stale" && process.platform !== "win32") fs.rmSync(lock.lock.socket, { force: true });
  await locateFfmpeg({ settingPath: settings.ffmpegPath });
  const { cacheDir, ffmpegPath, pythonPath } = settings;
  return launch(settings, {
    kind: "resume",
    runDir,
    cacheDir,
    ffmpegPath,
    pythonPath,
    ignoreQueue: options.ignoreQueue ?? false,
  });
}

/** Connects to the process that owns a run folder; null when there is none. */
export async function findRunAddress(runDir: string): Promise<RunAddress | null> {
  const lock = await checkLock(path.resolve(runDir));
  return lock.kind === "held" ? { socket: lock.lock.socket, token: lock.lock.token } : null;
}

/** A folder with a run in it is refused here, since its run.json would look like that of the new run. */
async function refuseUsedFolder(runDir: string): Promise<void> {
  await refuseOwnedFolder(runDir);
  if (!isRunDir(runDir)) return;
  throw new UserError({
    code: "run-exists",
    where: runDir,
    message: "expected an empty folder for a new run, found a run",
    hint: "Resume that run, or choose another folder.",
  });
}

async function refuseOwnedFolder(runDir: string): Promise<LockStatus> {
  const lock = await checkLock(runDir);
  if (lock.kind !== "held" && lock.kind !== "elsewhere") return lock;
  throw new UserError({
    code: "run-locked",
    where: runDir,
    message: `process ${lock.lock.pid} on ${lock.lock.host} is running this run`,
    hint: "Open its rollouts, or stop it first.",
  });
}

async function launch(settings: EngineSettings, params: RunProcessParams): Promise<StartedRun> {
  const logFile = runFiles.log(params.runDir);
  const log = fs.openSync(logFile, "a");
  const logStart = fs.fstatSync(log).size;
  let child: ChildProcess;
  try {
    child = spawn(process.execPath, [enginePrograms(settings.engineDir).run, JSON.stringify(params)], {
      detached: true,
      // A pipe would end the run with its first reader.
      stdio: ["ignore", log, log],
      windowsHide: true,
      cwd: params.runDir,
      env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
    });
  } finally {
    fs.closeSync(log);
  }
  const failed = new Promise<never>((_, reject) => {
    child.once("error", (error) => reject(new Error(`the run process could not be started: ${error.message}`)));
    child.once("exit", () => reject(reasonFromLog(logFile, logStart)));
  });
  child.unref();
  const timeout = new AbortController();
  try {
    return await Promise.race([waitUntilReady(child, params.runDir, timeout.signal), failed]);
  } finally {
    timeout.abort();
    failed.catch(() => undefined);
  }
}

async function waitUntilReady(child: ChildProcess, runDir: string, signal: AbortSignal): Promise<StartedRun> {
  const deadline = Date.now() + startTimeoutMs;
  while (Date.now() < deadline) {
    const lock = await readLock(runDir);
    if (lock !== null && lock.pid === child.pid && isRunDir(runDir)) {
      const { socket, token } = lock;
      const { connection, runId } = await attachToRun({ socket, token }, "launcher");
      connection.dispose();
      return { runDir, runId, socket, token, pid: lock.pid };
    }
    await delay(pollMs, undefined, { signal });
  }
  child.kill("SIGKILL");
  throw new Error(
    `the run process did not answer within ${startTimeoutMs / 1000} s; its log is ${runFiles.log(runDir)}`,
  );
}

function isRunDir(dir: string): boolean {
  return fs.existsSync(runFiles.run(dir));
}

async function readLock(runDir: string): Promise<LockRecord | null> {
  const file = runFiles.lock(runDir);
  try {
    return parseRecord("lock", await fs.promises.readFile(file, "utf8"), file);
  } catch {
    return null; // not there yet, or being written
  }
}

/** The process says on one line of its log why it ends; a crash leaves only what it printed. */
function reasonFromLog(logFile: string, start: number): Error {
  const text = fs.readFileSync(logFile).subarray(start).toString("utf8");
  const lines = text.split("\n").filter((line) => line !== "");
  const fatal = lines.findLast((line) => line.startsWith(fatalLinePrefix));
  if (fatal !== undefined) {
    const data: unknown = JSON.parse(fatal.slice(fatalLinePrefix.length));
    if (isErrorData(data)) return new UserError(data);
  }
  const end = lines.slice(-5).join("\n");
  return new Error(`the run process ended at once${end === "" ? "" : `; the last it said:\n${end}`}`);
}

import { fork, type ChildProcess } from "node:child_process";
import { UserError, type ErrorData } from "../../protocol/errors.ts";
import { shownVideo, type ShownVideo } from "../../protocol/video.ts";
import { createClipsAhead, type ClipsAhead } from "../video/clipsAhead.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import type { Backend, BackendInfo, GroupProgress, OpenBackend, SampledGroup, SampleWatch } from "./backend.ts";

/** Methods of a backend, in the order of the interface; the child refuses any other. */
export const backendMethods = ["open", "sample", "update", "updateOnTargets", "save", "close"] as const;
export type BackendMethod = (typeof backendMethods)[number];

/** What the child is sent. */
export type BackendRequest =
  | {
      readonly kind: "call";
      readonly id: number;
      readonly method: BackendMethod;
      readonly params: unknown;
      /** Whether the caller wants to hear of progress. */
      readonly isFollowed: boolean;
      /** Cancelled while it waited for its turn: a cancel that followed could come when it is begun. */
      readonly isCancelled: boolean;
    }
  /** Ends a call early where it can be; it is answered all the same. */
  | { readonly kind: "cancel"; readonly id: number };

/** What the child sends. */
export type BackendMessage = BackendResponse | BackendProgress;

export interface BackendProgress {
  readonly kind: "progress";
  readonly id: number;
  readonly groups: readonly GroupProgress[];
}

export interface BackendResponse {
  readonly kind: "response";
  readonly id: number;
  /** Memory of the child's process after the call. */
  readonly rssBytes: number;
  readonly outcome:
    | { readonly kind: "result"; readonly result: unknown }
    | { readonly kind: "userError"; readonly error: ErrorData }
    /** A broken invariant; the stack is for the log. */
    | { readonly kind: "internalError"; readonly message: string; readonly stack: string };
}

export interface BackendDeath {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What every pending and later call is rejected with. */
  readonly error: UserError;
}

/** A backend in a child process. */
export interface BackendClient extends Backend {
  readonly pid: number;
  /** Memory of the process after its last call; 0 before the first. */
  readonly rssBytes: number;
  /** Called once when the process has ended without being asked to; at once when that has happened already. */
  onDidDie(listener: (death: BackendDeath) => void): void;
  /** Ends the process at once. Settles when it is gone. */
  kill(): Promise<void>;
}

export interface SpawnBackendOptions {
  /** The program of the child: dist/engine/backend.cjs. */
  readonly modulePath: string;
  /** Gets what the child prints, line by line. */
  readonly onLog: (line: string) => void;
}

const keptLogLines = 30;
const shownLogLines = 5;

/**
 * Starts the backend's process. Calls run one at a time, in order; values cross by structured clone, so typed arrays
 * stay typed arrays. When the process dies, calls are rejected with UserError "backend-died". It ends by itself when
 * this process ends.
 */
export function spawnBackend(options: SpawnBackendOptions): BackendClient {
  const child = fork(options.modulePath, [], {
    serialization: "advanced",
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // The run's own debugger port, if any, cannot be shared; and VS Code's program acts as Node only when told to.
    execArgv: [],
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
  });
  const lastLines = collectLines(child, options.onLog);
  const calls = new PendingCalls(child);
  let wasAskedToEnd = false;
  const dieListeners: ((death: BackendDeath) => void)[] = [];
  let death: BackendDeath | null = null;

  const closed = new Promise<void>((resolve) => {
    const end = (exitCode: number | null, signal: NodeJS.Signals | null, failure?: Error): void => {
      if (death !== null) return;
      death = { exitCode, signal, error: describeDeath(exitCode, signal, lastLines, failure) };
      calls.rejectAll(death.error);
      if (!wasAskedToEnd) for (const listener of dieListeners) listener(death);
      resolve();
    };
    // "close" comes after the last of standard error has been read.
    child.once("close", (code, signal) => end(code, signal));
    child.on("error", (error) => void (child.pid === undefined && end(null, null, error)));
  });

  let ahead: ClipsAhead | null = null;
  return {
    pid: child.pid ?? -1,
    get rssBytes() {
      return calls.rssBytes;
    },
    open: async (params) => {
      const info = await calls.call<BackendInfo>("open", params);
      ahead = clipsAheadOf(params, info);
      return info;
    },
    sample: async ({ next = [], ...params }, watch) => {
      const waitedSec = await handOver(ahead, params.prompts, next);
      const groups = await calls.call<readonly SampledGroup[]>("sample", params, watch);
      return groups.map((group) => (group.ok ? { ...group, decodeSec: waitedSec + (group.decodeSec ?? 0) } : group));
    },
    update: (params) => calls.call("update", params),
    updateOnTargets: async ({ next = [], ...params }) => {
      await handOver(ahead, params.targets, next);
      return calls.call("updateOnTargets", params);
    },
    save: (params) => calls.call("save", params),
    close: async () => {
      await ahead?.close();
      if (death !== null) return;
      wasAskedToEnd = true;
      // The child exits once it has answered. (Disconnecting from this side would keep "close" from being emitted.)
      await calls.call("close", {}).catch(() => undefined);
      await closed;
    },
    onDidDie: (listener) => void (death === null || wasAskedToEnd ? dieListeners.push(listener) : listener(death)),
    kill: async () => {
      wasAskedToEnd = true;
      child.kill("SIGKILL");
      await closed;
    },
  };
}

/** In this process, since the child's event loop stands still while a graph runs. */
function clipsAheadOf({ spec, cacheDir, ffmpegPath }: OpenBackend, { pixelFactor }: BackendInfo): ClipsAhead | null {
  if (pixelFactor === undefined) return null;
  const ffmpeg = (): ReturnType<typeof locateFfmpeg> => locateFfmpeg({ settingPath: ffmpegPath });
  return createClipsAhead({ ffmpeg, cacheDir, video: spec.video, pixelFactor });
}

interface WaitingCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: SampleWatch["onProgress"];
}

/** Leaves the clips of a call to the child, and begins with those of the next one. @returns seconds that this took */
async function handOver(
  ahead: ClipsAhead | null,
  shown: readonly ShownVideo[],
  next: readonly ShownVideo[],
): Promise<number> {
  if (ahead === null) return 0;
  const startMs = performance.now();
  await ahead.handOver(shown.map(shownVideo));
  ahead.expect(next);
  return (performance.now() - startMs) / 1000;
}

/** Calls that wait for their turn or for their answer. */
class PendingCalls {
  /** See BackendClient. */
  rssBytes = 0;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, WaitingCall>();
  private turn: Promise<unknown> = Promise.resolve();
  private lastId = 0;
  private failure: Error | null = null;

  constructor(child: ChildProcess) {
    this.child = child;
    child.on("message", (message) => {
      // SAFETY: serveBackend is the only sender on this channel and both are built together.
      this.receive(message as BackendMessage);
    });
  }

  call<Result>(method: BackendMethod, params: unknown, watch: SampleWatch = {}): Promise<Result> {
    const result = this.turn.then(() => this.send(method, params, watch));
    this.turn = result.catch(() => undefined);
    // SAFETY: the method names and types are those of Backend, which both ends implement.
    return result as Promise<Result>;
  }

  rejectAll(error: Error): void {
    this.failure = error;
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  private async send(method: BackendMethod, params: unknown, { signal, onProgress }: SampleWatch): Promise<unknown> {
    if (this.failure !== null) throw this.failure;
    const id = ++this.lastId;
    const answered = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject, onProgress }));
    const isCancelled = signal?.aborted === true;
    this.post({ kind: "call", id, method, params, isFollowed: onProgress !== undefined, isCancelled });
    const cancel = (): void => this.post({ kind: "cancel", id });
    signal?.addEventListener("abort", cancel);
    return answered.finally(() => signal?.removeEventListener("abort", cancel));
  }

  /** A channel that is closed means that the process is ending; its "close" event rejects the call with the reason. */
  private post(request: BackendRequest): void {
    this.child.send(request, () => undefined);
  }

  private receive(message: BackendMessage): void {
    if (message.kind === "progress") this.waiting.get(message.id)?.onProgress?.(message.groups);
    else this.answer(message);
  }

  private answer({ id, rssBytes, outcome }: BackendResponse): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    this.rssBytes = rssBytes;
    if (outcome.kind === "result") waiting?.resolve(outcome.result);
    else if (outcome.kind === "userError") waiting?.reject(new UserError(outcome.error));
    else waiting?.reject(Object.assign(new Error(outcome.message), { stack: outcome.stack }));
  }
}

function collectLines(child: ChildProcess, onLog: (line: string) => void): readonly string[] {
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    const push = (line: string): void => {
      lines.push(line);
      if (lines.length > keptLogLines) lines.shift();
      onLog(line);
    };
    stream?.setEncoding("utf8");
    stream?.on("data", (text: string) => {
      const parts = (rest + text).split(/\r?\n/);
      rest = parts.pop() ?? "";
      parts.forEach(push);
    });
    stream?.on("end", () => void (rest !== "" && push(rest)));
  }
  return lines;
}

/** Status of a process that Windows ended for want of memory, or that called abort(). */
const windowsAbortCodes = [0xc0000409, 0xc0000017, 3];

function describeDeath(
  exitCode: number | null,
  signal: NodeJS.Signals | null,
  lastLines: readonly string[],
  failure: Error | undefined,
): UserError {
  const how =
    failure !== undefined
      ? `could not be started (${failure.message})`
      : signal !== null
        ? `was ended by signal ${signal}`
        : `ended with status ${exitCode}`;
  const text = lastLines.slice(-shownLogLines).join("\n");
  const said = text === "" ? "." : `. The last it said:\n${text}`;
  return new UserError({
    code: "backend-died",
    message: `The backend process ${how}${said}`,
    hint: isLikelyMemory(exitCode, signal, text)
      ? "This is most often a lack of memory: lower video.maxFrames, video.maxPixels, grpo.groupSize or " +
        "grpo.maxCompletionLength in the specification, or use a machine with more memory. Then resume the run."
      : "The run can be resumed from its last checkpoint.",
  });
}

function isLikelyMemory(exitCode: number | null, signal: NodeJS.Signals | null, text: string): boolean {
  if (signal === "SIGKILL" || signal === "SIGABRT" || exitCode === 134 || exitCode === 137) return true;
  if (/heap out of memory|bad_alloc|Failed to allocate|Cannot allocate memory|out of memory/i.test(text)) return true;
  return process.platform === "win32" && exitCode !== null && windowsAbortCodes.includes(exitCode >>> 0);
}

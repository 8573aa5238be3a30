import { spawn, type ChildProcess } from "node:child_process";
import readline from "node:readline";
import type { Readable } from "node:stream";
import type { RewardError } from "../../protocol/records.ts";
import type { CoveredFile, HostAnswer, HostOutcome, HostRequest, LoadedFile, SourceFiles } from "./hostProtocol.ts";
import type { HostProgram } from "./hostProgram.ts";
import { residentBytes } from "./processMemory.ts";

/** Importing a file may pull in large libraries. */
const loadTimeoutMs = 120_000;
const memoryEveryMs = 200;
const keptLines = 20;

export interface HostLimits {
  readonly timeoutMs: number;
  readonly memoryBytes: number;
}

/** A request without its id. */
type ScoreRequest = Omit<Extract<HostRequest, { kind: "score" }>, "id" | "kind">;

/** How a score request ended: `scored`, or why it did not come to its end. */
export type ScoreEnd =
  | { readonly kind: "scored" }
  /** The process lives: the function cannot be called at all. */
  | { readonly kind: "refused"; readonly error: RewardError }
  /** The process is gone: by itself, or because it broke a limit. */
  | { readonly kind: "died"; readonly error: RewardError };

/** One process that has loaded one reward file. Takes one request at a time. */
export class HostProcess {
  readonly file: LoadedFile;
  readonly #child: ChildProcess;
  readonly #answers: AnswerQueue;
  #lastId = 1;

  private constructor(child: ChildProcess, answers: AnswerQueue, file: LoadedFile) {
    this.#child = child;
    this.#answers = answers;
    this.file = file;
  }

  /**
   * Starts the process and loads the file.
   * @throws RewardLoadError when it cannot be loaded
   */
  static async start(
    program: HostProgram,
    file: string,
    sources: SourceFiles | null,
    onLog: (line: string) => void,
  ): Promise<HostProcess> {
    const child = spawn(program.command, [...program.args], {
      stdio: ["pipe", "pipe", "pipe", "pipe"],
      env: program.env,
      windowsHide: true,
    });
    const answers = new AnswerQueue(child, program.answersOn, onLog);
    child.stdin?.on("error", () => undefined); // the process is gone; its end is told by the queue
    send(child, { kind: "load", id: 1, file, sources });
    const answer = await answers.next(loadTimeoutMs);
    if (answer.kind === "loaded") return new HostProcess(child, answers, answer.file);
    child.kill("SIGKILL");
    const message = answer.kind === "silent" ? `it was not loaded within ${loadTimeoutMs / 1000} s` : undefined;
    throw new RewardLoadError(message === undefined ? errorOf(answer) : { kind: "load", message });
  }

  /** Calls a function; outcomes are told as they come. */
  async score(
    request: ScoreRequest,
    limits: HostLimits,
    onOutcomes: (from: number, outcomes: readonly HostOutcome[]) => void,
  ): Promise<ScoreEnd> {
    const id = ++this.#lastId;
    const memory = this.#watchMemory(limits.memoryBytes);
    try {
      send(this.#child, { kind: "score", id, ...request });
      for (;;) {
        const answer = await this.#answers.next(limits.timeoutMs);
        if (answer.kind === "outcomes") onOutcomes(answer.from, answer.outcomes);
        else if (answer.kind === "scored") return { kind: "scored" };
        else if (answer.kind === "failed") return { kind: "refused", error: answer.error };
        else if (answer.kind === "silent") {
          await this.kill();
          return { kind: "died", error: { kind: "timeout", message: `took longer than ${limits.timeoutMs} ms` } };
        } else return { kind: "died", error: memory.error ?? errorOf(answer) };
      }
    } finally {
      memory.stop();
    }
  }

  /** Lines that calls take, one call after the other. */
  async cover(
    request: Omit<Extract<HostRequest, { kind: "cover" }>, "id" | "kind">,
    timeoutMs: number,
  ): Promise<{ readonly files: readonly CoveredFile[] } | { readonly error: RewardError }> {
    send(this.#child, { kind: "cover", id: ++this.#lastId, ...request });
    const answer = await this.#answers.next(timeoutMs);
    if (answer.kind === "covered") return { files: answer.files };
    if (answer.kind === "failed") return { error: answer.error };
    await this.kill();
    if (answer.kind === "silent") return { error: { kind: "timeout", message: `took longer than ${timeoutMs} ms` } };
    return { error: errorOf(answer) };
  }

  /** Settles when the process is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#answers.ended;
  }

  /** Ends a process that is longer than needed over a limit of memory; its end is then told as that. */
  #watchMemory(memoryBytes: number): { readonly error: RewardError | undefined; stop(): void } {
    const watch: { error: RewardError | undefined; stop(): void } = {
      error: undefined,
      stop: () => clearInterval(timer),
    };
    const timer = setInterval(() => {
      void residentBytes(this.#child.pid ?? 0).then((bytes) => {
        if (bytes === null || bytes <= memoryBytes || watch.error !== undefined) return;
        const held = Math.round(bytes / 1e6);
        watch.error = { kind: "memory", message: `held ${held} MB, allowed are ${Math.round(memoryBytes / 1e6)} MB` };
        this.#child.kill("SIGKILL");
      });
    }, memoryEveryMs);
    return watch;
  }
}

/** The file cannot be loaded, by this process or any other. */
export class RewardLoadError extends Error {
  readonly data: RewardError;

  constructor(data: RewardError) {
    super(data.message);
    this.data = { ...data, kind: "load" };
  }
}

interface HostEnd {
  readonly kind: "ended";
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lastLines: readonly string[];
}

/** What the process says, in order, until it ends. */
class AnswerQueue {
  readonly ended: Promise<HostEnd>;
  readonly #waiting: HostAnswer[] = [];
  #end: HostEnd | undefined;
  #wake: (() => void) | undefined;

  constructor(child: ChildProcess, answersOn: number, onLog: (line: string) => void) {
    const lastLines: string[] = [];
    child.stdio.forEach((stream, descriptor) => {
      if (descriptor === 0 || stream === null || stream === undefined) return;
      // SAFETY: every descriptor above 0 is a pipe that the child writes.
      const lines = readline.createInterface({ input: stream as Readable, crlfDelay: Infinity });
      lines.on("line", (line) => {
        if (descriptor === answersOn) return this.#add(line);
        lastLines.push(line);
        if (lastLines.length > keptLines) lastLines.shift();
        onLog(line);
      });
    });
    this.ended = new Promise((resolve) => {
      const finish = (exitCode: number | null, signal: NodeJS.Signals | null): void => {
        this.#end ??= { kind: "ended", exitCode, signal, lastLines };
        resolve(this.#end);
        this.#wake?.();
      };
      child.once("close", finish);
      child.once("error", (error) => {
        lastLines.push(error.message);
        finish(null, null);
      });
    });
  }

  /** The next answer; the end of the process once all were taken; "silent" when neither comes in time. */
  async next(timeoutMs: number): Promise<HostAnswer | HostEnd | { readonly kind: "silent" }> {
    const answer = this.#waiting.shift() ?? this.#end;
    if (answer !== undefined) return answer;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
    return this.#waiting.shift() ?? this.#end ?? { kind: "silent" };
  }

  #add(line: string): void {
    // SAFETY: the host programs are the only writers of this channel.
    this.#waiting.push(JSON.parse(line) as HostAnswer);
    this.#wake?.();
  }
}

function send(child: ChildProcess, request: HostRequest): void {
  child.stdin?.write(`${JSON.stringify(request)}\n`);
}

function errorOf(answer: HostAnswer | HostEnd | { readonly kind: "silent" }): RewardError {
  if (answer.kind === "failed") return answer.error;
  if (answer.kind !== "ended") throw new Error(`internal: unexpected ${answer.kind} of a reward host`);
  const { exitCode, signal, lastLines } = answer;
  if (lastLines.some((line) => line.includes("JavaScript heap out of memory"))) {
    return { kind: "memory", message: "ran out of the memory that it may hold" };
  }
  const how =
    signal === null ? `ended its process with status ${exitCode ?? "unknown"}` : `its process was ended by ${signal}`;
  const said = lastLines.at(-1);
  return { kind: "exit", message: said === undefined ? how : `${how}; it last said: ${said}` };
}

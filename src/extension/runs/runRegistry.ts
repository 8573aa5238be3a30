import { t } from "@vscode/l10n";
import { setTimeout as delay } from "node:timers/promises";
import type { RunDetails, RunSummary } from "../../protocol/messages.ts";
import { listRuns, readRun } from "../../protocol/messages.ts";
import { UserError } from "../../protocol/errors.ts";
import type { RunState } from "../../protocol/records.ts";
import { thrownText } from "../errorText.ts";
import type { Engine } from "../engine/engineClient.ts";
import type { Log } from "../engine/log.ts";
import { RunClient, type RunEvent } from "../engine/runClient.ts";
import { coalesce, Emitter, type Disposable } from "../lifetime.ts";
import type { RunNotice } from "./runNotice.ts";
import { runNotice } from "./runNotice.ts";
import type { TrackedRun } from "./runView.ts";
import { isGoingOn, newestFirst } from "./runView.ts";

/** Waits between attempts to attach to a run whose process is alive. */
const defaultAttachDelaysMs: readonly number[] = [250, 500, 1000, 2000, 4000];

export type RegistryEvent =
  /** The list or a run's state is another one; `runDir` is null when several may have changed. */
  | { readonly kind: "changed"; readonly runDir: string | null }
  /** A checkpoint, an evaluation or a step is on disk. */
  | { readonly kind: "details"; readonly runDir: string }
  /** Groups of a step are on disk. */
  | { readonly kind: "groups"; readonly runDir: string; readonly step: number };

interface Entry {
  run: TrackedRun;
  client: RunClient | undefined;
  attaching: boolean;
  failedAttempts: number;
}

/**
 * All runs that this window knows: found on disk through the engine, and followed through their processes' sockets,
 * whoever started them. It owns the run clients; disposing it detaches and leaves the runs going.
 */
export class RunRegistry implements Disposable {
  private readonly engine: Engine;
  private readonly folders: () => Promise<readonly string[]>;
  private readonly log: Log;
  private readonly attachDelaysMs: readonly number[];
  private readonly entries = new Map<string, Entry>();
  private readonly events = new Emitter<RegistryEvent>();
  private readonly notices = new Emitter<RunNotice>();
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private disposed = false;
  private listed = false;

  readonly onEvent = this.events.event;
  readonly onNotice = this.notices.event;
  /** Lists the runs on disk again and attaches to those that go on. */
  readonly refresh: () => Promise<void>;

  constructor(
    engine: Engine,
    folders: () => Promise<readonly string[]>,
    log: Log,
    attachDelaysMs: readonly number[] = defaultAttachDelaysMs,
  ) {
    this.attachDelaysMs = attachDelaysMs;
    this.engine = engine;
    this.folders = folders;
    this.log = log;
    this.refresh = coalesce(() => this.list());
  }

  /** Newest first. */
  get runs(): readonly TrackedRun[] {
    return newestFirst([...this.entries.values()].map((entry) => entry.run));
  }

  /** False until the folders were read for the first time. */
  get hasListed(): boolean {
    return this.listed;
  }

  get(runDir: string): TrackedRun | undefined {
    return this.entries.get(runDir)?.run;
  }

  /** Lists until a run that has just been started is there: its process writes its record right after it has answered. */
  async find(runDir: string): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt += 1) {
      await this.refresh();
      if (this.disposed || this.entries.has(runDir)) return;
      await delay(100);
    }
    this.log.warn(`The run in ${runDir} has started, and is not listed yet.`);
  }

  /** Waits while the process of a run that has ended gives its folder back; until then it cannot be resumed. */
  async untilReleased(runDir: string): Promise<void> {
    for (let attempt = 0; attempt < 150; attempt += 1) {
      await this.refresh();
      const run = this.entries.get(runDir)?.run;
      if (run === undefined || !run.summary.alive || isGoingOn(run)) return;
      await delay(200);
    }
  }

  /** Lists the runs again, and says that the records of one are others than before. */
  async reread(runDir: string): Promise<void> {
    await this.refresh();
    this.events.fire({ kind: "details", runDir });
  }

  details(runDir: string): Promise<RunDetails> {
    return this.engine.request(readRun, { runDir });
  }

  /** Errors: `UserError` "disconnected" when the run's process is not attached. */
  async stop(runDir: string): Promise<void> {
    const client = this.entries.get(runDir)?.client;
    if (client === undefined) {
      throw new UserError({
        code: "disconnected",
        message: t("The process of this run is not connected, so it cannot be stopped from here."),
        where: runDir,
        hint: t("Refresh the runs and try again."),
      });
    }
    const state = await client.stop("stopped in VS Code");
    this.setState(runDir, state);
  }

  dispose(): void {
    this.disposed = true;
    for (const timer of this.timers) clearTimeout(timer);
    for (const entry of this.entries.values()) entry.client?.dispose();
    this.entries.clear();
    this.events.dispose();
    this.notices.dispose();
  }

  private async list(): Promise<void> {
    const { runs } = await this.engine.request(listRuns, { folders: await this.folders() });
    if (this.disposed) return;
    const found = new Set(runs.map((run) => run.runDir));
    for (const [runDir, entry] of this.entries) {
      if (found.has(runDir)) continue;
      entry.client?.dispose();
      this.entries.delete(runDir);
    }
    for (const summary of runs) this.found(summary);
    this.listed = true;
    this.events.fire({ kind: "changed", runDir: null });
  }

  private found(summary: RunSummary): void {
    const entry = this.entries.get(summary.runDir);
    if (entry === undefined) {
      const run = { summary, attached: false, progress: null };
      this.entries.set(summary.runDir, { run, client: undefined, attaching: false, failedAttempts: 0 });
    } else {
      const isAnotherProcess = summary.socket !== entry.run.summary.socket;
      if (isAnotherProcess) entry.failedAttempts = 0;
      // An attached process knows better than the files that it has just written.
      const attached = entry.client !== undefined;
      const live = attached ? { alive: true, state: entry.run.summary.state } : {};
      const progress = summary.alive && !isAnotherProcess ? entry.run.progress : null;
      const { attachProblem } = entry.run;
      this.update(summary.runDir, { summary: { ...summary, ...live }, attached, progress, attachProblem });
    }
    if (summary.alive) void this.attach(summary.runDir);
  }

  private async attach(runDir: string): Promise<void> {
    const entry = this.entries.get(runDir);
    const { socket, token } = entry?.run.summary ?? {};
    if (entry === undefined || socket === undefined || token === undefined) return;
    if (entry.client !== undefined || entry.attaching) return;
    entry.attaching = true;
    try {
      const { client, state } = await RunClient.attach({ socket, token }, (c) => this.listen(runDir, c));
      if (this.disposed || this.entries.get(runDir) !== entry) return client.dispose();
      entry.client = client;
      entry.failedAttempts = 0;
      this.update(runDir, { ...entry.run, attached: true, attachProblem: undefined });
      this.setState(runDir, state);
    } catch (error) {
      this.attachFailed(runDir, entry, error);
    } finally {
      entry.attaching = false;
    }
  }

  /** A process that is just starting or ending is tried again; one of another version never will do. */
  private attachFailed(runDir: string, entry: Entry, error: unknown): void {
    const delayMs = UserError.is(error, "unsupported") ? undefined : this.attachDelaysMs[entry.failedAttempts];
    entry.failedAttempts += 1;
    if (this.disposed) return;
    if (delayMs !== undefined) return this.refreshLater(delayMs);
    const attachProblem = thrownText(error);
    if (attachProblem === entry.run.attachProblem) return;
    this.log.warn(`Cannot attach to ${runDir}: ${attachProblem}`);
    this.update(runDir, { ...entry.run, attachProblem });
  }

  private listen(runDir: string, client: RunClient): void {
    client.onEvent((event) => this.heard(runDir, event));
    client.onDidClose(() => {
      const entry = this.entries.get(runDir);
      if (entry?.client !== client) return;
      entry.client = undefined;
      entry.run = { ...entry.run, attached: false };
      this.refreshLater(0);
      this.refreshLater(1500); // a process that is just ending may still look alive
    });
  }

  private heard(runDir: string, event: RunEvent): void {
    const entry = this.entries.get(runDir);
    if (entry === undefined) return;
    switch (event.kind) {
      case "state":
        return this.setState(runDir, event.state);
      case "progress":
        return this.update(runDir, { ...entry.run, progress: event.progress });
      case "groups":
        return this.events.fire({ kind: "groups", runDir, step: event.step });
      case "step":
      case "evaluation":
        return this.events.fire({ kind: "details", runDir });
    }
  }

  private setState(runDir: string, state: RunState): void {
    const entry = this.entries.get(runDir);
    if (entry === undefined) return;
    const hasNewCheckpoint = state.lastCheckpoint !== entry.run.summary.state.lastCheckpoint;
    this.update(runDir, { ...entry.run, summary: { ...entry.run.summary, state } });
    if (hasNewCheckpoint) this.events.fire({ kind: "details", runDir });
  }

  private update(runDir: string, run: TrackedRun): void {
    const entry = this.entries.get(runDir);
    if (entry === undefined) return;
    const before = entry.run;
    entry.run = run;
    const notice = runNotice(before, run);
    if (notice !== undefined) this.notices.fire(notice);
    this.events.fire({ kind: "changed", runDir });
  }

  private refreshLater(delayMs: number): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.refresh().catch((error: unknown) => this.log.warn(`Cannot list the runs: ${thrownText(error)}`));
    }, delayMs);
    this.timers.add(timer);
  }
}

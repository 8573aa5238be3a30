import { t } from "@vscode/l10n";
import type { RpcCancellationToken } from "../../protocol/connection.ts";
import { UserError } from "../../protocol/errors.ts";
import type { NotificationMessage, RequestMessage } from "../../protocol/messages.ts";
import { Emitter, type Disposable } from "../lifetime.ts";
import type { EngineSettings, Heartbeat, SessionEnd } from "./engineSession.ts";
import { defaultHeartbeat, EngineSession } from "./engineSession.ts";
import type { Log } from "./log.ts";
import { RestartBudget } from "./restartPolicy.ts";

export type EngineState =
  | { readonly kind: "stopped" }
  | { readonly kind: "starting" }
  | { readonly kind: "running"; readonly pid: number; readonly version: string }
  /** Not started again by itself: the process died too often, or could not start. */
  | { readonly kind: "failed"; readonly reason: string };

/** What asks the engine: the part of the client that commands and models use. */
export interface Engine {
  request<P, R>(message: RequestMessage<P, R>, params: P, token?: RpcCancellationToken): Promise<R>;
  /** What the engine tells, over all its processes. */
  on<P>(message: NotificationMessage<P>, listener: (params: P) => void): Disposable;
}

/**
 * The service engine of this window over all its processes. It starts with the first request; a process that dies is
 * started again, at most 4 times within 3 minutes, and then not before the user asks for it. Requests that were pending
 * are rejected, never repeated.
 */
export class EngineClient implements Engine, Disposable {
  private readonly readSettings: () => EngineSettings;
  private readonly log: Log;
  private readonly heartbeat: Heartbeat;
  private readonly budget = new RestartBudget();
  private readonly stateEmitter = new Emitter<EngineState>();
  /** By method; each process is listened to for all of them. */
  private readonly told = new Map<string, Emitter<unknown>>();
  private currentState: EngineState = { kind: "stopped" };
  private session: EngineSession | undefined;
  private starting: Promise<EngineSession> | undefined;
  private disposed = false;

  readonly onDidChangeState = this.stateEmitter.event;

  constructor(readSettings: () => EngineSettings, log: Log, heartbeat: Heartbeat = defaultHeartbeat) {
    this.readSettings = readSettings;
    this.log = log;
    this.heartbeat = heartbeat;
  }

  get state(): EngineState {
    return this.currentState;
  }

  /**
   * Starts the process when there is none.
   * Errors: `UserError` of the engine; "disconnected" when the engine dies meanwhile or must not be started again.
   */
  async request<P, R>(message: RequestMessage<P, R>, params: P, token?: RpcCancellationToken): Promise<R> {
    const session = await this.ready();
    return session.request(message, params, token);
  }

  on<P>(message: NotificationMessage<P>, listener: (params: P) => void): Disposable {
    let emitter = this.told.get(message.method);
    if (emitter === undefined) {
      emitter = new Emitter<unknown>();
      this.told.set(message.method, emitter);
      if (this.session !== undefined) this.listen(this.session, message.method, emitter);
    }
    // SAFETY: see sendRequest in protocol/connection.ts.
    return emitter.event((params) => listener(params as P));
  }

  /** Makes sure that a process runs. Errors as `request`. */
  async start(): Promise<void> {
    await this.ready();
  }

  /** A new process with the settings of now, whatever happened before. */
  async restart(): Promise<void> {
    this.budget.reset();
    const old = this.session ?? (await this.starting?.catch(() => undefined));
    this.session = undefined;
    this.starting = undefined;
    await old?.shutdown();
    this.setState({ kind: "stopped" });
    await this.ready();
  }

  async shutdown(): Promise<void> {
    this.disposed = true;
    await this.session?.shutdown();
    this.dispose();
  }

  dispose(): void {
    this.disposed = true;
    this.session?.dispose();
    this.session = undefined;
    this.stateEmitter.dispose();
    for (const emitter of this.told.values()) emitter.dispose();
  }

  private ready(): Promise<EngineSession> {
    if (this.session !== undefined) return Promise.resolve(this.session);
    if (this.disposed) return Promise.reject(disconnected(t("The window is closing.")));
    if (this.currentState.kind === "failed") return Promise.reject(disconnected(this.currentState.reason));
    this.starting ??= this.fork().finally(() => (this.starting = undefined));
    return this.starting;
  }

  private async fork(): Promise<EngineSession> {
    this.setState({ kind: "starting" });
    const settings = this.readSettings();
    const session = new EngineSession(settings, this.log);
    session.onDidEnd((end) => this.sessionEnded(session, end));
    try {
      const { version, pid } = await session.initialize(settings);
      this.log.info(`Engine ${version} runs as process ${pid}.`);
      for (const [method, emitter] of this.told) this.listen(session, method, emitter);
      session.startHeartbeat(this.heartbeat);
      this.session = session;
      this.setState({ kind: "running", pid, version });
      return session;
    } catch (error) {
      session.dispose();
      const reason = error instanceof Error ? error.message : String(error);
      this.log.error(`The engine did not start: ${reason}`);
      this.setState({ kind: "failed", reason: t("The engine did not start: {0}", reason) });
      throw UserError.is(error, "unsupported") ? error : disconnected(t("The engine did not start: {0}", reason));
    }
  }

  private listen(session: EngineSession, method: string, emitter: Emitter<unknown>): void {
    session.on({ kind: "notification", method }, (params) => emitter.fire(params));
  }

  private sessionEnded(session: EngineSession, end: SessionEnd): void {
    if (this.session !== session) return; // still starting, or replaced: handled there
    this.session = undefined;
    if (end.expected || this.disposed) return;
    this.log.error(`The engine process has died: ${end.reason}.`);
    if (this.budget.allow(Date.now())) {
      this.setState({ kind: "stopped" });
      this.ready().catch(() => undefined); // fork() has logged why, and the state says it
    } else {
      this.setState({ kind: "failed", reason: t("The engine process keeps dying, so it is not started again.") });
    }
  }

  private setState(state: EngineState): void {
    this.currentState = state;
    this.stateEmitter.fire(state);
  }
}

function disconnected(message: string): UserError {
  return new UserError({ code: "disconnected", message, hint: t("See the engine log, then use RFT: Restart Engine.") });
}

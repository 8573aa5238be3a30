import { t } from "@vscode/l10n";
import { fork, type ChildProcess } from "node:child_process";
import {
  createMessageConnection,
  IPCMessageReader,
  IPCMessageWriter,
  type MessageConnection,
} from "vscode-jsonrpc/node";
import { onNotification, sendRequest, type RpcCancellationToken } from "../../protocol/connection.ts";
import { UserError } from "../../protocol/errors.ts";
import type { NotificationMessage, RequestMessage } from "../../protocol/messages.ts";
import {
  initializeService,
  pingService,
  protocolVersion,
  serviceLog,
  shutdownService,
} from "../../protocol/messages.ts";
import { DisposableStore, Emitter, type Disposable } from "../lifetime.ts";
import type { Log } from "./log.ts";

export interface EngineSettings {
  /** Bundle of the service engine. */
  readonly servicePath: string;
  readonly cacheDir: string;
  readonly ffmpegPath: string | null;
  readonly pythonPath: string | null;
  /** Working folder of the process; not the extension's own, which an update must be able to remove. */
  readonly cwd: string;
  /** Added to the environment of the process. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Heartbeat {
  readonly everyMs: number;
  /** A ping that is not answered within this time is missed; the second one in a row ends the process. */
  readonly timeoutMs: number;
}

export const defaultHeartbeat: Heartbeat = { everyMs: 15_000, timeoutMs: 15_000 };

/** Time that a new process has for its first answer. */
const handshakeTimeoutMs = 60_000;
/** Time that a process has to leave after `service/shutdown`. */
const shutdownTimeoutMs = 3_000;

/** How a session ended: asked to, or not. */
export interface SessionEnd {
  readonly expected: boolean;
  readonly reason: string;
}

/** One service engine process, from fork to exit. Everything that belongs to it ends with it. */
export class EngineSession implements Disposable {
  readonly pid: number | undefined;
  private readonly child: ChildProcess;
  private readonly connection: MessageConnection;
  private readonly scope = new DisposableStore();
  private readonly ended = new Emitter<SessionEnd>();
  private expectedEnd = false;
  private killReason: string | undefined;
  private hasEnded = false;

  readonly onDidEnd = this.ended.event;

  /** Starts the process; `initialize` must be awaited before anything else is asked. */
  constructor(settings: EngineSettings, log: Log) {
    this.child = fork(settings.servicePath, [], {
      cwd: settings.cwd,
      env: { ...process.env, ...settings.env, ELECTRON_RUN_AS_NODE: "1" },
      execArgv: [],
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.pid = this.child.pid;
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => log.info(text.trimEnd()));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => log.warn(text.trimEnd()));
    this.child.on("error", (error) => this.finish(error.message));
    this.child.on("exit", (code, signal) => this.finish(exitText(code, signal)));
    this.connection = createMessageConnection(new IPCMessageReader(this.child), new IPCMessageWriter(this.child));
    this.connection.onClose(() => this.kill(t("its channel closed")));
    this.connection.onError(([error]) => log.warn(`Engine channel: ${error.message}`));
    this.scope.add(this.on(serviceLog, ({ level, message }) => log[level](message)));
    this.connection.listen();
  }

  /**
   * Handshake. Errors: `UserError` "unsupported" when the bundle speaks another protocol version; a plain error with
   * the reason when the process ends or does not answer.
   */
  async initialize(settings: EngineSettings): Promise<{ version: string; pid: number }> {
    const answer = this.request(initializeService, {
      protocolVersion,
      cacheDir: settings.cacheDir,
      ffmpegPath: settings.ffmpegPath,
      pythonPath: settings.pythonPath,
    });
    const early = new Promise<never>((_resolve, reject) => this.onDidEnd(({ reason }) => reject(new Error(reason))));
    const first = Promise.race([early, answer]);
    const result = await withTimeout(first, handshakeTimeoutMs, t("it did not answer its first message"));
    if (result.protocolVersion !== protocolVersion) {
      throw new UserError({
        code: "unsupported",
        message: t(
          "The engine speaks protocol version {0}, the extension {1}.",
          result.protocolVersion,
          protocolVersion,
        ),
        hint: t("Reload the window, so that both come from the same version of the extension."),
      });
    }
    return result;
  }

  async request<P, R>(message: RequestMessage<P, R>, params: P, token?: RpcCancellationToken): Promise<R> {
    if (this.hasEnded) {
      throw new UserError({
        code: "disconnected",
        message: t("The engine process has ended."),
        hint: t("See the engine log."),
      });
    }
    return sendRequest(this.connection, message, params, token);
  }

  on<P>(message: NotificationMessage<P>, handler: (params: P) => void): Disposable {
    return onNotification(this.connection, message, handler);
  }

  /** Pings the process from now on, and ends it when it does not answer twice in a row. */
  startHeartbeat({ everyMs, timeoutMs }: Heartbeat): void {
    let missed = 0;
    let pending = false;
    const timer = setInterval(() => {
      if (pending) return;
      pending = true;
      void withTimeout(this.request(pingService, { sentAtMs: Date.now() }), timeoutMs, t("no answer"))
        .then(
          () => (missed = 0),
          () => (missed += 1),
        )
        .finally(() => {
          pending = false;
          if (missed >= 2) this.kill(t("it stopped answering"));
        });
    }, everyMs);
    this.scope.add({ dispose: () => clearInterval(timer) });
  }

  /** Orderly end: asks the process to leave, and ends it when it does not. */
  async shutdown(): Promise<void> {
    if (this.hasEnded) return;
    this.expectedEnd = true;
    const left = new Promise<void>((resolve) => this.onDidEnd(() => resolve()));
    this.request(shutdownService, {}).catch(() => undefined); // ends by the time limit below
    await withTimeout(left, shutdownTimeoutMs, t("still running")).catch(() =>
      this.kill(t("it did not leave when asked")),
    );
  }

  /** For a window that closes: no waiting. */
  dispose(): void {
    this.expectedEnd = true;
    this.kill("disposed");
  }

  private kill(reason: string): void {
    if (this.hasEnded) return;
    this.killReason ??= reason;
    this.child.kill("SIGKILL");
  }

  private finish(reason: string): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.scope.dispose();
    this.ended.fire({ expected: this.expectedEnd, reason: this.killReason ?? reason });
    this.ended.dispose();
    this.connection.dispose(); // rejects every pending request
  }
}

/** Rejects with a plain error when `promise` takes longer. */
export async function withTimeout<T>(promise: Promise<T>, timeoutMs: number, message: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(message)), timeoutMs);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

function exitText(code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? t("it ended with status {0}", code ?? "unknown") : t("it was ended by {0}", signal);
}

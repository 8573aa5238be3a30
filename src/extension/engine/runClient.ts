import { t } from "@vscode/l10n";
import net from "node:net";
import {
  createMessageConnection,
  SocketMessageReader,
  SocketMessageWriter,
  type MessageConnection,
} from "vscode-jsonrpc/node";
import { onNotification, sendRequest, watchMessageQueue } from "../../protocol/connection.ts";
import { UserError } from "../../protocol/errors.ts";
import type { RunProgress } from "../../protocol/messages.ts";
import {
  evaluationWritten,
  groupsWritten,
  helloRun,
  protocolVersion,
  runProgress,
  runStateChanged,
  stepFinished,
  stopRun,
} from "../../protocol/messages.ts";
import type { RunState } from "../../protocol/records.ts";
import { Emitter, type Disposable } from "../lifetime.ts";
import { withTimeout } from "./engineSession.ts";

/** What an attached run process tells. */
export type RunEvent =
  | { readonly kind: "state"; readonly state: RunState }
  | { readonly kind: "progress"; readonly progress: RunProgress }
  | { readonly kind: "groups"; readonly step: number }
  | { readonly kind: "step"; readonly step: number }
  | { readonly kind: "evaluation"; readonly step: number };

const connectTimeoutMs = 10_000;

/** A connection to one run process. It never ends the run: closing it only detaches. */
export class RunClient implements Disposable {
  private readonly socket: net.Socket;
  private readonly connection: MessageConnection;
  private readonly events = new Emitter<RunEvent>();
  private readonly closed = new Emitter<void>();
  private isClosed = false;

  readonly onEvent = this.events.event;
  readonly onDidClose = this.closed.event;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    const reader = new SocketMessageReader(socket);
    const queue = watchMessageQueue(reader);
    this.connection = createMessageConnection(reader, new SocketMessageWriter(socket), undefined, {
      messageStrategy: queue.messageStrategy,
    });
    // A run that ends sends its last state and goes: what waits is handled before the connection is let go.
    this.connection.onClose(() => void queue.drain(nextTurn).then(() => this.close()));
    // A write that fails means that the peer is gone; the close event follows.
    this.connection.onError(() => undefined);
    const fire = (event: RunEvent) => this.events.fire(event);
    onNotification(this.connection, runStateChanged, ({ state }) => fire({ kind: "state", state }));
    onNotification(this.connection, runProgress, (progress) => fire({ kind: "progress", progress }));
    onNotification(this.connection, groupsWritten, ({ step }) => fire({ kind: "groups", step }));
    onNotification(this.connection, stepFinished, ({ metrics }) => fire({ kind: "step", step: metrics.step }));
    onNotification(this.connection, evaluationWritten, ({ step }) => fire({ kind: "evaluation", step }));
    this.connection.listen();
  }

  /**
   * Connects and says hello with the token of the run folder's lock. Listeners are added in `prepare`, before the first
   * message is read, so that none is missed.
   * Errors: `UserError` "disconnected" when nobody listens; what the run process answers to a wrong token or version.
   */
  static async attach(
    target: { socket: string; token: string },
    prepare: (client: RunClient) => void,
  ): Promise<{ client: RunClient; state: RunState }> {
    const socket = await connect(target.socket);
    const client = new RunClient(socket);
    prepare(client);
    try {
      const hello = sendRequest(client.connection, helloRun, {
        token: target.token,
        protocolVersion,
        client: "vscode",
      });
      const { state } = await withTimeout(hello, connectTimeoutMs, t("The run process did not answer."));
      return { client, state };
    } catch (error) {
      client.dispose();
      throw error;
    }
  }

  /** Asks the run to stop after the step at hand, with a checkpoint. */
  async stop(reason: string): Promise<RunState> {
    const { state } = await sendRequest(this.connection, stopRun, { reason });
    return state;
  }

  dispose(): void {
    this.close();
  }

  private close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.connection.dispose();
    this.socket.destroy();
    this.closed.fire();
    this.closed.dispose();
    this.events.dispose();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function connect(socketPath: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.createConnection(socketPath);
    socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error(t("timed out"))));
    socket.once("error", (cause) => {
      const message = t("The run process cannot be reached: {0}", cause.message);
      reject(new UserError({ code: "disconnected", message, where: socketPath }, { cause }));
    });
    socket.once("connect", () => {
      socket.setTimeout(0);
      socket.on("error", () => undefined); // the close event follows and is handled
      resolve(socket);
    });
  });
}

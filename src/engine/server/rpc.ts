import { setImmediate as nextTurn } from "node:timers/promises";
import {
  createMessageConnection,
  ResponseError,
  type Logger,
  type MessageReader,
  type MessageWriter,
} from "vscode-jsonrpc/node";
import { UserError } from "../../protocol/errors.ts";
import {
  toRpcError,
  watchMessageQueue,
  type RpcCancellationToken,
  type RpcConnection,
} from "../../protocol/connection.ts";

export interface EngineConnection extends RpcConnection {
  /** Called once, after everything that the peer had sent was handled; at once when that is past. */
  readonly onDidClose: (listener: () => void) => void;
  dispose(): void;
}

/**
 * A listening connection. Handlers that throw a `UserError` answer with its data; any other error is answered as an
 * internal one and given to `logError` with its stack. When the peer goes away, pending requests are rejected.
 */
export function createConnection(
  reader: MessageReader,
  writer: MessageWriter,
  logError: (text: string) => void,
): EngineConnection {
  const queue = watchMessageQueue(reader);
  const connection = createMessageConnection(reader, writer, quietLogger(logError), {
    messageStrategy: queue.messageStrategy,
  });
  const closeListeners: (() => void)[] = [];
  let isOpen = true;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    connection.dispose();
    for (const listener of closeListeners) listener();
  };
  connection.onClose(() => {
    void queue.drain(nextTurn).then(close);
  });
  // A write that fails means that the peer is gone; the close event follows.
  connection.onError(() => undefined);
  connection.listen();
  return {
    sendRequest: async (method, ...args) => connection.sendRequest(method, ...args),
    sendNotification: async (method, params) => connection.sendNotification(method, params),
    onNotification: (method, handler) => connection.onNotification(method, handler),
    onRequest: (method, handler) =>
      connection.onRequest(method, async (params: unknown, token: RpcCancellationToken) => {
        try {
          // The event of a token that was cancelled before its request was handled does not fire.
          if (token.isCancellationRequested) throw new UserError({ code: "cancelled", message: "Cancelled." });
          return await handler(params, token);
        } catch (error) {
          if (!UserError.is(error)) logError(`${method}: ${error instanceof Error ? error.stack : String(error)}`);
          const { code, message, data } = toRpcError(error);
          throw new ResponseError(code, message, data);
        }
      }),
    onDidClose: (listener) => void (isOpen ? closeListeners.push(listener) : listener()),
    dispose: close,
  };
}

function quietLogger(logError: (text: string) => void): Logger {
  return { error: logError, warn: logError, info: () => undefined, log: () => undefined };
}

/** A signal that aborts when a request is cancelled. */
export function signalOf(token: RpcCancellationToken): AbortSignal {
  const controller = new AbortController();
  const abort = (): void => controller.abort(new UserError({ code: "cancelled", message: "Cancelled." }));
  if (token.isCancellationRequested) abort();
  token.onCancellationRequested(abort);
  return controller.signal;
}

import {
  createMessageConnection,
  ResponseError,
  type Logger,
  type MessageReader,
  type MessageWriter,
} from "vscode-jsonrpc/node";
import { UserError } from "../../protocol/errors.ts";
import { toRpcError, type RpcCancellationToken, type RpcConnection } from "../../protocol/connection.ts";

export interface EngineConnection extends RpcConnection {
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
  const connection = createMessageConnection(reader, writer, quietLogger(logError));
  const closeListeners: (() => void)[] = [];
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    connection.dispose();
    for (const listener of closeListeners) listener();
  };
  connection.onClose(close);
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
          return await handler(params, token);
        } catch (error) {
          if (!UserError.is(error)) logError(`${method}: ${error instanceof Error ? error.stack : String(error)}`);
          const { code, message, data } = toRpcError(error);
          throw new ResponseError(code, message, data);
        }
      }),
    onDidClose: (listener) => void (open ? closeListeners.push(listener) : listener()),
    dispose: close,
  };
}

function quietLogger(logError: (text: string) => void): Logger {
  return { error: logError, warn: logError, info: () => undefined, log: () => undefined };
}

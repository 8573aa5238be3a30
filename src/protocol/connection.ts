import { UserError, errorCodes, type ErrorCode, type ErrorData } from "./errors.ts";
import type { NotificationMessage, RequestMessage } from "./messages.ts";

/**
 * Typed requests and notifications over any JSON-RPC connection. The interfaces are the part of vscode-jsonrpc's
 * `MessageConnection` that is used here, so that both sides bring their own connection and share these functions.
 */
export interface RpcDisposable {
  dispose(): void;
}

/** Fits `CancellationToken` of vscode and of vscode-jsonrpc. */
export interface RpcCancellationToken {
  readonly isCancellationRequested: boolean;
  readonly onCancellationRequested: (listener: (event: unknown) => unknown) => RpcDisposable;
}

export interface RpcConnection {
  sendRequest(method: string, ...args: unknown[]): Promise<unknown>;
  sendNotification(method: string, params: unknown): Promise<void>;
  onRequest(method: string, handler: (params: unknown, token: RpcCancellationToken) => unknown): RpcDisposable;
  onNotification(method: string, handler: (params: unknown) => void): RpcDisposable;
}

/** A JSON-RPC error object. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** Codes of JSON-RPC errors; ours lies outside the range that the standard reserves. */
export const rpcErrorCodes = {
  userError: 1,
  internalError: -32603,
  requestCancelled: -32800,
  pendingResponseRejected: -32097,
} as const;

/**
 * Sends a request and waits for its answer.
 * Errors: the peer's `UserError`s as `UserError`; "disconnected" when the connection is or gets closed; "cancelled" when
 * the token was used; anything else as a plain error with the peer's message.
 */
export async function sendRequest<Params, Result>(
  connection: RpcConnection,
  message: RequestMessage<Params, Result>,
  params: Params,
  token?: RpcCancellationToken,
): Promise<Result> {
  try {
    // An argument `undefined` would count as a second positional parameter.
    const result =
      token === undefined
        ? await connection.sendRequest(message.method, params)
        : await connection.sendRequest(message.method, params, token);
    // SAFETY: both sides are compiled against the same message value, and the protocol version is compared at hello.
    return result as Result;
  } catch (error) {
    throw fromRpcError(error, message.method);
  }
}

export function onRequest<Params, Result>(
  connection: RpcConnection,
  message: RequestMessage<Params, Result>,
  handler: (params: Params, token: RpcCancellationToken) => Result | Promise<Result>,
): RpcDisposable {
  // SAFETY: see sendRequest.
  return connection.onRequest(message.method, (params, token) => handler(params as Params, token));
}

/** Sends without waiting for anything; a closed connection is not an error. */
export function notify<Params>(connection: RpcConnection, message: NotificationMessage<Params>, params: Params): void {
  try {
    connection.sendNotification(message.method, params).catch(() => undefined);
  } catch {
    // vscode-jsonrpc throws at once on a connection that is already closed.
  }
}

export function onNotification<Params>(
  connection: RpcConnection,
  message: NotificationMessage<Params>,
  handler: (params: Params) => void,
): RpcDisposable {
  // SAFETY: see sendRequest.
  return connection.onNotification(message.method, (params) => handler(params as Params));
}

/** Tells when everything that a peer had sent was handled. See watchMessageQueue. */
export interface MessageQueueWatch<Message> {
  /** For the options of `createMessageConnection`. */
  readonly messageStrategy: { handleMessage(message: Message, next: (message: Message) => void): void };
  /** Settles when what was read so far was handled; `nextTurn` waits for a turn of the event loop. */
  drain(nextTurn: () => Promise<unknown>): Promise<void>;
}

/**
 * vscode-jsonrpc handles one message a turn of the event loop, and forgets those that wait when it is disposed. Whoever
 * disposes a connection because the peer closed it (a run process that ends) drains it first, or loses the last state.
 * Call before `createMessageConnection`.
 */
export function watchMessageQueue<Message>(reader: {
  listen: (callback: (message: Message) => void) => RpcDisposable;
}): MessageQueueWatch<Message> {
  let waiting = 0;
  const listen = reader.listen.bind(reader);
  reader.listen = (callback) =>
    listen((message) => {
      waiting++;
      callback(message);
    });
  return {
    messageStrategy: {
      handleMessage(message, next) {
        waiting--;
        next(message);
      },
    },
    async drain(nextTurn) {
      for (let turns = waiting + 2; turns > 0; turns--) await nextTurn();
    },
  };
}

/** What a handler's error looks like on the wire. */
export function toRpcError(error: unknown): RpcError {
  if (UserError.is(error)) return { code: rpcErrorCodes.userError, message: error.message, data: error.toData() };
  const message = error instanceof Error ? error.message : String(error);
  return { code: rpcErrorCodes.internalError, message };
}

/** The error that a failed request is rejected with. */
export function fromRpcError(error: unknown, method: string): Error {
  if (UserError.is(error)) return error;
  const { code, message, data } = errorParts(error);
  if (isErrorData(data)) return new UserError(data, { cause: error });
  if (code === rpcErrorCodes.requestCancelled) return new UserError({ code: "cancelled", message: "Cancelled." });
  if (code === rpcErrorCodes.pendingResponseRejected || isClosedConnection(error)) {
    const text = `The process that was asked for ${method} went away before it answered.`;
    return new UserError({ code: "disconnected", message: text }, { cause: error });
  }
  return new Error(`${method}: ${message}`, { cause: error });
}

export function isErrorData(value: unknown): value is ErrorData {
  if (typeof value !== "object" || value === null || !("code" in value) || !("message" in value)) return false;
  // SAFETY: only widens the list for the lookup.
  return typeof value.message === "string" && errorCodes.includes(value.code as ErrorCode);
}

function errorParts(error: unknown): { code: unknown; message: string; data: unknown } {
  if (typeof error !== "object" || error === null) return { code: undefined, message: String(error), data: undefined };
  return {
    code: "code" in error ? error.code : undefined,
    message: "message" in error ? String(error.message) : "unknown error",
    data: "data" in error ? error.data : undefined,
  };
}

/** vscode-jsonrpc's ConnectionError; its codes 1 (closed) and 2 (disposed) are no JSON-RPC codes. */
function isClosedConnection(error: unknown): boolean {
  return error instanceof Error && /^Connection (is closed|is disposed|got disposed)/.test(error.message);
}

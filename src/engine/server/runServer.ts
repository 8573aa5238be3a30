import { randomBytes, timingSafeEqual } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { SocketMessageReader, SocketMessageWriter } from "vscode-jsonrpc/node";
import { onRequest } from "../../protocol/connection.ts";
import { UserError } from "../../protocol/errors.ts";
import {
  getRunState,
  helloRun,
  pingRun,
  protocolVersion,
  stopRun,
  type NotificationMessage,
} from "../../protocol/messages.ts";
import type { RunState } from "../../protocol/records.ts";
import { createConnection, type EngineConnection } from "./rpc.ts";
import { newSocketPath, runtimeDir } from "./runtimeDir.ts";

/** What the run process answers with. */
export interface RunServerHost {
  readonly runDir: string;
  readonly runId: string;
  readonly state: () => RunState;
  /** Asks for the end after the step at hand. */
  readonly stop: (reason: string) => void;
  readonly logError: (text: string) => void;
}

export interface RunServer {
  /** Unix socket path or named pipe. */
  readonly socket: string;
  readonly token: string;
  /** To every client that has said hello. */
  broadcast<Params>(message: NotificationMessage<Params>, params: Params): void;
  /** Sends what is on its way, then closes all. */
  close(): Promise<void>;
}

/** A client that does not read (its window hangs) is dropped before it fills the memory of the run. */
const maxUnsentMessages = 1000;
const flushTimeoutMs = 2000;
const helloTimeoutMs = 10_000;
const checkSocketMs = 60_000;

interface Client {
  readonly connection: EngineConnection;
  /** Notifications on their way. */
  readonly unsent: Set<Promise<unknown>>;
}

/** Listens for any number of clients. A client says hello with the token before anything else is answered. */
export async function listenForClients(host: RunServerHost): Promise<RunServer> {
  const socketPath = newSocketPath(runtimeDir());
  const token = randomBytes(32).toString("hex");
  const clients = new Map<net.Socket, Client>();
  const open = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.once("close", () => {
      open.delete(socket);
      clients.delete(socket);
    });
    serveClient(socket, token, host, (connection) => clients.set(socket, { connection, unsent: new Set() }));
  });
  await listen(server, socketPath);
  server.on("error", (error) => host.logError(`${socketPath}: ${error.message}`));
  const timer = setInterval(() => restoreSocket(server, socketPath, host.logError), checkSocketMs).unref();
  return {
    socket: socketPath,
    token,
    broadcast: (message, params) => {
      for (const [socket, { connection, unsent }] of clients) {
        if (unsent.size >= maxUnsentMessages) {
          socket.destroy();
          continue;
        }
        const sending = connection
          .sendNotification(message.method, params)
          .catch(() => undefined) // the client has gone
          .finally(() => unsent.delete(sending));
        unsent.add(sending);
      }
    },
    close: async () => {
      clearInterval(timer);
      // The last state is what every client waits for.
      const unsent = [...clients.values()].flatMap((client) => [...client.unsent]);
      await Promise.race([Promise.all(unsent), delay(flushTimeoutMs, undefined, { ref: false })]);
      const closed = [...open].map((socket) => endSocket(socket));
      server.close();
      await Promise.all(closed);
      if (process.platform !== "win32") fs.rmSync(socketPath, { force: true });
    },
  };
}

function serveClient(
  socket: net.Socket,
  token: string,
  host: RunServerHost,
  onHello: (connection: EngineConnection) => void,
): void {
  const connection = createConnection(new SocketMessageReader(socket), new SocketMessageWriter(socket), host.logError);
  let isKnown = false;
  const timer = setTimeout(() => void (isKnown || socket.destroy()), helloTimeoutMs).unref();
  connection.onDidClose(() => {
    clearTimeout(timer);
    socket.destroy();
  });
  const whenKnown = <Result>(answer: () => Result): Result => {
    if (isKnown) return answer();
    throw new UserError({ code: "unsupported", message: "expected run/hello with the token of the run first" });
  };
  onRequest(connection, helloRun, (params) => {
    if (!isSameToken(params?.token, token)) {
      socket.destroy();
      throw new UserError({ code: "unsupported", message: "expected the token of this run's lock file" });
    }
    if (params.protocolVersion !== protocolVersion) throw wrongVersion(params.protocolVersion);
    isKnown = true;
    onHello(connection);
    return { runDir: host.runDir, runId: host.runId, state: host.state() };
  });
  onRequest(connection, pingRun, ({ sentAtMs }) => whenKnown(() => ({ sentAtMs })));
  onRequest(connection, getRunState, () => whenKnown(() => ({ state: host.state() })));
  onRequest(connection, stopRun, ({ reason }) =>
    whenKnown(() => {
      host.stop(reason);
      return { state: host.state() };
    }),
  );
}

function isSameToken(given: unknown, token: string): boolean {
  if (typeof given !== "string" || given.length !== token.length) return false;
  return timingSafeEqual(Buffer.from(given), Buffer.from(token));
}

function wrongVersion(found: unknown): UserError {
  return new UserError({
    code: "unsupported",
    message: `this run speaks version ${protocolVersion} of the protocol, the client speaks version ${String(found)}`,
    hint:
      "Use the version of Video RFT that started the run to stop or follow it, or wait until it has ended. " +
      "It goes on undisturbed, and its folder can be read meanwhile.",
  });
}

function listen(server: net.Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(socketPath, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Cleaners of the temporary folder remove sockets that look old; a run can last for weeks. */
function restoreSocket(server: net.Server, socketPath: string, logError: (text: string) => void): void {
  if (process.platform === "win32" || fs.existsSync(socketPath)) return;
  server.close();
  try {
    runtimeDir();
    server.listen(socketPath);
  } catch (error) {
    logError(`the socket ${socketPath} is gone and could not be made again: ${String(error)}`);
  }
}

/** Sends the rest and waits for the other side to close, but not for long. */
function endSocket(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    const timer = setTimeout(() => socket.destroy(), 500);
    socket.once("close", () => {
      clearTimeout(timer);
      resolve();
    });
    socket.end();
  });
}

import net from "node:net";
import { SocketMessageReader, SocketMessageWriter } from "vscode-jsonrpc/node";
import { sendRequest } from "../../protocol/connection.ts";
import { UserError } from "../../protocol/errors.ts";
import { helloRun, protocolVersion } from "../../protocol/messages.ts";
import type { RunState } from "../../protocol/records.ts";
import { createConnection, type EngineConnection } from "./rpc.ts";

export interface RunAddress {
  readonly socket: string;
  readonly token: string;
}

/** A run process that knows this client. */
export interface AttachedRun {
  readonly connection: EngineConnection;
  readonly runDir: string;
  readonly runId: string;
  /** At the time of attaching. */
  readonly state: RunState;
}

/**
 * Connects to a run process and says hello. `prepare` gets the connection before hello, so that no notification is
 * missed. Throws UserError "disconnected" when nobody listens or the token is wrong, "unsupported" for a run of another
 * protocol version.
 */
export async function attachToRun(
  address: RunAddress,
  client: string,
  prepare: (connection: EngineConnection) => void = () => undefined,
): Promise<AttachedRun> {
  const socket = await connect(address.socket);
  const connection = createConnection(
    new SocketMessageReader(socket),
    new SocketMessageWriter(socket),
    () => undefined, // the run process logs its own errors
  );
  try {
    prepare(connection);
    const hello = await sendRequest(connection, helloRun, { token: address.token, protocolVersion, client });
    return { connection, ...hello };
  } catch (error) {
    connection.dispose();
    throw error;
  }
}

function connect(socketPath: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(socketPath);
    socket.once("error", (error) => {
      const message = `No run process listens at ${socketPath}.`;
      reject(new UserError({ code: "disconnected", message }, { cause: error }));
    });
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      // The end of the connection is told by its close event.
      socket.on("error", () => undefined);
      resolve(socket);
    });
  });
}

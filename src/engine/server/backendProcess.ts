import { UserError } from "../../protocol/errors.ts";
import type { Backend } from "../run/backend.ts";
import { backendMethods, type BackendMethod, type BackendRequest, type BackendResponse } from "../run/backendClient.ts";

/**
 * The child's side of `spawnBackend`: answers one call at a time with the backend that `load` gives. A backend that
 * cannot be loaded (a missing native library) answers its first call with that error. Ends with its parent.
 */
export function serveBackend(load: () => Promise<Backend>): void {
  if (process.send === undefined) {
    throw new Error("internal: a backend is started by a run process and talks to it over its IPC channel");
  }
  // Nobody is left to answer to. A graph that is running ends first, since it holds the event loop.
  process.on("disconnect", () => process.exit(0));
  // Ctrl+C in a terminal goes to every process of it; when to end is for the parent to say.
  process.on("SIGINT", () => undefined);
  let loaded: Promise<Backend> | null = null;
  let turn: Promise<void> = Promise.resolve();
  process.on("message", (message) => {
    // SAFETY: spawnBackend is the only sender on this channel and both are built together.
    const request = message as BackendRequest;
    turn = turn.then(async () => {
      loaded ??= load();
      const response = await answer(loaded, request);
      process.send?.(response, undefined, undefined, () => {
        if (request.method === "close") process.exit(0);
      });
    });
  });
}

async function answer(loaded: Promise<Backend>, request: BackendRequest): Promise<BackendResponse> {
  const outcome = await outcomeOf(loaded, request);
  return { id: request.id, rssBytes: process.memoryUsage.rss(), outcome };
}

async function outcomeOf(
  loaded: Promise<Backend>,
  { method, params }: BackendRequest,
): Promise<BackendResponse["outcome"]> {
  try {
    if (!backendMethods.includes(method)) throw new Error(`internal: a backend has no method "${String(method)}"`);
    return { kind: "result", result: await call(await loaded, method, params) };
  } catch (error) {
    if (UserError.is(error)) return { kind: "userError", error: error.toData() };
    const message = error instanceof Error ? error.message : String(error);
    return { kind: "internalError", message, stack: (error instanceof Error && error.stack) || message };
  }
}

function call(backend: Backend, method: BackendMethod, params: unknown): Promise<unknown> {
  // SAFETY: the sender is typed by the same interface (see BackendClient).
  const target = backend as unknown as Record<BackendMethod, (params: unknown) => Promise<unknown>>;
  return target[method](params);
}

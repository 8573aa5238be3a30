import { UserError } from "../../protocol/errors.ts";
import type { Backend, SampleWatch } from "../run/backend.ts";
import {
  backendMethods,
  type BackendMessage,
  type BackendMethod,
  type BackendRequest,
  type BackendResponse,
} from "../run/backendClient.ts";

type Call = Extract<BackendRequest, { kind: "call" }>;

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
  /** Calls that wait for their turn, and the one at hand: between two runs of a graph the event loop is free to cancel them. */
  const unanswered = new Map<number, AbortController>();
  const answerInTurn = (call: Call, { signal }: AbortController): void => {
    turn = turn.then(async () => {
      loaded ??= load();
      const onProgress = call.isFollowed ? progressSender(call.id) : undefined;
      const response = await answer(loaded, call, { signal, onProgress });
      unanswered.delete(call.id);
      send(response, () => {
        if (call.method === "close") process.exit(0);
      });
    });
  };
  process.on("message", (message) => {
    // SAFETY: spawnBackend is the only sender on this channel and both are built together.
    const request = message as BackendRequest;
    if (request.kind === "cancel") return unanswered.get(request.id)?.abort();
    const controller = new AbortController();
    if (request.isCancelled) controller.abort();
    unanswered.set(request.id, controller);
    answerInTurn(request, controller);
  });
}

function send(message: BackendMessage, onSent: () => void = () => undefined): void {
  process.send?.(message, undefined, undefined, onSent);
}

function progressSender(id: number): SampleWatch["onProgress"] {
  return (groups) => send({ kind: "progress", id, groups });
}

async function answer(loaded: Promise<Backend>, call: Call, watch: SampleWatch): Promise<BackendResponse> {
  const outcome = await outcomeOf(loaded, call, watch);
  return { kind: "response", id: call.id, rssBytes: process.memoryUsage.rss(), outcome };
}

async function outcomeOf(
  loaded: Promise<Backend>,
  { method, params }: Call,
  watch: SampleWatch,
): Promise<BackendResponse["outcome"]> {
  try {
    if (!backendMethods.includes(method)) throw new Error(`internal: a backend has no method "${String(method)}"`);
    return { kind: "result", result: await callBackend(await loaded, method, params, watch) };
  } catch (error) {
    if (UserError.is(error)) return { kind: "userError", error: error.toData() };
    const message = error instanceof Error ? error.message : String(error);
    return { kind: "internalError", message, stack: (error instanceof Error && error.stack) || message };
  }
}

/** `watch` is for `sample`; the other methods take one parameter. */
function callBackend(backend: Backend, method: BackendMethod, params: unknown, watch: SampleWatch): Promise<unknown> {
  // SAFETY: the sender is typed by the same interface (see BackendClient).
  const target = backend as unknown as Record<BackendMethod, (params: unknown, watch: SampleWatch) => Promise<unknown>>;
  return target[method](params, watch);
}

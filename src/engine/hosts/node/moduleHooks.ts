import module from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import type { SourceFiles } from "../hostProtocol.ts";
import { loadSource, resolveTypescript } from "./typescriptHooks.ts";

/** Node's hooks of this thread (Node 22.15 and later), which the types of the oldest Node that we run on do not have. */
interface SyncHooks {
  readonly registerHooks?: (hooks: {
    resolve: (specifier: string, context: { parentURL?: string }, next: NextResolve) => { url: string };
    load: (url: string, context: unknown, next: NextLoad) => unknown;
  }) => unknown;
}
type NextResolve = (specifier: string, context: unknown) => { url: string };
type NextLoad = (url: string, context: unknown) => unknown;

/** Makes `import` take TypeScript files. Answers what has been loaded of the workspace so far: no packages. */
export function installModuleHooks(sources: SourceFiles | null): () => readonly string[] {
  const loaded = new Set<string>();
  const remember = (url: string): void => {
    if (url.startsWith("file:") && !url.includes("/node_modules/")) loaded.add(fileURLToPath(url));
  };
  // SAFETY: the method is looked for before it is called.
  const { registerHooks } = module as unknown as SyncHooks;
  if (registerHooks === undefined) return installInLoaderThread(sources, loaded, remember);
  registerHooks({
    resolve(specifier, context, next) {
      const found = resolveTypescript(specifier, context.parentURL);
      return found === null ? next(specifier, context) : next(found, context);
    },
    load(url, context, next) {
      remember(url);
      const source = loadSource(url, sources);
      return source === null ? next(url, context) : { format: "module", source, shortCircuit: true };
    },
  });
  return () => [...loaded];
}

/** Older Nodes run hooks in a thread of their own, from a file of its own (hosts/node/loaderThread.ts). */
function installInLoaderThread(
  sources: SourceFiles | null,
  loaded: ReadonlySet<string>,
  remember: (url: string) => void,
): () => readonly string[] {
  const { port1, port2 } = new MessageChannel();
  const file = pathToFileURL(path.join(__dirname, "rewardLoader.mjs"));
  module.register(file, { data: { port: port2, sources }, transferList: [port2] });
  port1.unref();
  return () => {
    for (let next = receiveMessageOnPort(port1); next !== undefined; next = receiveMessageOnPort(port1)) {
      remember(String(next.message));
    }
    return [...loaded];
  };
}

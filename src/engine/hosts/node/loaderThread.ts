import type { MessagePort } from "node:worker_threads";
import type { SourceFiles } from "../hostProtocol.ts";
import { loadSource, resolveTypescript } from "./typescriptHooks.ts";

/** Hooks of the loader thread of Node 20 (see moduleHooks.ts); Node calls them by name. */

let port: MessagePort | undefined;
let sources: SourceFiles | null = null;

export function initialize(data: { port: MessagePort; sources: SourceFiles | null }): void {
  port = data.port;
  sources = data.sources;
}

export async function resolve(
  specifier: string,
  context: { parentURL?: string },
  next: (specifier: string, context: unknown) => Promise<unknown>,
): Promise<unknown> {
  return next(resolveTypescript(specifier, context.parentURL) ?? specifier, context);
}

export async function load(
  url: string,
  context: unknown,
  next: (url: string, context: unknown) => Promise<unknown>,
): Promise<unknown> {
  port?.postMessage(url);
  const source = loadSource(url, sources);
  return source === null ? next(url, context) : { format: "module", source, shortCircuit: true };
}

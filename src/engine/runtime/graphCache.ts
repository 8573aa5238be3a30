import type { Graph } from "../graph/types.ts";
import { createDevice, type Device } from "./device.ts";
import { CompiledGraph, type SessionOptions } from "./session.ts";

/**
 * Compiled graphs by key, the least recently used released first. Sessions hold native memory, so the cache is their one
 * owner: nobody else releases them.
 */
export class GraphCache {
  /** What the graphs are computed on, and what stays there. */
  readonly device: Device;
  readonly #options: SessionOptions;
  readonly #capacity: number;
  readonly #graphs = new Map<string, CompiledGraph>();

  constructor(options: SessionOptions, capacity = 24) {
    this.device = createDevice(options.provider ?? "cpu");
    this.#options = options;
    this.#capacity = capacity;
  }

  async get(key: string, build: () => Graph): Promise<CompiledGraph> {
    const known = this.#graphs.get(key);
    if (known !== undefined) {
      this.#graphs.delete(key);
      this.#graphs.set(key, known);
      return known;
    }
    const made = await CompiledGraph.compile(build(), this.#options);
    this.#graphs.set(key, made);
    for (const [oldKey, old] of this.#graphs) {
      if (this.#graphs.size <= this.#capacity) break;
      this.#graphs.delete(oldKey);
      await old.release();
    }
    return made;
  }

  async dispose(): Promise<void> {
    for (const graph of this.#graphs.values()) await graph.release();
    this.#graphs.clear();
    await this.device.dispose();
  }
}

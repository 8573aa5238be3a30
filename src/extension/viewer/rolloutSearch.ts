import { CancellationTokenSource } from "vscode-jsonrpc/node";
import { searchFound, searchRollouts } from "../../protocol/messages.ts";
import type { SearchQuery } from "../../protocol/viewerQueries.ts";
import type { Engine } from "../engine/engineClient.ts";
import type { Disposable } from "../lifetime.ts";

type OnFound = (ids: readonly string[], searched: number) => void;

/** Searches of all viewers through the texts of their runs; what the engine finds goes to whom it was found for. */
export class RolloutSearch implements Disposable {
  private readonly engine: Engine;
  private readonly listeners = new Map<string, OnFound>();
  private readonly listening: Disposable;
  private lastTask = 0;

  constructor(engine: Engine) {
    this.engine = engine;
    this.listening = engine.on(searchFound, ({ task, ids, searched }) => this.listeners.get(task)?.(ids, searched));
  }

  /** Errors: those of the engine; `UserError` cancelled once the signal is aborted. */
  async find(
    query: SearchQuery & { readonly runDir: string },
    signal: AbortSignal,
    onFound: OnFound,
  ): Promise<{ readonly searched: number }> {
    const task = `viewer-${++this.lastTask}`;
    const cancellation = new CancellationTokenSource();
    const cancel = (): void => cancellation.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    this.listeners.set(task, onFound);
    try {
      const { runDir, pattern, isRegex, isCaseSensitive } = query;
      const params = { task, runDir, pattern, isRegex, isCaseSensitive };
      return await this.engine.request(searchRollouts, params, cancellation.token);
    } finally {
      this.listeners.delete(task);
      signal.removeEventListener("abort", cancel);
      cancellation.dispose();
    }
  }

  dispose(): void {
    this.listening.dispose();
    this.listeners.clear();
  }
}

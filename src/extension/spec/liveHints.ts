import * as vscode from "vscode";
import { thrownText } from "../errorText.ts";
import { debounce, DisposableStore, type Disposable } from "../lifetime.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";
import { etaText, isGoingOn } from "../runs/runView.ts";
import { liveValues } from "./liveValues.ts";

const refreshMs = 500;

/** Inlay text in the specification of a run that goes on: how far it has come, and what its settings do. */
export class LiveHints implements vscode.InlayHintsProvider, Disposable {
  private readonly registry: RunRegistry;
  private readonly log: vscode.LogOutputChannel;
  private readonly scope = new DisposableStore();
  private readonly changed = this.scope.add(new vscode.EventEmitter<void>());

  readonly onDidChangeInlayHints = this.changed.event;

  constructor(registry: RunRegistry, log: vscode.LogOutputChannel) {
    this.registry = registry;
    this.log = log;
    this.scope.add(vscode.languages.registerInlayHintsProvider({ scheme: "file", pattern: "**/*.rft.json" }, this));
    const refresh = this.scope.add(debounce(refreshMs, () => this.changed.fire()));
    this.scope.add(registry.onEvent((event) => event.kind !== "groups" && refresh()));
  }

  dispose(): void {
    this.scope.dispose();
  }

  async provideInlayHints(document: vscode.TextDocument, range: vscode.Range): Promise<vscode.InlayHint[]> {
    const run = this.registry.runs.find((one) => isGoingOn(one) && one.summary.specPath === document.uri.fsPath);
    if (run === undefined) return [];
    const details = await this.registry.details(run.summary.runDir).catch((error: unknown) => {
      this.log.debug(`No live values of ${run.summary.runDir}: ${thrownText(error)}`);
      return undefined;
    });
    const { step, steps } = run.summary.state;
    const metrics = details?.metrics.at(-1)?.metrics;
    const values = liveValues(document.getText(), { step, steps, etaText: etaText(run), metrics });
    return values.flatMap(({ offset, text, tooltip }) => {
      const position = document.positionAt(offset);
      if (!range.contains(position)) return [];
      const hint = new vscode.InlayHint(position, text);
      hint.paddingLeft = true;
      hint.tooltip = tooltip;
      return [hint];
    });
  }
}

import fs from "node:fs/promises";
import * as vscode from "vscode";
import type { Diagnostic } from "../../protocol/diagnostics.ts";
import { diagnoseRun } from "../../protocol/diagnosticMessages.ts";
import type { Engine } from "../engine/engineClient.ts";
import { thrownText } from "../errorText.ts";
import { coalesce, debounce, DisposableStore, throttle, type Disposable } from "../lifetime.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";
import { isGoingOn, type TrackedRun } from "../runs/runView.ts";
import { rescoresOnSave } from "../setup/settings.ts";
import { isSpec } from "../spec/specDiagnostics.ts";
import type { Findings } from "./findings.ts";
import { placeFindings, runsToShow } from "./placing.ts";

/**
 * Between two looks at runs that go on: a run takes seconds for a step, and a look at 200,000 rollouts takes one or two. It gets at
 * most a twentieth of a core.
 */
const restMs = (tookMs: number): number => Math.max(10_000, 20 * tookMs);

export interface RunFindingServices {
  readonly engine: Engine;
  readonly registry: RunRegistry;
  readonly log: vscode.LogOutputChannel;
  readonly findings: Findings;
  /** Run of the viewer in front. */
  readonly activeRunDir: () => string | undefined;
}

interface Look {
  readonly runDir: string;
  /** What of the run had been looked at. */
  readonly key: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** What runs show, in the Problems panel at the keys of their specifications; looked at again as they go on. */
export class RunFindings implements Disposable {
  private readonly services: RunFindingServices;
  private readonly scope = new DisposableStore();
  /** By specification. */
  private readonly looks = new Map<string, Look>();
  private readonly look: () => Promise<void>;
  private rewardsChanged = false;

  constructor(services: RunFindingServices) {
    this.services = services;
    this.look = coalesce(() => this.lookAtAll());
    const started = (): Promise<void> =>
      this.look().catch((error: unknown) => services.log.warn(`Cannot look at runs: ${thrownText(error)}`));
    const soon = this.scope.add(throttle(restMs, started));
    const atOnce = this.scope.add(debounce(300, () => void started()));
    this.scope.add(services.registry.onEvent(soon));
    this.scope.add(vscode.workspace.onDidOpenTextDocument((document) => isSpec(document) && atOnce()));
    this.scope.add(vscode.workspace.onDidCloseTextDocument((document) => isSpec(document) && atOnce()));
    this.scope.add(vscode.window.tabGroups.onDidChangeTabs(atOnce));
    const place = this.scope.add(debounce(300, () => void this.placeAll()));
    this.scope.add(vscode.workspace.onDidChangeTextDocument(({ document }) => isSpec(document) && place()));
    this.scope.add(
      vscode.workspace.onDidSaveTextDocument((document) => {
        if (!/\.(ts|mts|js|mjs|py)$/.test(document.uri.fsPath)) return;
        this.rewardsChanged = true;
        soon();
      }),
    );
  }

  dispose(): void {
    this.scope.dispose();
  }

  private async lookAtAll(): Promise<void> {
    const { registry, activeRunDir } = this.services;
    const open = vscode.workspace.textDocuments.filter((document) => isSpec(document) && !document.isClosed);
    const shown = runsToShow(
      registry.runs,
      open.map(({ uri }) => uri.fsPath),
      activeRunDir(),
    );
    for (const specPath of [...this.looks.keys()].filter((known) => !shown.has(known))) {
      this.looks.delete(specPath);
      this.services.findings.clear(`run ${specPath}`);
    }
    const again = this.rewardsChanged;
    this.rewardsChanged = false;
    for (const [specPath, run] of shown) {
      const known = this.looks.get(specPath);
      const isKnown = known?.runDir === run.summary.runDir && known.key === keyOf(run);
      if (!isKnown || again) await this.lookAt(specPath, run);
    }
  }

  private async lookAt(specPath: string, run: TrackedRun): Promise<void> {
    const { engine, log } = this.services;
    const { runDir } = run.summary;
    // A run that goes on needs the machine for itself; its rewards are called a second time when it is over.
    const mayCallRewards = vscode.workspace.isTrusted && rescoresOnSave() && !isGoingOn(run);
    try {
      const { diagnostics } = await engine.request(diagnoseRun, { runDir, mayCallRewards });
      this.looks.set(specPath, { runDir, key: keyOf(run), diagnostics });
    } catch (error) {
      log.warn(`Cannot look at ${runDir}: ${thrownText(error)}`);
      this.looks.set(specPath, { runDir, key: keyOf(run), diagnostics: [] });
    }
    await this.place(specPath);
  }

  private async placeAll(): Promise<void> {
    for (const specPath of this.looks.keys()) await this.place(specPath);
  }

  private async place(specPath: string): Promise<void> {
    const text = await textOf(specPath);
    const look = this.looks.get(specPath);
    if (look !== undefined) {
      this.services.findings.set(`run ${specPath}`, placeFindings(specPath, text, look.diagnostics));
    }
  }
}

/** Changes when there is something new to look at. */
function keyOf({ summary: { state, alive } }: TrackedRun): string {
  return JSON.stringify([state.step, state.status, alive]);
}

/** As the editor has it, else from the disk; a file that has gone has no text. */
async function textOf(file: string): Promise<string> {
  const open = vscode.workspace.textDocuments.find(({ uri }) => uri.scheme === "file" && uri.fsPath === file);
  return open?.getText() ?? (await fs.readFile(file, "utf8").catch(() => ""));
}

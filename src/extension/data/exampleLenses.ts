import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import { findExamples, type PlacedExample } from "../../protocol/dataMessages.ts";
import type { CommandId } from "../commands.ts";
import type { Engine } from "../engine/engineClient.ts";
import { thrownText } from "../errorText.ts";
import { debounce, DisposableStore, type Disposable } from "../lifetime.ts";
import type { RunColumns } from "../runs/runColumns.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";
import { exampleKey, exampleStats, exampleText, type ExampleStats } from "./exampleTexts.ts";

export interface ExampleLensServices {
  readonly engine: Engine;
  readonly registry: RunRegistry;
  readonly columns: RunColumns;
  readonly log: vscode.LogOutputChannel;
  /** Run of the viewer in front. */
  readonly activeRunDir: () => string | undefined;
}

/** Runs that are looked through for a file, newest first. */
const runsLookedAt = 10;
/** A file with more examples has lenses for the first of them. */
const mostLenses = 20_000;
/** A run writes a step every second or so; the lenses need not follow each. */
const refreshMs = 2000;

class ExampleLens extends vscode.CodeLens {
  readonly example: PlacedExample;
  readonly known: KnownRun;

  constructor(range: vscode.Range, example: PlacedExample, known: KnownRun) {
    super(range);
    this.example = example;
    this.known = known;
  }
}

interface KnownRun {
  readonly runDir: string;
  readonly runName: string;
  readonly examples: readonly PlacedExample[];
  readonly stats: ReadonlyMap<string, ExampleStats>;
  readonly evaluatedAt: number | null;
}

/**
 * Lenses above the examples of annotation files: what the rollouts of a run say of each. The run is that of the viewer in
 * front when it uses the file, else the newest one that does. Places are those of the file on disk: a file that is being
 * edited keeps the ones that it had.
 */
export class ExampleLenses implements vscode.CodeLensProvider, Disposable {
  private readonly services: ExampleLensServices;
  private readonly scope = new DisposableStore();
  private readonly changed = this.scope.add(new vscode.EventEmitter<void>());
  private readonly known = new Map<string, KnownRun>();

  readonly onDidChangeCodeLenses = this.changed.event;

  constructor(services: ExampleLensServices) {
    this.services = services;
    const languages = ["json", "jsonc", "jsonl"].map((language) => ({ language, scheme: "file" }));
    // Languages of these endings depend on what else is installed.
    const selector = [...languages, { pattern: "**/*.{jsonl,csv,txt}", scheme: "file" }];
    this.scope.add(vscode.languages.registerCodeLensProvider(selector, this));
    const refresh = this.scope.add(debounce(refreshMs, () => this.changed.fire()));
    this.scope.add(services.registry.onEvent(refresh));
  }

  dispose(): void {
    this.scope.dispose();
  }

  async provideCodeLenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    const file = document.uri.fsPath;
    if (document.fileName.endsWith(".rft.json")) return [];
    if (!document.isDirty) {
      const found = await this.find(file).catch((error: unknown) => {
        this.services.log.debug(`No examples of ${file}: ${thrownText(error)}`);
        return null;
      });
      if (found === null) this.known.delete(file);
      else this.known.set(file, found);
    }
    const known = this.known.get(file);
    return (known?.examples ?? []).slice(0, mostLenses).flatMap((example) => {
      const line = Math.min(example.line, document.lineCount - 1);
      return known === undefined ? [] : [new ExampleLens(new vscode.Range(line, 0, line, 0), example, known)];
    });
  }

  /** Texts are made for what is on the screen. */
  resolveCodeLens(lens: vscode.CodeLens): vscode.CodeLens {
    if (!(lens instanceof ExampleLens)) return lens;
    const { example, known } = lens;
    const stats = known.stats.get(exampleKey(example.dataset, example.example));
    const command: CommandId | "" = (stats?.ids.length ?? 0) > 0 ? "videoRft.showRollouts" : "";
    lens.command = {
      command,
      title: `${example.example}: ${exampleText(example, stats, known.evaluatedAt)}`,
      tooltip: t("In {0}; select to show its newest group", known.runName),
      arguments: [{ runDir: known.runDir, ids: stats?.ids.slice(0, 1) ?? [] }],
    };
    return lens;
  }

  private async find(file: string): Promise<KnownRun | null> {
    const { engine, registry, columns, activeRunDir } = this.services;
    const active = activeRunDir();
    const newest = registry.runs.slice(0, runsLookedAt).map(({ summary }) => summary.runDir);
    const runDirs = active === undefined ? newest : [active, ...newest.filter((runDir) => runDir !== active)];
    for (const runDir of runDirs) {
      const { examples } = await engine.request(findExamples, { runDir, file });
      if (examples.length === 0) continue;
      const { evaluations, name } = await registry.details(runDir);
      const evaluatedAt = evaluations.at(-1)?.step ?? null;
      const stats = exampleStats(await columns.read(runDir), evaluatedAt);
      return { runDir, runName: name, examples, stats, evaluatedAt };
    }
    return null;
  }
}

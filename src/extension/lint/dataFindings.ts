import fs from "node:fs/promises";
import * as vscode from "vscode";
import { UserError } from "../../protocol/errors.ts";
import { diagnoseData } from "../../protocol/diagnosticMessages.ts";
import type { Engine } from "../engine/engineClient.ts";
import { thrownText } from "../errorText.ts";
import { debounce, DisposableStore, type Disposable } from "../lifetime.ts";
import { findSpecs } from "../runs/runFolders.ts";
import { isSpec } from "../spec/specDiagnostics.ts";
import type { Findings } from "./findings.ts";
import { annotationFiles, placeFindings } from "./placing.ts";

/** Videos of each dataset that are looked at while one writes; `video-rft data check` looks at all. */
const videosOfDataset = 50;
/** Reading a dataset takes longer than reading a specification: not at every key. */
const quietMs = 1500;

export interface DataFindingServices {
  readonly engine: Engine;
  readonly log: vscode.LogOutputChannel;
  readonly findings: Findings;
}

/**
 * What annotation files and videos show, at the lines of their rows: of the specifications that are open, and of those that name an
 * annotation file that is open.
 */
export class DataFindings implements Disposable {
  private readonly services: DataFindingServices;
  private readonly scope = new DisposableStore();
  private readonly running = new Map<string, vscode.CancellationTokenSource>();
  private readonly waiting = new Set<string>();
  private shown: ReadonlySet<string> = new Set();

  constructor(services: DataFindingServices) {
    this.services = services;
    const update = this.scope.add(debounce(quietMs, () => void this.update()));
    const changed = ({ uri }: vscode.TextDocument): void => {
      if (uri.scheme !== "file" || !isAnnotation(uri.fsPath)) return;
      this.waiting.add(uri.fsPath);
      update();
    };
    this.scope.add(vscode.workspace.onDidOpenTextDocument(changed));
    this.scope.add(vscode.workspace.onDidSaveTextDocument(changed));
    this.scope.add(vscode.workspace.onDidCloseTextDocument(changed));
    this.scope.add(vscode.workspace.onDidChangeTextDocument(({ document }) => isSpec(document) && changed(document)));
    vscode.workspace.textDocuments.forEach(changed);
  }

  dispose(): void {
    for (const source of this.running.values()) source.cancel();
    this.scope.dispose();
  }

  /** Looks again at the data of specifications that have changed, or whose annotation files have. */
  private async update(): Promise<void> {
    const changed = new Set(this.waiting);
    this.waiting.clear();
    const specs = await this.openSpecs();
    for (const specPath of [...this.shown].filter((known) => !specs.has(known))) {
      this.running.get(specPath)?.cancel();
      this.services.findings.clear(`data ${specPath}`);
    }
    const before = this.shown;
    this.shown = new Set(specs.keys());
    for (const [specPath, { text, files }] of specs) {
      const isChanged = !before.has(specPath) || changed.has(specPath) || files.some((file) => changed.has(file));
      if (isChanged) void this.look(specPath, text);
    }
  }

  private async openSpecs(): Promise<
    ReadonlyMap<string, { readonly text: string; readonly files: readonly string[] }>
  > {
    const open = vscode.workspace.textDocuments.filter(({ uri, isClosed }) => uri.scheme === "file" && !isClosed);
    const texts = new Map(open.filter(isSpec).map((document) => [document.uri.fsPath, document.getText()]));
    const specs = new Map<string, { text: string; files: string[] }>();
    for (const [specPath, text] of texts) specs.set(specPath, { text, files: annotationFiles(specPath, text) });
    const annotations = new Set(
      open.map(({ uri }) => uri.fsPath).filter((file) => isAnnotation(file) && !texts.has(file)),
    );
    if (annotations.size === 0) return specs;
    for (const { fsPath } of await findSpecs()) {
      if (specs.has(fsPath)) continue;
      const text = await fs.readFile(fsPath, "utf8").catch(() => "");
      const files = annotationFiles(fsPath, text);
      if (files.some((file) => annotations.has(file))) specs.set(fsPath, { text, files });
    }
    return specs;
  }

  private async look(specPath: string, text: string): Promise<void> {
    const { engine, log, findings } = this.services;
    this.running.get(specPath)?.cancel();
    const source = new vscode.CancellationTokenSource();
    this.running.set(specPath, source);
    try {
      const params = { specPath, text, videos: videosOfDataset };
      const { diagnostics } = await engine.request(diagnoseData, params, source.token);
      if (this.running.get(specPath) === source)
        findings.set(`data ${specPath}`, placeFindings(specPath, text, diagnostics));
    } catch (error) {
      if (!UserError.is(error, "cancelled")) log.warn(`Cannot look at the data of ${specPath}: ${thrownText(error)}`);
    } finally {
      if (this.running.get(specPath) === source) this.running.delete(specPath);
      source.dispose();
    }
  }
}

function isAnnotation(file: string): boolean {
  return /\.(json|jsonl|csv|txt)$/.test(file);
}

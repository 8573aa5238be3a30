import * as vscode from "vscode";
import { checkSpec } from "../../protocol/messages.ts";
import { thrownText } from "../errorText.ts";
import type { Engine } from "../engine/engineClient.ts";
import type { Log } from "../engine/log.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import type { Findings } from "../lint/findings.ts";
import type { PlacedProblem, SpecCheck } from "./specProblems.ts";
import { checkSpecText } from "./specProblems.ts";

const debounceMs = 400;

export function isSpec(document: vscode.TextDocument): boolean {
  return document.uri.scheme === "file" && document.uri.fsPath.endsWith(".rft.json");
}

/**
 * Keeps the Problems panel right for open specifications. The editor's JSON schema says what a schema can say; shown
 * here is the rest, and everything where the editor does not validate JSON.
 */
export class SpecDiagnostics implements Disposable {
  private readonly engine: Engine;
  private readonly log: Log;
  private readonly findings: Findings;
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly scope = new DisposableStore();

  constructor(engine: Engine, findings: Findings, log: Log) {
    this.engine = engine;
    this.findings = findings;
    this.log = log;
    const soon = (document: vscode.TextDocument) => this.later(document);
    this.scope.add(vscode.workspace.onDidOpenTextDocument(soon));
    this.scope.add(vscode.workspace.onDidSaveTextDocument(soon));
    this.scope.add(vscode.workspace.onDidChangeTextDocument(({ document }) => this.later(document)));
    this.scope.add(vscode.workspace.onDidCloseTextDocument((document) => this.forget(document)));
    for (const document of vscode.workspace.textDocuments) this.later(document);
  }

  /** Checks now and shows the result; answers all problems, whoever shows them. */
  async check(document: vscode.TextDocument): Promise<readonly PlacedProblem[]> {
    const { version } = document;
    const text = document.getText();
    const result = await this.checkText(document.uri.fsPath, text);
    if (document.version === version && !document.isClosed) this.show(document.uri, result);
    return [...result.bySchema, ...result.beyondSchema];
  }

  dispose(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.scope.dispose();
  }

  private async checkText(specPath: string, text: string): Promise<SpecCheck> {
    const withoutEngine = checkSpecText(text, []);
    if (withoutEngine.bySchema.some(({ code }) => code === "not-json")) return withoutEngine;
    try {
      const { problems } = await this.engine.request(checkSpec, { specPath, text });
      return checkSpecText(text, problems);
    } catch (error) {
      // Mistakes of keys and values are known without it; it would have added quick fixes.
      if (withoutEngine.bySchema.length > 0) return withoutEngine;
      throw error;
    }
  }

  private show(uri: vscode.Uri, { bySchema, beyondSchema }: SpecCheck): void {
    const specPath = uri.fsPath;
    const said = editorValidatesJson(uri) ? ({ isSaidByEditor: true } as const) : {};
    const found = [
      ...bySchema.map((problem) => ({ ...problem, ...said, specPath })),
      ...beyondSchema.map((problem) => ({ ...problem, specPath })),
    ];
    this.findings.set(finderOf(uri), found.length === 0 ? new Map() : new Map([[specPath, found]]));
  }

  private later(document: vscode.TextDocument): void {
    if (!isSpec(document)) return;
    const key = document.uri.toString();
    clearTimeout(this.timers.get(key));
    const work = () => {
      this.timers.delete(key);
      this.check(document).catch((error: unknown) => {
        this.log.warn(`Cannot check ${document.uri.fsPath}: ${thrownText(error)}`);
      });
    };
    this.timers.set(key, setTimeout(work, debounceMs));
  }

  private forget(document: vscode.TextDocument): void {
    const key = document.uri.toString();
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
    this.findings.clear(finderOf(document.uri));
  }
}

function editorValidatesJson(uri: vscode.Uri): boolean {
  const isOn = vscode.workspace.getConfiguration("json", uri).get<boolean>("validate.enable", true);
  return isOn && vscode.extensions.getExtension("vscode.json-language-features") !== undefined;
}

function finderOf(uri: vscode.Uri): string {
  return `spec ${uri.fsPath}`;
}

import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import { rolloutScheme } from "../../protocol/rolloutLink.ts";
import { UserError } from "../../protocol/errors.ts";
import { readGroups } from "../../protocol/messages.ts";
import { isFailedGroup, type CompletionRecord, type GroupRecord } from "../../protocol/records.ts";
import type { Engine } from "../engine/engineClient.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";
import { documentPath, parseRolloutPath, rolloutId, type RolloutAddress } from "./rolloutUri.ts";
import { rolloutText, type DocumentSection, type RolloutText } from "./rolloutText.ts";

/** Rollouts as read-only text: `rft:/run/step/group/k`, with an outline and folding. They are written once, so they stay. */
export class RolloutDocuments
  implements vscode.TextDocumentContentProvider, vscode.DocumentSymbolProvider, vscode.FoldingRangeProvider, Disposable
{
  private readonly engine: Engine;
  private readonly registry: RunRegistry;
  private readonly shown = new Map<string, RolloutText>();
  private readonly scope = new DisposableStore();

  constructor(engine: Engine, registry: RunRegistry) {
    this.engine = engine;
    this.registry = registry;
    const selector = { scheme: rolloutScheme };
    this.scope.add(vscode.workspace.registerTextDocumentContentProvider(rolloutScheme, this));
    this.scope.add(vscode.languages.registerDocumentSymbolProvider(selector, this, { label: t("Rollout") }));
    this.scope.add(vscode.languages.registerFoldingRangeProvider(selector, this));
    this.scope.add(
      vscode.workspace.onDidCloseTextDocument(({ uri }) => {
        this.shown.delete(uri.toString());
      }),
    );
  }

  dispose(): void {
    this.scope.dispose();
  }

  /** The run folder comes along, so that two runs of one name in different folders are told apart. */
  uri(runDir: string, address: RolloutAddress): vscode.Uri {
    return vscode.Uri.from({ scheme: rolloutScheme, path: documentPath(address), query: runDir });
  }

  /** Folder of a run that is known here. Errors: `UserError` "not-found". */
  async runDirOf({ run }: RolloutAddress): Promise<string> {
    if (!this.registry.hasListed) await this.registry.refresh();
    const found = this.registry.runs.find(({ summary }) => summary.runDir.split(/[\\/]/).at(-1) === run);
    if (found !== undefined) return found.summary.runDir;
    throw new UserError({
      code: "not-found",
      message: t("There is no run {0} in this workspace.", run),
      hint: t("Open the folder that holds it, or add its folder to the setting videoRft.runFolders."),
    });
  }

  /** Errors: `UserError` "not-found". */
  async read(
    runDir: string,
    { step, group, completion }: Omit<RolloutAddress, "run">,
  ): Promise<{ readonly group: GroupRecord; readonly completion: CompletionRecord }> {
    const { groups } = await this.engine.request(readGroups, { runDir, places: [{ step, group }] });
    const [line] = groups;
    const found = line === undefined || isFailedGroup(line) ? undefined : line.completions[completion];
    if (line === undefined || isFailedGroup(line) || found === undefined) {
      const id = rolloutId({ step, group, completion });
      throw new UserError({ code: "not-found", where: runDir, message: t("there is no rollout {0}", id) });
    }
    return { group: line, completion: found };
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const address = parseRolloutPath(uri.path);
    if (address === undefined) {
      throw new UserError({
        code: "not-found",
        where: uri.toString(true),
        message: `expected ${rolloutScheme}:/run/step/group/completion`,
      });
    }
    const runDir = uri.query === "" ? await this.runDirOf(address) : uri.query;
    const { group, completion } = await this.read(runDir, address);
    const text = rolloutText(group, completion);
    this.shown.set(uri.toString(), text);
    return text.text;
  }

  provideDocumentSymbols(document: vscode.TextDocument): vscode.DocumentSymbol[] {
    return (this.shown.get(document.uri.toString())?.sections ?? []).map((section) => symbolOf(document, section));
  }

  provideFoldingRanges(document: vscode.TextDocument): vscode.FoldingRange[] {
    const all = (sections: readonly DocumentSection[]): readonly DocumentSection[] =>
      sections.flatMap((section) => [section, ...all(section.children)]);
    return all(this.shown.get(document.uri.toString())?.sections ?? [])
      .filter(({ start, end }) => end > start)
      .map(({ start, end }) => new vscode.FoldingRange(start, end));
  }
}

function symbolOf(document: vscode.TextDocument, section: DocumentSection): vscode.DocumentSymbol {
  const last = Math.min(section.end, document.lineCount - 1);
  const range = new vscode.Range(section.start, 0, last, document.lineAt(last).text.length);
  const head = new vscode.Range(section.start, 0, section.start, document.lineAt(section.start).text.length);
  const symbol = new vscode.DocumentSymbol(section.title, section.detail, vscode.SymbolKind.String, range, head);
  symbol.children = section.children.map((child) => symbolOf(document, child));
  return symbol;
}

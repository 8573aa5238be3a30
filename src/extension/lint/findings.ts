import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import type { CommandId } from "../commands.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import type { PlacedProblem } from "../spec/specProblems.ts";
import { linkedCode } from "./explain.ts";
import { editBetween, fixedText } from "./specFixes.ts";

/** A finding at its place in a file. */
export interface PlacedFinding extends PlacedProblem {
  /** The specification that its fixes change. */
  readonly specPath: string;
  /** The editor says it in its own words already; only the fixes are ours. */
  readonly isSaidByEditor?: true;
}

/** Findings by file. */
export type FindingsByFile = ReadonlyMap<string, readonly PlacedFinding[]>;

const explainCommand: CommandId = "videoRft.explainDiagnostic";

/**
 * All findings of the linter in the Problems panel, whoever found them, and their quick fixes. Each finder has a key, and says all
 * of its findings at once.
 */
export class Findings implements vscode.CodeActionProvider, Disposable {
  private readonly collection = vscode.languages.createDiagnosticCollection("videoRft");
  private readonly byFinder = new Map<string, FindingsByFile>();
  private readonly scope = new DisposableStore();

  constructor() {
    this.scope.add(this.collection);
    const kinds = { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] };
    this.scope.add(vscode.languages.registerCodeActionsProvider({ scheme: "file" }, this, kinds));
  }

  set(finder: string, found: FindingsByFile): void {
    const before: FindingsByFile = this.byFinder.get(finder) ?? new Map<string, readonly PlacedFinding[]>();
    if (found.size === 0) this.byFinder.delete(finder);
    else this.byFinder.set(finder, found);
    for (const file of new Set([...before.keys(), ...found.keys()])) this.show(file);
  }

  clear(finder: string): void {
    this.set(finder, new Map());
  }

  async provideCodeActions(
    document: vscode.TextDocument,
    range: vscode.Range,
    context: vscode.CodeActionContext,
  ): Promise<vscode.CodeAction[]> {
    const here = this.of(document.uri.fsPath).filter((finding) => rangeOf(finding).intersection(range) !== undefined);
    const fixes = await Promise.all(here.map((finding) => fixActions(finding, context)));
    return [...fixes.flat(), ...here.filter(isShown).map((finding) => explainAction(finding, context))];
  }

  dispose(): void {
    this.scope.dispose();
  }

  private of(file: string): readonly PlacedFinding[] {
    return [...this.byFinder.values()].flatMap((found) => found.get(file) ?? []);
  }

  private show(file: string): void {
    this.collection.set(vscode.Uri.file(file), this.of(file).filter(isShown).map(toDiagnostic));
  }
}

function isShown({ isSaidByEditor }: PlacedFinding): boolean {
  return isSaidByEditor === undefined;
}

/** Changes of the specification, whichever file the finding stands in. */
async function fixActions(finding: PlacedFinding, context: vscode.CodeActionContext): Promise<vscode.CodeAction[]> {
  if (finding.fixes.length === 0) return [];
  const spec = await vscode.workspace.openTextDocument(vscode.Uri.file(finding.specPath));
  return finding.fixes.flatMap((fix, i) => {
    const after = fixedText(spec.getText(), fix);
    const edit = after === null ? null : editBetween(spec.getText(), after);
    if (edit === null) return [];
    const action = new vscode.CodeAction(fix.title, vscode.CodeActionKind.QuickFix);
    action.edit = new vscode.WorkspaceEdit();
    action.edit.replace(spec.uri, new vscode.Range(spec.positionAt(edit.start), spec.positionAt(edit.end)), edit.text);
    action.diagnostics = diagnosticsOf(finding, context);
    action.isPreferred = i === 0 && finding.fixes.length === 1;
    return [action];
  });
}

function explainAction(finding: PlacedFinding, context: vscode.CodeActionContext): vscode.CodeAction {
  const title = t('Explain "{0}"', finding.code);
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  action.command = { title, command: explainCommand, arguments: [finding.code] };
  action.diagnostics = diagnosticsOf(finding, context);
  return action;
}

function diagnosticsOf(finding: PlacedFinding, { diagnostics }: vscode.CodeActionContext): vscode.Diagnostic[] {
  const range = rangeOf(finding);
  return diagnostics.filter((shown) =>
    isShown(finding) ? shown.message === finding.message : shown.range.intersection(range) !== undefined,
  );
}

function rangeOf({ range }: PlacedFinding): vscode.Range {
  return new vscode.Range(range.startLine, range.startCharacter, range.endLine, range.endCharacter);
}

function toDiagnostic(finding: PlacedFinding): vscode.Diagnostic {
  const { Error, Warning, Information } = vscode.DiagnosticSeverity;
  const severity = { error: Error, warning: Warning, info: Information }[finding.severity];
  const diagnostic = new vscode.Diagnostic(rangeOf(finding), finding.message, severity);
  diagnostic.source = "Video RFT";
  diagnostic.code = linkedCode(finding.code);
  return diagnostic;
}

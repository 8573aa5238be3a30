import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import type { CommandId } from "../commands.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import { coveredLines, rangesText, type CoveredLine } from "./coverageTexts.ts";
import type { RewardState } from "./rescoring.ts";
import { isRewardLanguage } from "./rewardFiles.ts";
import { countOf } from "../counts.ts";

/** Rollouts that a hover names; the others are behind its last link. */
const namedInHover = 8;

/**
 * Counts beside the lines of reward files: how many rollouts of a sample take each. They belong to the text that was
 * scored, so they are taken away when the file is edited and come back when it is saved and scored again.
 */
export class CoverageDecorations implements Disposable, vscode.HoverProvider {
  private readonly states: () => readonly RewardState[];
  private readonly scope = new DisposableStore();
  private readonly taken: vscode.TextEditorDecorationType;
  private readonly never: vscode.TextEditorDecorationType;
  private readonly stale = new Set<string>();

  constructor(states: () => readonly RewardState[]) {
    this.states = states;
    const after = { margin: "0 0 0 3em", fontStyle: "italic" };
    this.taken = this.scope.add(
      vscode.window.createTextEditorDecorationType({
        after: { ...after, color: new vscode.ThemeColor("editorCodeLens.foreground") },
        rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
      }),
    );
    this.never = this.scope.add(
      vscode.window.createTextEditorDecorationType({
        opacity: "0.6",
        after: { ...after, color: new vscode.ThemeColor("editorWarning.foreground") },
        rangeBehavior: vscode.DecorationRangeBehavior.ClosedClosed,
      }),
    );
    this.scope.add(vscode.window.onDidChangeVisibleTextEditors(() => this.show()));
    this.scope.add(
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length === 0 || !this.isCovered(document)) return;
        this.stale.add(document.uri.toString());
        this.show();
      }),
    );
    const selector = ["typescript", "javascript", "python"].map((language) => ({ language, scheme: "file" }));
    this.scope.add(vscode.languages.registerHoverProvider(selector, this));
  }

  /** Coverage of a version that is on disk now has come. */
  covered(state: RewardState): void {
    for (const file of state.files) {
      const document = vscode.workspace.textDocuments.find(({ uri }) => uri.fsPath === file);
      if (document !== undefined && !document.isDirty) this.stale.delete(document.uri.toString());
    }
    this.show();
  }

  provideHover(document: vscode.TextDocument, position: vscode.Position): vscode.Hover | undefined {
    const found = this.linesOf(document).find(({ covered }) => covered.line === position.line);
    if (found === undefined) return undefined;
    const { state, covered } = found;
    const text = new vscode.MarkdownString(undefined, true);
    text.isTrusted = { enabledCommands: ["videoRft.showRollouts"] satisfies CommandId[] };
    const sample = state.coverage?.ids.length ?? 0;
    const branches = covered.branches.map(({ label, ids }) => ({ label, ids }));
    for (const { label, ids } of [{ label: t("this line"), ids: covered.ids }, ...branches]) {
      text.appendMarkdown(t("**{0} of {1}** take {2}", ids.length, countOf(sample, "rollout"), label));
      if (ids.length > 0) text.appendMarkdown(`: ${links(state.target.runDir, ids)}`);
      text.appendMarkdown("\n\n");
    }
    text.appendMarkdown(t("Sample of {0}, scored with {1} as saved.", state.target.runName, state.target.function));
    return new vscode.Hover(text);
  }

  dispose(): void {
    this.scope.dispose();
  }

  private show(): void {
    for (const editor of vscode.window.visibleTextEditors) {
      const { document } = editor;
      if (!isRewardLanguage(document)) continue;
      const lines = this.linesOf(document).filter(({ covered }) => covered.line < document.lineCount);
      const options = lines.map(({ covered }) => optionOf(document, covered.line, covered.text, covered.share));
      const heads = this.headsOf(document);
      editor.setDecorations(this.taken, [...options.filter(({ share }) => share > 0), ...heads]);
      editor.setDecorations(
        this.never,
        options.filter(({ share }) => share === 0),
      );
    }
  }

  private isCovered(document: vscode.TextDocument): boolean {
    return this.states().some(({ files, coverage }) => coverage !== null && files.includes(document.uri.fsPath));
  }

  private linesOf(document: vscode.TextDocument): { readonly state: RewardState; readonly covered: CoveredLine }[] {
    if (document.isDirty || this.stale.has(document.uri.toString())) return [];
    return this.states().flatMap((state) => {
      const { coverage } = state;
      if (coverage === null) return [];
      return coveredLines(coverage, document.uri.fsPath).map((covered) => ({ state, covered }));
    });
  }

  /** What a function returns over the sample, beside its first line. */
  private headsOf(document: vscode.TextDocument) {
    if (document.isDirty || this.stale.has(document.uri.toString())) return [];
    return this.states().flatMap(({ coverage, target }) => {
      const text = coverage === null || target.file !== document.uri.fsPath ? "" : rangesText(coverage);
      const line = text === "" ? -1 : headLine(document, target.function);
      return line < 0 ? [] : [optionOf(document, line, text, 1)];
    });
  }
}

function headLine(document: vscode.TextDocument, name: string): number {
  const pattern = new RegExp(`^(?:export\\s|async\\s|def\\s|class\\s).*\\b${name}\\b`);
  for (let line = 0; line < document.lineCount; line += 1) if (pattern.test(document.lineAt(line).text)) return line;
  return -1;
}

function optionOf(document: vscode.TextDocument, line: number, contentText: string, share: number) {
  const { range } = document.lineAt(line);
  return { range, renderOptions: { after: { contentText } }, share };
}

function links(runDir: string, ids: readonly string[]): string {
  const command: CommandId = "videoRft.showRollouts";
  const link = (text: string, of: readonly string[]) =>
    `[${text}](command:${command}?${encodeURIComponent(JSON.stringify([{ runDir, ids: of }]))})`;
  const named = ids.slice(0, namedInHover).map((id) => link(id, [id]));
  return [...named, ...(ids.length > namedInHover ? [link(t("all {0}", ids.length), ids)] : [])].join(", ");
}

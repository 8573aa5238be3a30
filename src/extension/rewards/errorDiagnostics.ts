import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import { linkedCode } from "../lint/explain.ts";
import { errorPlaces } from "./errorPlaces.ts";
import { functionPlaces } from "./functionPlaces.ts";
import type { RewardState } from "./rescoring.ts";
import { countOf } from "../counts.ts";

/** Errors that a reward raises on recorded rollouts, as problems at the lines that raise them. */
export class ErrorDiagnostics implements Disposable {
  private readonly collection = vscode.languages.createDiagnosticCollection("videoRft.rewards");
  private readonly scope = new DisposableStore();
  private readonly byReward = new Map<string, ReadonlyMap<string, readonly vscode.Diagnostic[]>>();

  constructor() {
    this.scope.add(this.collection);
    this.scope.add(
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length > 0) this.collection.delete(document.uri); // the lines are others now
      }),
    );
  }

  async show(state: RewardState): Promise<void> {
    const { target } = state;
    const key = JSON.stringify([target.runDir, target.file, target.function]);
    this.byReward.set(key, state.status === "scored" ? await diagnosticsOf(state) : new Map());
    const files = new Set([...this.byReward.values()].flatMap((found) => [...found.keys()]));
    this.collection.clear();
    for (const file of files) {
      const all = [...this.byReward.values()].flatMap((found) => found.get(file) ?? []);
      this.collection.set(vscode.Uri.file(file), all);
    }
  }

  dispose(): void {
    this.scope.dispose();
  }
}

async function diagnosticsOf({ target, summary }: RewardState): Promise<Map<string, vscode.Diagnostic[]>> {
  const found = new Map<string, vscode.Diagnostic[]>();
  if (summary === null || summary.errors === 0) return found;
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(target.file));
  const places = functionPlaces(document.getText(), document.languageId) ?? [];
  const line = places.find((place) => place.name === target.function)?.line ?? 0;
  for (const place of errorPlaces(summary, { file: target.file, line })) {
    const of = await vscode.workspace.openTextDocument(vscode.Uri.file(place.file));
    const row = of.lineAt(Math.min(place.line, of.lineCount - 1));
    const range = new vscode.Range(
      row.lineNumber,
      row.firstNonWhitespaceCharacterIndex,
      row.lineNumber,
      row.range.end.character,
    );
    const where = t("{0} of {1}, e.g. {2}", countOf(place.ids.length, "rollout"), target.runName, place.ids[0] ?? "");
    const diagnostic = new vscode.Diagnostic(
      range,
      `${target.function}: ${place.message} (${where})`,
      vscode.DiagnosticSeverity.Error,
    );
    diagnostic.source = "Video RFT";
    diagnostic.code = linkedCode("reward-errors");
    found.set(place.file, [...(found.get(place.file) ?? []), diagnostic]);
  }
  return found;
}

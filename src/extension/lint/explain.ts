import { t } from "@vscode/l10n";
import path from "node:path";
import * as vscode from "vscode";
import { diagnosticCodes, diagnosticTable, type DiagnosticCode } from "../../protocol/diagnostics.ts";
import type { CommandId } from "../commands.ts";

const explainCommand: CommandId = "videoRft.explainDiagnostic";

/** A finding's code as the Problems panel shows it: a link to its page, which comes with the extension. */
export function linkedCode(code: DiagnosticCode): { value: string; target: vscode.Uri } {
  return {
    value: code,
    target: vscode.Uri.from({ scheme: "command", path: explainCommand, query: JSON.stringify([code]) }),
  };
}

/** Opens the page of a code, or of one that the user chooses, as Markdown beside the editor. */
export async function explainDiagnostic(extensionDir: string, argument: unknown): Promise<void> {
  const code = diagnosticCodes.find((known) => known === argument) ?? (await pickCode());
  if (code === undefined) return;
  const page = vscode.Uri.file(path.join(extensionDir, "docs", "diagnostics", `${code}.md`));
  // Built-in extensions can be switched off, that of Markdown too.
  const hasPreview = (await vscode.commands.getCommands()).includes("markdown.showPreviewToSide");
  if (hasPreview) await vscode.commands.executeCommand("markdown.showPreviewToSide", page);
  else await vscode.window.showTextDocument(page, { viewColumn: vscode.ViewColumn.Beside, preview: true });
}

async function pickCode(): Promise<DiagnosticCode | undefined> {
  const items = diagnosticCodes.map((code) => ({ label: code, description: diagnosticTable[code].title, code }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: t("Explain Finding"),
    placeHolder: t("Choose a finding"),
    matchOnDescription: true,
  });
  return chosen?.code;
}

import assert from "node:assert/strict";
import * as vscode from "vscode";

export function openFolder(): string {
  return vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? assert.fail("no folder is open");
}

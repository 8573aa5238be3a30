import { t } from "@vscode/l10n";
import path from "node:path";
import * as vscode from "vscode";
import { UserError } from "../../protocol/errors.ts";
import type { ReplayProgram } from "../../protocol/rewardMessages.ts";
import { DisposableStore } from "../lifetime.ts";
import { functionPlaces } from "../rewards/functionPlaces.ts";
import { replayConfiguration } from "./debugConfiguration.ts";
import { firstStatementLine } from "./firstStatement.ts";
import { hasPythonDebugger } from "./pythonDebugger.ts";

/** A place that the debugger stops at although nobody set a breakpoint. */
export interface StopPlace {
  readonly file: string;
  readonly line: number; // 0-based
}

export interface ReplayOptions {
  readonly engineDir: string;
  /** Run that the rollouts are of; null for pinned cases. */
  readonly runDir: string | null;
  readonly stops: readonly StopPlace[];
  /** Gets each session of the replay: js-debug works in a child of the one that was started. */
  readonly follow: (session: vscode.DebugSession, runDir: string) => void;
}

/** A restart ends a session and starts it again under the same id; this is how long that may take. */
const restartMs = 5000;

/**
 * Opens the reward's file and starts the debugger on the replay. Answers, once it runs, a promise of its end.
 * Errors: `UserError` "unsupported" when VS Code does not start the session.
 */
export async function startReplay(
  replay: ReplayProgram,
  rollouts: string,
  { engineDir, runDir, stops, follow }: ReplayOptions,
): Promise<{ readonly ended: Promise<void> }> {
  const document = await vscode.workspace.openTextDocument(vscode.Uri.file(replay.rewardFile));
  await vscode.window.showTextDocument(document, { viewColumn: columnOf(document) });
  const folder = vscode.workspace.getWorkspaceFolder(document.uri);
  const configuration = replayConfiguration(replay, rollouts, {
    engineDir,
    cwd: folder?.uri.fsPath ?? path.dirname(replay.rewardFile),
    node: process.execPath,
    hasPythonDebugger: hasPythonDebugger(),
  });
  const added = addStops(document, replay.function, stops);
  const scope = new DisposableStore();
  const ended = new Promise<void>((resolve) => scope.add({ dispose: resolve }));
  scope.add({ dispose: () => vscode.debug.removeBreakpoints(added) });
  let first: vscode.DebugSession | undefined;
  let leaving: ReturnType<typeof setTimeout> | undefined;
  scope.add(
    vscode.debug.onDidStartDebugSession((session) => {
      if (session.name !== configuration.name && (first === undefined || session.parentSession?.id !== first.id))
        return;
      first ??= session;
      clearTimeout(leaving);
      if (runDir !== null) follow(session, runDir);
    }),
  );
  scope.add(
    vscode.debug.onDidTerminateDebugSession((session) => {
      if (session.id === first?.id) leaving = setTimeout(() => scope.dispose(), restartMs);
    }),
  );
  if (await vscode.debug.startDebugging(folder, configuration)) return { ended };
  scope.dispose();
  throw new UserError({
    code: "unsupported",
    message: t("VS Code did not start its debugger for {0}.", configuration.name),
    hint: t("The Debug Console says why."),
  });
}

/** Beside the viewer rather than over it, when the file is not open yet. */
function columnOf({ uri }: vscode.TextDocument): vscode.ViewColumn {
  const isOpen = vscode.window.visibleTextEditors.find(({ document }) => document.uri.fsPath === uri.fsPath);
  if (isOpen?.viewColumn !== undefined) return isOpen.viewColumn;
  const isEditor = vscode.window.tabGroups.activeTabGroup.activeTab?.input instanceof vscode.TabInputText;
  return isEditor ? vscode.ViewColumn.Active : vscode.ViewColumn.Beside;
}

/**
 * Breakpoints that the session brings: where errors are raised, and at the function's first statement when nobody has set
 * one in its file. Those of the user stay as they are.
 */
function addStops(document: vscode.TextDocument, name: string, stops: readonly StopPlace[]): vscode.Breakpoint[] {
  const set = vscode.debug.breakpoints.filter((one) => one instanceof vscode.SourceBreakpoint && one.enabled);
  const own = set.filter((one) => one instanceof vscode.SourceBreakpoint).map(({ location }) => location);
  const hasOwn = own.some(({ uri }) => uri.fsPath === document.uri.fsPath);
  const places = [...stops];
  if (!hasOwn && places.length === 0) {
    const place = functionPlaces(document.getText(), document.languageId)?.find((one) => one.name === name);
    const line = place === undefined ? -1 : firstStatementLine(document.getText(), place.line, document.languageId);
    if (line >= 0) places.push({ file: document.uri.fsPath, line });
  }
  const added = places
    .filter(({ file, line }) => !own.some((at) => at.uri.fsPath === file && at.range.start.line === line))
    .map(
      ({ file, line }) =>
        new vscode.SourceBreakpoint(new vscode.Location(vscode.Uri.file(file), new vscode.Position(line, 0))),
    );
  vscode.debug.addBreakpoints(added);
  return added;
}

import path from "node:path";
import * as vscode from "vscode";
import { debounce, DisposableStore, type Disposable } from "../lifetime.ts";
import { extraRunFolders } from "../setup/settings.ts";
import { runsFolderOf } from "../spec/specProblems.ts";

const ignored = "**/node_modules/**";
const maxFiles = 500;

/** Specifications of the workspace, by path. */
export async function findSpecs(): Promise<readonly vscode.Uri[]> {
  const found = await vscode.workspace.findFiles("**/*.rft.json", ignored, maxFiles);
  return [...found].sort((a, b) => a.fsPath.localeCompare(b.fsPath));
}

/**
 * Folders that runs are looked for in: where the workspace's specifications put theirs, where a run is found, those of
 * the setting, and those that were started from here.
 */
export class RunFolders implements Disposable {
  private readonly added = new Set<string>();
  private readonly scope = new DisposableStore();
  private readonly watched = new Map<string, Disposable>();
  private readonly onRunFile: (runDir: string) => void;

  /** `onRunFile` is called with the folder of a run whose state or lock has changed. */
  constructor(onRunFile: (runDir: string) => void, onFoldersChanged: () => void) {
    this.onRunFile = onRunFile;
    const changed = this.scope.add(debounce(500, onFoldersChanged));
    const specs = this.scope.add(vscode.workspace.createFileSystemWatcher("**/*.rft.json"));
    for (const event of [specs.onDidCreate, specs.onDidChange, specs.onDidDelete]) this.scope.add(event(changed));
    this.scope.add(vscode.workspace.onDidChangeWorkspaceFolders(changed));
    this.scope.add(this.watch("**/runs/*/{state.json,lock}"));
    this.scope.add(
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("videoRft.runFolders")) changed();
      }),
    );
  }

  /** Looks in the folder of a run too, wherever it lies. */
  add(runDir: string): void {
    this.added.add(path.dirname(runDir));
  }

  /** Lists a run by itself, without what lies beside it. */
  addRun(runDir: string): void {
    this.added.add(runDir);
  }

  async list(): Promise<readonly string[]> {
    const specs = await findSpecs();
    const ofSpecs = await Promise.all(specs.map(async (spec) => runsFolderOf(spec.fsPath, await readText(spec))));
    const found = await vscode.workspace.findFiles("**/runs/*/run.json", ignored, maxFiles);
    const ofRuns = found.map((file) => path.dirname(path.dirname(file.fsPath)));
    const folders = [...new Set([...ofSpecs, ...ofRuns, ...extraRunFolders(), ...this.added])];
    this.watchOutside(folders);
    return folders;
  }

  dispose(): void {
    this.scope.dispose();
    for (const watcher of this.watched.values()) watcher.dispose();
    this.watched.clear();
  }

  /** Folders that the watcher of the workspace does not reach. */
  private watchOutside(folders: readonly string[]): void {
    for (const folder of folders) {
      const isReached =
        path.basename(folder) === "runs" && vscode.workspace.getWorkspaceFolder(vscode.Uri.file(folder)) !== undefined;
      if (isReached || this.watched.has(folder)) continue;
      const pattern = new vscode.RelativePattern(vscode.Uri.file(folder), "*/{state.json,lock}");
      this.watched.set(folder, this.watch(pattern));
    }
  }

  private watch(pattern: vscode.GlobPattern): Disposable {
    const watcher = vscode.workspace.createFileSystemWatcher(pattern);
    const changed = (file: vscode.Uri) => this.onRunFile(path.dirname(file.fsPath));
    watcher.onDidCreate(changed);
    watcher.onDidChange(changed);
    watcher.onDidDelete(changed);
    return watcher;
  }
}

/** The text as the editor has it, else as the file has it. */
async function readText(file: vscode.Uri): Promise<string> {
  const open = vscode.workspace.textDocuments.find((document) => document.uri.fsPath === file.fsPath);
  if (open !== undefined) return open.getText();
  try {
    return new TextDecoder().decode(await vscode.workspace.fs.readFile(file));
  } catch {
    return ""; // just deleted: its default folder is as good as none
  }
}

import { t } from "@vscode/l10n";
import path from "node:path";
import * as vscode from "vscode";
import { casesEnding, parseCases, type CaseOutcome, type PlacedCase } from "../../protocol/cases.ts";
import { UserError } from "../../protocol/errors.ts";
import { caseFinished, runRewardCases } from "../../protocol/rewardMessages.ts";
import { isWorkspaceReward } from "../../protocol/rewardSpec.ts";
import type { Engine } from "../engine/engineClient.ts";
import { thrownText } from "../errorText.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import { requireTrust } from "../runs/runCommands.ts";
import { stackPlace } from "../rewards/errorPlaces.ts";

export interface CaseServices {
  readonly engine: Engine;
  readonly log: vscode.LogOutputChannel;
  /** Settles when the session has ended. */
  readonly debugCase: (file: string, line: number) => Promise<void>;
}

/** What a file of cases holds, as far as tests need it. */
interface CaseFile {
  readonly item: vscode.TestItem;
  readonly cases: readonly PlacedCase[];
  /** Reward files of the cases: a save of one runs them again where that is wished. */
  readonly rewardFiles: ReadonlySet<string>;
}

/** Pinned cases in the Test Explorer: `*.cases.jsonl`, a test a line. */
export class CaseTests implements Disposable {
  private readonly services: CaseServices;
  private readonly controller: vscode.TestController;
  private readonly problems = vscode.languages.createDiagnosticCollection("videoRft.cases");
  private readonly files = new Map<string, CaseFile>();
  private readonly continuous = new Set<vscode.TestRunRequest>();
  private readonly scope = new DisposableStore();
  private lastTask = 0;

  constructor(services: CaseServices) {
    this.services = services;
    this.controller = this.scope.add(vscode.tests.createTestController("videoRft.cases", t("Reward cases")));
    this.controller.refreshHandler = () => this.discover();
    this.controller.resolveHandler = (item) => (item === undefined ? this.discover() : Promise.resolve());
    this.scope.add(this.problems);
    const { Run, Debug } = vscode.TestRunProfileKind;
    const start = (request: vscode.TestRunRequest, token: vscode.CancellationToken) => this.start(request, token);
    this.scope.add(this.controller.createRunProfile(t("Run"), Run, start, true, undefined, true));
    const debug = (request: vscode.TestRunRequest, token: vscode.CancellationToken) => this.debug(request, token);
    this.scope.add(this.controller.createRunProfile(t("Debug"), Debug, debug, true));
    const watcher = this.scope.add(vscode.workspace.createFileSystemWatcher(`**/*${casesEnding}`));
    this.scope.add(watcher.onDidCreate((uri) => this.readSafely(uri)));
    this.scope.add(watcher.onDidChange((uri) => this.readSafely(uri)));
    this.scope.add(watcher.onDidDelete((uri) => this.forget(uri)));
    this.scope.add(vscode.workspace.onDidSaveTextDocument(({ uri }) => this.saved(uri)));
    this.discover().catch((error: unknown) => services.log.warn(`Cannot list reward cases: ${thrownText(error)}`));
  }

  dispose(): void {
    this.scope.dispose();
  }

  private async discover(): Promise<void> {
    const found = await vscode.workspace.findFiles(`**/*${casesEnding}`, "**/node_modules/**", 500);
    for (const uri of found) await this.read(uri);
    for (const { item } of this.files.values()) {
      if (item.uri !== undefined && !found.some((uri) => uri.fsPath === item.uri?.fsPath)) this.forget(item.uri);
    }
  }

  private readSafely(uri: vscode.Uri): void {
    this.read(uri).catch((error: unknown) => this.services.log.warn(`Cannot read ${uri.fsPath}: ${thrownText(error)}`));
  }

  private async read(uri: vscode.Uri): Promise<void> {
    const text = new TextDecoder().decode(await vscode.workspace.fs.readFile(uri));
    const { cases, problems } = parseCases(text);
    const item = this.controller.createTestItem(uri.fsPath, path.basename(uri.fsPath), uri);
    item.description = vscode.workspace.asRelativePath(path.dirname(uri.fsPath));
    for (const { line, case: one } of cases) {
      const child = this.controller.createTestItem(`${uri.fsPath}:${one.name}`, one.name, uri);
      child.range = new vscode.Range(line, 0, line, 0);
      child.description = isWorkspaceReward(one.reward) ? path.basename(one.reward.file) : one.reward.name;
      item.children.add(child);
    }
    this.controller.items.add(item);
    const rewardFiles = cases.flatMap(({ case: { reward } }) =>
      isWorkspaceReward(reward) ? [path.resolve(path.dirname(uri.fsPath), reward.file)] : [],
    );
    this.files.set(uri.fsPath, { item, cases, rewardFiles: new Set(rewardFiles) });
    this.problems.set(
      uri,
      problems.map(({ line, message }) => {
        const range = new vscode.Range(line, 0, line, Number.MAX_SAFE_INTEGER);
        const diagnostic = new vscode.Diagnostic(range, message, vscode.DiagnosticSeverity.Error);
        diagnostic.source = "Video RFT";
        return diagnostic;
      }),
    );
  }

  private forget(uri: vscode.Uri): void {
    this.files.delete(uri.fsPath);
    this.controller.items.delete(uri.fsPath);
    this.problems.delete(uri);
  }

  private async start(request: vscode.TestRunRequest, token: vscode.CancellationToken): Promise<void> {
    if (request.continuous !== true) return this.run(request, () => true, token);
    this.continuous.add(request);
    token.onCancellationRequested(() => this.continuous.delete(request));
  }

  /** Runs again, for those who wish it, the cases of the file and of the reward that was saved. */
  private saved(uri: vscode.Uri): void {
    const again = async () => {
      if (uri.fsPath.endsWith(casesEnding)) await this.read(uri);
      const isMeant = ({ item, rewardFiles }: CaseFile) =>
        item.uri?.fsPath === uri.fsPath || rewardFiles.has(uri.fsPath);
      if (![...this.files.values()].some(isMeant)) return;
      const token = new vscode.CancellationTokenSource().token;
      for (const request of this.continuous) await this.run(request, isMeant, token);
    };
    again().catch((error: unknown) => this.services.log.warn(`Reward cases: ${thrownText(error)}`));
  }

  private async run(
    request: vscode.TestRunRequest,
    isMeant: (file: CaseFile) => boolean,
    token: vscode.CancellationToken,
  ): Promise<void> {
    requireTrust(t("run reward functions"));
    const run = this.controller.createTestRun(request);
    try {
      for (const file of this.files.values()) {
        if (token.isCancellationRequested) break;
        const items = isMeant(file) ? asked(request, file) : [];
        if (items.length > 0) await this.runFile(run, file, items, token);
      }
    } finally {
      run.end();
    }
  }

  private async runFile(
    run: vscode.TestRun,
    file: CaseFile,
    items: readonly vscode.TestItem[],
    token: vscode.CancellationToken,
  ): Promise<void> {
    const task = `cases-${++this.lastTask}`;
    const byLine = new Map(items.map((item) => [item.range?.start.line ?? -1, item]));
    for (const item of items) run.started(item);
    const startedMs = performance.now();
    const listening = this.services.engine.on(caseFinished, ({ task: of, outcome }) => {
      const item = byLine.get(outcome.line);
      if (of !== task || item === undefined) return;
      byLine.delete(outcome.line);
      this.tell(run, item, outcome, performance.now() - startedMs);
    });
    try {
      const lines = [...byLine.keys()];
      await this.services.engine.request(runRewardCases, { task, file: file.item.id, lines }, token);
      for (const item of byLine.values())
        run.errored(item, new vscode.TestMessage(t("The case is not there any more.")));
    } catch (error) {
      for (const item of byLine.values()) {
        if (UserError.is(error, "cancelled")) run.skipped(item);
        else run.errored(item, new vscode.TestMessage(thrownText(error)));
      }
    } finally {
      listening.dispose();
    }
  }

  private tell(run: vscode.TestRun, item: vscode.TestItem, outcome: CaseOutcome, tookMs: number): void {
    if (outcome.passed) return run.passed(item, tookMs);
    const { expected, actual, error } = outcome;
    const title = error === null ? t("The reward is not what the case expects") : `${error.kind}: ${error.message}`;
    const message = vscode.TestMessage.diff(title, expected, actual);
    const place = error === null ? undefined : stackPlace(error.stack ?? "");
    message.location =
      place === undefined
        ? item.uri && item.range && new vscode.Location(item.uri, item.range)
        : new vscode.Location(vscode.Uri.file(place.file), new vscode.Position(place.line, 0));
    run.failed(item, message, tookMs);
    run.appendOutput(`${item.label}\n  expected ${expected}\n  actual   ${actual}\n`.replace(/\r?\n/g, "\r\n"));
  }

  /** One session after the other. The outcome is that of a run without the debugger, so that breakpoints change nothing. */
  private async debug(request: vscode.TestRunRequest, token: vscode.CancellationToken): Promise<void> {
    for (const file of this.files.values()) {
      for (const item of asked(request, file)) {
        if (token.isCancellationRequested) return;
        await this.services.debugCase(file.item.id, item.range?.start.line ?? 0);
      }
    }
    await this.run(request, () => true, token);
  }
}

/** Cases of a file that a request is about. */
function asked(request: vscode.TestRunRequest, { item }: CaseFile): readonly vscode.TestItem[] {
  const all = [...item.children].map(([, child]) => child);
  const isExcluded = (test: vscode.TestItem) =>
    request.exclude?.some(({ id }) => id === test.id || id === item.id) === true;
  const isIncluded = (test: vscode.TestItem) =>
    request.include === undefined || request.include.some(({ id }) => id === test.id || id === item.id);
  return all.filter((test) => isIncluded(test) && !isExcluded(test));
}

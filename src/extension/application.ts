import { t } from "@vscode/l10n";
import path from "node:path";
import * as vscode from "vscode";
import { runDoctor } from "../protocol/messages.ts";
import { CaseFeature } from "./cases/caseFeature.ts";
import { ChatPanel } from "./chat/chatPanel.ts";
import { type CommandId, contextKeys } from "./commands.ts";
import { registerCommands, type CommandHandlers } from "./commandRegistration.ts";
import { DashboardPanel } from "./dashboard/dashboardPanel.ts";
import { ExampleLenses } from "./data/exampleLenses.ts";
import { DebugFeature } from "./debugging/debugFeature.ts";
import { DocumentFeature } from "./documents/documentFeature.ts";
import { EngineClient } from "./engine/engineClient.ts";
import { thrownText } from "./errorText.ts";
import { debounce, DisposableStore, once } from "./lifetime.ts";
import { ImportFeature } from "./imports/importFeature.ts";
import { ReportFeature } from "./evaluation/reportFeature.ts";
import { LintFeature } from "./lint/lintFeature.ts";
import { newReward } from "./rewards/newReward.ts";
import { newSpec } from "./spec/newSpec.ts";
import { RewardFeature } from "./rewards/rewardFeature.ts";
import { openRunFolder, pickRun, resumeRun, runDirOf, showRunLog, stopRun } from "./runs/runCommands.ts";
import { RunColumns } from "./runs/runColumns.ts";
import { createStatusItem, showNotice } from "./runs/runFeedback.ts";
import { RunFolders } from "./runs/runFolders.ts";
import { RunRegistry } from "./runs/runRegistry.ts";
import { RunsView } from "./runs/runsView.ts";
import { continueDemo, tryDemo } from "./setup/demo.ts";
import { Doctor } from "./setup/doctor.ts";
import { ffmpegFailed } from "./setup/doctorReport.ts";
import { offerFfmpeg, setFfmpegMissing } from "./setup/ffmpeg.ts";
import { cacheDir, changesEngine, engineSettings, extensionPaths, type ExtensionPaths } from "./setup/settings.ts";
import { writeLaunchers } from "./setup/terminalLauncher.ts";
import { LiveHints } from "./spec/liveHints.ts";
import { startRun } from "./spec/startRun.ts";
import { showError } from "./userMessages.ts";
import { ToolFeature } from "./tools/toolFeature.ts";
import { RolloutsEditor } from "./viewer/rolloutsEditor.ts";
import { rolloutsFileOf } from "./viewer/rolloutsFile.ts";
import { ViewerPanels } from "./viewer/viewerPanels.ts";

/** The extension in one window: makes the parts and joins them. Everything it owns ends with it; runs go on. */
export class Application {
  private readonly context: vscode.ExtensionContext;
  private readonly paths: ExtensionPaths;
  private readonly log: vscode.LogOutputChannel;
  private readonly engine: EngineClient;
  private readonly folders: RunFolders;
  private readonly registry: RunRegistry;
  private readonly lint: LintFeature;
  private readonly viewers: ViewerPanels;
  private readonly doctor: Doctor;
  private readonly rewards: RewardFeature;
  private readonly debugging: DebugFeature;
  private readonly cases: CaseFeature;
  private readonly documents: DocumentFeature;
  private readonly imports: ImportFeature;
  private readonly reports = new ReportFeature();
  private readonly chat: ChatPanel;
  private readonly dashboard: DashboardPanel;
  private readonly scope = new DisposableStore();

  constructor(context: vscode.ExtensionContext) {
    this.context = context;
    this.paths = extensionPaths(context);
    this.log = this.scope.add(vscode.window.createOutputChannel("Video RFT", { log: true }));
    const fail = (error: unknown) => showError(error, this.log);
    this.engine = this.scope.add(new EngineClient(() => engineSettings(this.paths), this.log));
    const refresh = this.scope.add(debounce(300, () => this.refreshRuns()));
    this.folders = this.scope.add(new RunFolders((runDir) => this.runFileChanged(runDir, refresh), refresh));
    this.registry = this.scope.add(new RunRegistry(this.engine, () => this.folders.list(), this.log));
    const { engine, registry, paths, log } = this;
    const { extensionPath: extensionDir } = context;
    const activeRunDir = () => this.viewers.onScreen?.runDir;
    this.lint = this.scope.add(new LintFeature({ engine, registry, log, extensionDir, activeRunDir }));
    const columns = new RunColumns(engine);
    this.viewers = this.scope.add(
      new ViewerPanels({ engine, registry, columns, paths, workspaceState: context.workspaceState, showError: fail }),
    );
    const { viewers } = this;
    this.scope.add(new RolloutsEditor(viewers, paths));
    this.doctor = this.scope.add(new Doctor());
    const showRollout = (runDir: string, id: string) => viewers.show(runDir, id);
    this.rewards = this.scope.add(
      new RewardFeature({ engine, registry, columns, log, onScreen: () => viewers.onScreen, showRollout }),
    );
    this.debugging = this.scope.add(
      new DebugFeature({
        engine,
        rewards: this.rewards,
        columns,
        engineDir: path.dirname(paths.servicePath),
        showRollout,
        showEvidence: (runDir, evidence) => viewers.showEvidence(runDir, evidence),
      }),
    );
    const { rewards, debugging } = this;
    this.cases = this.scope.add(
      new CaseFeature({
        engine,
        registry,
        log,
        targets: rewards.targets,
        debugCase: (file, line) => debugging.debugCase(file, line),
      }),
    );
    this.scope.add(new ExampleLenses({ engine, registry, columns, log, activeRunDir }));
    this.scope.add(new LiveHints(registry, log));
    this.scope.add(new ToolFeature({ engine, registry, columns, rewards, activeRunDir }));
    const { id: extensionId } = context.extension;
    this.documents = this.scope.add(
      new DocumentFeature({ engine, registry, columns, extensionId, showRollout, showError: fail }),
    );
    this.dashboard = this.scope.add(this.createDashboard(fail));
    this.imports = this.createImports();
    const { workspaceState } = context;
    this.chat = this.scope.add(new ChatPanel({ engine, registry, paths, workspaceState, showError: fail }));
    this.joinWorkbench(fail);
  }

  async start(): Promise<void> {
    await vscode.commands.executeCommand("setContext", contextKeys.active, true);
    await this.prepareTerminals();
    this.refreshRuns();
    const { globalState } = this.context;
    continueDemo({ globalState, startRun: (specPath) => this.startSpec(specPath) }).catch((error: unknown) =>
      showError(error, this.log),
    );
  }

  async stop(): Promise<void> {
    const { engine } = this;
    await engine.shutdown();
    this.scope.dispose();
  }

  /** What the workbench shows of the runs, and what it is heard for. */
  private joinWorkbench(fail: (error: unknown) => void): void {
    const { registry } = this;
    this.scope.add(
      new RunsView(
        registry,
        fail,
        once(() => void this.lookForFfmpeg()),
      ),
    );
    this.scope.add(createStatusItem(registry));
    this.scope.add(registry.onNotice((notice) => void showNotice(notice)));
    this.scope.add(registerCommands(this.handlers(), this.engine, fail));
    this.scope.add(vscode.workspace.onDidChangeConfiguration((event) => this.configurationChanged(event)));
    this.scope.add(this.engine.onDidChangeState(() => this.engineChanged()));
  }

  private handlers(): CommandHandlers {
    const { registry, viewers, log } = this;
    const openRun = (runDir: string | undefined) => runDir !== undefined && viewers.open(runDir);
    return {
      "videoRft.startRun": (_engine, argument) => this.startRun(argument),
      "videoRft.stopRun": (argument) => stopRun(registry, argument),
      "videoRft.resumeRun": async (engine, argument) => void openRun(await resumeRun(engine, registry, argument)),
      "videoRft.openRollouts": async (argument) => {
        const file = argument instanceof vscode.Uri ? rolloutsFileOf(argument.fsPath) : undefined;
        if (file !== undefined) viewers.show(file.runDir, `${file.step}/0/0`);
        else openRun(await this.anyRun(argument, t("Open Rollouts")));
      },
      "videoRft.openDashboard": (argument) =>
        this.withRun(argument, t("Open Dashboard"), async (runDir) => this.dashboard.open(runDir)),
      "videoRft.tryDemo": (engine) => this.tryDemo(engine),
      "videoRft.showEngineLog": () => log.show(),
      "videoRft.showRunLog": (argument) =>
        this.withRun(argument, t("Show Run Log"), (runDir) => showRunLog(runDir, () => log.show())),
      "videoRft.doctor": (engine) => this.doctor.show(engine),
      "videoRft.fetchFfmpeg": async (engine) => void (await offerFfmpeg(engine, this.paths.ffmpegDir)),
      "videoRft.restartEngine": () => this.engine.restart(),
      "videoRft.refreshRuns": () => registry.refresh(),
      "videoRft.openRunFolder": (argument) => this.withRun(argument, t("Open Run Folder"), openRunFolder),
      "videoRft.copyRunFolderPath": (argument) =>
        this.withRun(argument, t("Copy Run Folder Path"), (runDir) => vscode.env.clipboard.writeText(runDir)),
      "videoRft.newSpec": () => newSpec(this.paths.recipesDir),
      "videoRft.newReward": () => newReward(path.join(this.paths.mediaDir, "contract")),
      ...this.lint.handlers,
      ...this.rewards.handlers,
      ...this.debugging.handlers,
      ...this.cases.handlers,
      ...this.documents.handlers,
      ...this.imports.handlers,
      ...this.reports.handlers,
      ...this.chat.handlers,
      viewerAction: (action) => viewers.act(action),
    };
  }

  private createDashboard(showError: (error: unknown) => void): DashboardPanel {
    const { engine, registry, paths, viewers } = this;
    // Beside the dashboard, so that the next point is a click away.
    const showRollout = (runDir: string, id: string) => {
      viewers.open(runDir, true);
      viewers.show(runDir, id);
    };
    return new DashboardPanel({ engine, registry, paths, showRollout, showError });
  }

  private createImports(): ImportFeature {
    const { registry, folders, log, viewers } = this;
    const { workspaceState } = this.context;
    return new ImportFeature({ registry, folders, workspaceState, log, openViewer: (runDir) => viewers.open(runDir) });
  }

  private startRun(argument: unknown): Promise<void> {
    const { engine, lint } = this;
    return startRun({ engine, diagnostics: lint.specs, started: (runDir) => this.runStarted(runDir) }, argument);
  }

  private startSpec(specPath: string): Promise<void> {
    return this.startRun(vscode.Uri.file(specPath));
  }

  private async runStarted(runDir: string): Promise<void> {
    this.folders.add(runDir);
    await this.registry.find(runDir);
    this.viewers.open(runDir);
  }

  private tryDemo(engine: EngineClient): Promise<void> {
    const { globalState } = this.context;
    const { demoDir } = this.paths;
    return tryDemo({ engine, globalState, demoDir, startRun: (specPath) => this.startSpec(specPath) });
  }

  /** The run of the argument, of the viewer in front, or one that the user chooses. */
  private async anyRun(argument: unknown, title: string): Promise<string | undefined> {
    const none = t("There are no runs yet. Start one with RFT: Start RFT Run, or try RFT: Try the Demo.");
    return (
      runDirOf(argument) ??
      this.viewers.activeRunDir ??
      this.dashboard.activeRunDir ??
      (await pickRun(this.registry, { title, among: () => true, none }))
    );
  }

  private async withRun(argument: unknown, title: string, work: (runDir: string) => PromiseLike<void>): Promise<void> {
    const runDir = await this.anyRun(argument, title);
    if (runDir !== undefined) await work(runDir);
  }

  /** An attached run tells itself what changes; its files say nothing new. */
  private runFileChanged(runDir: string, refresh: () => void): void {
    if (this.registry.get(runDir)?.attached !== true) refresh();
  }

  private refreshRuns(): void {
    if (this.engine.state.kind === "failed") return; // said already; a file event is no reason to say it again
    this.registry.refresh().catch((error: unknown) => this.log.warn(`Cannot list the runs: ${thrownText(error)}`));
  }

  private configurationChanged(event: vscode.ConfigurationChangeEvent): void {
    if (!changesEngine(event)) return;
    void this.prepareTerminals();
    this.engine.restart().then(
      () => this.lookForFfmpeg(),
      (error: unknown) => showError(error, this.log),
    );
  }

  private engineChanged(): void {
    const { state } = this.engine;
    if (state.kind !== "failed") return;
    const restart: CommandId = "videoRft.restartEngine";
    void vscode.window.showErrorMessage(state.reason, t("Restart Engine"), t("Show Log")).then((chosen) => {
      if (chosen === t("Restart Engine")) void vscode.commands.executeCommand(restart);
      if (chosen === t("Show Log")) this.log.show();
    });
  }

  /** The welcome of the Runs view offers to fetch ffmpeg where there is none. */
  private async lookForFfmpeg(): Promise<void> {
    try {
      const { checks } = await this.engine.request(runDoctor, {});
      await setFfmpegMissing(ffmpegFailed(checks));
    } catch (error) {
      this.log.warn(`Cannot look for ffmpeg: ${thrownText(error)}`);
    }
  }

  /** Puts `video-rft` on the PATH of VS Code's terminals. */
  private async prepareTerminals(): Promise<void> {
    const { binDir, cliPath, ffmpegDir } = this.paths;
    const target = { execPath: process.execPath, cliPath, cacheDir: cacheDir(this.paths), ffmpegDir };
    try {
      await writeLaunchers(binDir, target);
    } catch (error) {
      return this.log.warn(`video-rft is not on the PATH of terminals: ${thrownText(error)}`);
    }
    const variables = this.context.environmentVariableCollection;
    variables.description = t("Puts the command line of Video RFT, `video-rft`, on the PATH.");
    variables.prepend("PATH", binDir + path.delimiter);
  }
}

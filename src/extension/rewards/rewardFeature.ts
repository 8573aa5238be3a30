import { t } from "@vscode/l10n";
import path from "node:path";
import * as vscode from "vscode";
import { UserError } from "../../protocol/errors.ts";
import type { CommandHandlers } from "../commandRegistration.ts";
import type { Engine } from "../engine/engineClient.ts";
import { thrownText } from "../errorText.ts";
import { debounce, DisposableStore, type Disposable } from "../lifetime.ts";
import type { RunColumns } from "../runs/runColumns.ts";
import { requireTrust } from "../runs/runCommands.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";
import { rescoresOnSave, showsCoverage } from "../setup/settings.ts";
import { CoverageDecorations } from "./coverageDecorations.ts";
import { ErrorDiagnostics } from "./errorDiagnostics.ts";
import { functionPlaces } from "./functionPlaces.ts";
import { recordedSpread } from "./recordedRewards.ts";
import { Rescoring, type RewardState } from "./rescoring.ts";
import { isRewardLanguage, readSpecRewards, rewardLanguages } from "./rewardFiles.ts";
import { RewardLenses } from "./rewardLenses.ts";
import { RewardsView } from "./rewardsView.ts";
import { RewardTargets, targetIn, type RewardTarget } from "./rewardTargets.ts";
import { pickRollout } from "./rolloutPick.ts";
import { changeItems } from "./scoreChanges.ts";

export interface RewardServices {
  readonly engine: Engine;
  readonly registry: RunRegistry;
  readonly columns: RunColumns;
  readonly log: vscode.LogOutputChannel;
  /** Run of the viewer in front, and the step that it shows. */
  readonly onScreen: () => { readonly runDir: string; readonly step: number | undefined } | undefined;
  readonly showRollout: (runDir: string, id: string) => void;
}

type RewardCommand =
  | "videoRft.scoreRollouts"
  | "videoRft.cancelScoring"
  | "videoRft.acceptScores"
  | "videoRft.showScoreChanges"
  | "videoRft.showScoreProblem"
  | "videoRft.showRollouts";

/** Reward functions in the editor: their lenses, counts and errors, and what a save does to recorded rollouts. */
export class RewardFeature implements Disposable {
  readonly targets: RewardTargets;
  private readonly services: RewardServices;
  private readonly rescoring: Rescoring;
  private readonly scope = new DisposableStore();

  readonly handlers: Pick<CommandHandlers, RewardCommand> = {
    "videoRft.scoreRollouts": (_engine, argument) => this.scoreFromEditor(argument),
    "videoRft.cancelScoring": (argument) => this.cancel(argument),
    "videoRft.acceptScores": (_engine, argument) => this.accept(argument),
    "videoRft.showScoreChanges": (_engine, argument) => this.showChanges(argument),
    "videoRft.showScoreProblem": (argument) => this.showProblem(argument),
    "videoRft.showRollouts": (_engine, argument) => this.showRollouts(argument),
  };

  constructor(services: RewardServices) {
    this.services = services;
    const { engine, registry, columns, onScreen } = services;
    this.targets = new RewardTargets({
      engine,
      registry,
      activeRunDir: () => onScreen()?.runDir,
      specRewards: readSpecRewards,
    });
    this.rescoring = this.scope.add(
      new Rescoring({
        engine,
        stepsOnScreen: (runDir) => {
          const shown = onScreen();
          return shown?.runDir === runDir && shown.step !== undefined ? [shown.step] : [];
        },
        wantsCoverage: showsCoverage,
      }),
    );
    const recorded = async ({ runDir, function: name, isRecorded }: RewardTarget) =>
      isRecorded ? recordedSpread(await columns.read(runDir), name) : null;
    const sources = {
      targets: (file: string, candidates: readonly string[]) => this.targets.ofFile(file, candidates),
      state: (target: RewardTarget) => this.rescoring.get(target),
      recorded,
    };
    const lenses = this.scope.add(new RewardLenses(sources));
    const selector = rewardLanguages.map((language) => ({ language, scheme: "file" }));
    this.scope.add(vscode.languages.registerCodeLensProvider(selector, lenses));
    const coverage = this.scope.add(new CoverageDecorations(() => this.rescoring.all));
    const errors = this.scope.add(new ErrorDiagnostics());
    const view = this.scope.add(new RewardsView({ ...services, targets: this.targets, rescoring: this.rescoring }));
    const refresh = this.scope.add(debounce(200, () => lenses.refresh()));
    this.scope.add(
      this.rescoring.onDidChange((state) => {
        refresh();
        view.refresh();
        if (state.coverage !== null && state.status !== "scoring") coverage.covered(state);
        if (state.status !== "scoring") errors.show(state).catch((error: unknown) => this.warn(error));
      }),
    );
    const rewritten = this.scope.add(
      debounce(1000, () => {
        lenses.refresh();
        view.refresh();
      }),
    );
    this.scope.add(registry.onEvent((event) => event.kind !== "changed" && rewritten()));
    this.scope.add(registry.onEvent((event) => event.kind === "changed" && event.runDir === null && rewritten()));
    this.scope.add(
      vscode.workspace.onDidSaveTextDocument((document) => {
        this.saved(document).catch((error: unknown) => this.warn(error));
      }),
    );
  }

  dispose(): void {
    this.scope.dispose();
  }

  stateOf(target: RewardTarget): RewardState | undefined {
    return this.rescoring.get(target);
  }

  /** What a command is about: its argument, or a function of the editor in front. */
  async targetOf(argument: unknown, title: string): Promise<RewardTarget | undefined> {
    const given = targetIn(argument);
    if (given !== undefined) return given;
    const document = vscode.window.activeTextEditor?.document;
    const targets = document === undefined ? [] : await this.targetsOf(document);
    if (targets.length === 0) {
      throw new UserError({
        code: "not-found",
        message: t("There is no reward function in the editor in front that a run could be scored with."),
        hint: t("Open a .ts or .py file with a function that takes completions, in a workspace with a run."),
      });
    }
    if (targets.length === 1) return targets[0];
    const cursor = vscode.window.activeTextEditor?.selection.active.line ?? 0;
    const places = document === undefined ? [] : (functionPlaces(document.getText(), document.languageId) ?? []);
    const above = places.findLast((place) => place.line <= cursor)?.name;
    const items = targets.map((target) => ({
      label: target.function,
      description: target.runName,
      picked: target.function === above,
      target,
    }));
    items.sort((a, b) => Number(b.picked) - Number(a.picked));
    const chosen = await vscode.window.showQuickPick(items, { title, placeHolder: t("Choose a reward function") });
    return chosen?.target;
  }

  private targetsOf(document: vscode.TextDocument): Promise<readonly RewardTarget[]> {
    if (!isRewardLanguage(document)) return Promise.resolve([]);
    const places = functionPlaces(document.getText(), document.languageId) ?? [];
    const candidates = places.filter((place) => place.takesCompletions).map((place) => place.name);
    return this.targets.ofFile(document.uri.fsPath, candidates);
  }

  /** Scores the rollouts of a run again; undefined when a newer save took its place. */
  score(target: RewardTarget): Promise<RewardState | undefined> {
    return this.rescoring.score(target);
  }

  private async scoreFromEditor(argument: unknown): Promise<void> {
    requireTrust(t("run reward functions"));
    const target = await this.targetOf(argument, t("Score Rollouts"));
    if (target === undefined) return;
    const document = vscode.workspace.textDocuments.find(({ uri }) => uri.fsPath === target.file);
    // Saving scores already, where the setting says so.
    if (document?.isDirty === true && (await document.save()) && rescoresOnSave()) return;
    const state = await this.score(target);
    if (state?.status === "failed") {
      throw new UserError({ code: "bad-reward", message: state.problem ?? t("The reward could not be scored.") });
    }
  }

  private cancel(argument: unknown): void {
    const target = targetIn(argument);
    if (target !== undefined) this.rescoring.cancel(target);
  }

  /** Scores again what the saved file is a part of. */
  private async saved(document: vscode.TextDocument): Promise<void> {
    if (!isRewardLanguage(document) || !vscode.workspace.isTrusted || !rescoresOnSave()) return;
    const recorded = (await this.targetsOf(document)).filter(({ isRecorded }) => isRecorded);
    const scored = this.rescoring.ofFile(document.uri.fsPath);
    const key = ({ runDir, file, function: name }: RewardTarget) => JSON.stringify([runDir, file, name]);
    const targets = new Map([...scored, ...recorded].map((target) => [key(target), target]));
    await Promise.all([...targets.values()].map((target) => this.rescoring.score(target)));
  }

  private async accept(argument: unknown): Promise<void> {
    const target = await this.targetOf(argument, t("Accept Scores"));
    if (target === undefined) return;
    const file = await this.rescoring.accept(target);
    if (file === undefined) {
      throw new UserError({
        code: "not-found",
        message: t("The rollouts of {0} were not scored with {1} yet.", target.runName, target.function),
        hint: t("Score them first."),
      });
    }
    vscode.window.setStatusBarMessage(`$(check) ${t("Scores kept in {0}", path.basename(file))}`, 5000);
  }

  private async showChanges(argument: unknown): Promise<void> {
    const target = await this.targetOf(argument, t("Show Changed Rollouts"));
    const summary = target === undefined ? null : (this.rescoring.get(target)?.summary ?? null);
    if (target === undefined) return;
    if (summary === null) return this.scoreFromEditor(target);
    const items = changeItems(summary).map(({ section, label, description, detail, id }) => ({
      label,
      ...(section ? { kind: vscode.QuickPickItemKind.Separator } : { description, detail }),
      id,
    }));
    const title = t("{0} on {1}", target.function, target.runName);
    await pickRollout(items, title, (id) => this.services.showRollout(target.runDir, id));
  }

  private showProblem(argument: unknown): void {
    const target = targetIn(argument);
    const problem = target === undefined ? undefined : this.rescoring.get(target)?.problem;
    if (problem !== undefined && problem !== null) void vscode.window.showErrorMessage(problem);
  }

  /** `{ runDir, ids }`: one is shown, of several the user chooses. */
  private async showRollouts(argument: unknown): Promise<void> {
    const asked = rolloutsOf(argument);
    if (asked === undefined) return;
    const [first] = asked.ids;
    if (first !== undefined && asked.ids.length === 1) return this.services.showRollout(asked.runDir, first);
    const items = asked.ids.map((id) => ({ label: id, id }));
    await pickRollout(items, t("Show Rollouts"), (id) => this.services.showRollout(asked.runDir, id));
  }

  private warn(error: unknown): void {
    this.services.log.warn(`Rewards: ${thrownText(error)}`);
  }
}

function rolloutsOf(argument: unknown): { readonly runDir: string; readonly ids: readonly string[] } | undefined {
  if (typeof argument !== "object" || argument === null) return undefined;
  if (!("runDir" in argument) || typeof argument.runDir !== "string") return undefined;
  if (!("ids" in argument) || !Array.isArray(argument.ids)) return undefined;
  return { runDir: argument.runDir, ids: argument.ids.filter((id) => typeof id === "string") };
}

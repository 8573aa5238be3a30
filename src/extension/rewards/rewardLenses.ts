import { t } from "@vscode/l10n";
import * as vscode from "vscode";
import type { Spread } from "../../protocol/rescore.ts";
import type { CommandId } from "../commands.ts";
import { functionPlaces } from "./functionPlaces.ts";
import { isRewardLanguage } from "./rewardFiles.ts";
import type { RewardTarget } from "./rewardTargets.ts";
import { changeText, isChange, meanText, progressText, spreadText } from "./rewardTexts.ts";
import type { RewardState } from "./rescoring.ts";

export interface LensSources {
  targets(file: string, candidates: readonly string[]): Promise<readonly RewardTarget[]>;
  state(target: RewardTarget): RewardState | undefined;
  /** As the run recorded it; null where it has no value. */
  recorded(target: RewardTarget): Promise<Spread | null>;
}

/** Lenses above reward functions: what they come to on the rollouts of a run, and what can be done about it. */
export class RewardLenses implements vscode.CodeLensProvider {
  private readonly sources: LensSources;
  private readonly changed = new vscode.EventEmitter<void>();

  readonly onDidChangeCodeLenses = this.changed.event;

  constructor(sources: LensSources) {
    this.sources = sources;
  }

  refresh(): void {
    this.changed.fire();
  }

  async provideCodeLenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    if (!isRewardLanguage(document)) return [];
    const places = functionPlaces(document.getText(), document.languageId) ?? [];
    if (places.length === 0) return [];
    const candidates = places.filter((place) => place.takesCompletions).map((place) => place.name);
    const targets = await this.sources.targets(document.uri.fsPath, candidates);
    const lenses: vscode.CodeLens[] = [];
    for (const { name, line } of places) {
      const target = targets.find((candidate) => candidate.function === name);
      if (target === undefined) continue;
      const range = new vscode.Range(line, 0, line, 0);
      for (const command of await this.commands(target)) lenses.push(new vscode.CodeLens(range, command));
    }
    return lenses;
  }

  dispose(): void {
    this.changed.dispose();
  }

  private async commands(target: RewardTarget): Promise<vscode.Command[]> {
    const state = this.sources.state(target);
    const of = (id: CommandId, title: string, tooltip: string): vscode.Command => ({
      command: id,
      title,
      tooltip,
      arguments: [target],
    });
    const run = target.runName;
    const score = of(
      "videoRft.scoreRollouts",
      `$(beaker) ${t("Score rollouts")}`,
      t("Score all rollouts of {0} again", run),
    );
    const debug = of(
      "videoRft.debugReward",
      `$(debug-alt) ${t("Debug on worst rollout")}`,
      t("Call this function on the rollout of {0} with its lowest value, and stop at breakpoints", run),
    );
    const show = (title: string) =>
      of("videoRft.showScoreChanges", title, t("List the rollouts that change most, fail, or have the lowest values"));
    switch (state?.status) {
      case undefined: {
        const spread = await this.sources.recorded(target);
        const text = spread === null ? t("not scored on {0} yet", run) : t("{0} in {1}", spreadText(spread), run);
        return [score, debug, of("videoRft.scoreRollouts", text, t("As the run recorded it; select to score again"))];
      }
      case "scoring":
        return [of("videoRft.cancelScoring", `$(sync~spin) ${progressText(state.summary)}`, t("Stop scoring")), debug];
      case "failed":
        return [
          score,
          debug,
          of("videoRft.showScoreProblem", `$(error) ${t("Cannot be scored")}`, state.problem ?? ""),
        ];
      case "scored": {
        const { summary } = state;
        if (summary === null) return [score, debug];
        if (summary.before === null) return [score, debug, show(t("{0} on {1}", meanText(summary), run))];
        if (!isChange(summary)) return [score, debug, show(t("{0} in {1}, as recorded", meanText(summary), run))];
        const accept = of(
          "videoRft.acceptScores",
          `$(check) ${t("Accept")}`,
          t("Keep these scores as scores/<version>.jsonl in the run folder; nothing is overwritten"),
        );
        const accepted = of("videoRft.showScoreChanges", `$(check) ${t("accepted")}`, state.accepted ?? "");
        return [
          score,
          debug,
          show(t("{0} in {1}", changeText(summary), run)),
          state.accepted === null ? accept : accepted,
        ];
      }
    }
  }
}

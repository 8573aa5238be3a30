import { t } from "@vscode/l10n";
import path from "node:path";
import * as vscode from "vscode";
import { UserError } from "../../protocol/errors.ts";
import { prepareCaseReplay, prepareReplay, type ReplayProgram } from "../../protocol/rewardMessages.ts";
import type { ViewerEvidence } from "../../protocol/view.ts";
import type { CommandHandlers } from "../commandRegistration.ts";
import type { Engine } from "../engine/engineClient.ts";
import { DisposableStore, type Disposable } from "../lifetime.ts";
import { stackPlace } from "../rewards/errorPlaces.ts";
import { rolloutsWhere, worstRollouts, type RolloutCondition } from "../rewards/recordedRewards.ts";
import type { RewardState } from "../rewards/rescoring.ts";
import type { RewardFeature } from "../rewards/rewardFeature.ts";
import { targetIn, type RewardTarget } from "../rewards/rewardTargets.ts";
import { countOf } from "../counts.ts";
import type { RunColumns } from "../runs/runColumns.ts";
import { requireTrust, runDirOf } from "../runs/runCommands.ts";
import { hasPythonDebugger, registerPythonDebugger, requireDebugpy } from "./pythonDebugger.ts";
import { startReplay, type StopPlace } from "./replaySession.ts";
import { StoppedValues } from "./stoppedValues.ts";

export interface DebugServices {
  readonly engine: Engine;
  readonly rewards: RewardFeature;
  readonly columns: RunColumns;
  readonly engineDir: string;
  readonly showRollout: (runDir: string, id: string) => void;
  readonly showEvidence: (runDir: string, evidence: ViewerEvidence | null) => void;
}

/** Rollouts that one session goes through at most, when a condition finds more. */
const mostReplayed = 50;

type DebugCommand = "videoRft.debugReward" | "videoRft.debugRewardWhere";

/** Starts the debugger on a reward function with the recorded input of rollouts. */
export class DebugFeature implements Disposable {
  private readonly services: DebugServices;
  private readonly values: StoppedValues;
  private readonly scope = new DisposableStore();

  readonly handlers: Pick<CommandHandlers, DebugCommand> = {
    "videoRft.debugReward": (_engine, argument) => this.debugRollout(argument),
    "videoRft.debugRewardWhere": (_engine, argument) => this.debugWhere(argument),
  };

  constructor(services: DebugServices) {
    this.services = services;
    this.values = this.scope.add(new StoppedValues(services.showEvidence));
    this.scope.add(registerPythonDebugger());
  }

  dispose(): void {
    this.scope.dispose();
  }

  /** A pinned case of a file, for the Test Explorer. Settles when the session has ended. */
  async debugCase(file: string, line: number): Promise<void> {
    requireTrust(t("debug reward functions"));
    const replay = await this.services.engine.request(prepareCaseReplay, { file, line });
    const { ended } = await this.start(replay, t("a pinned case"), { runDir: null, stops: [] });
    await ended;
  }

  /** The argument names a rollout (a row of a tree, the viewer), or a reward alone: then its worst one is taken. */
  private async debugRollout(argument: unknown): Promise<void> {
    requireTrust(t("debug reward functions"));
    const target = await this.target(argument, t("Debug Reward on This Rollout"));
    if (target === undefined) return;
    const id = rolloutIdOf(argument) ?? (await this.worst(target));
    this.services.showRollout(target.runDir, id);
    const state = this.services.rewards.stateOf(target);
    const stops = state === undefined ? [] : errorStops(state, [id]);
    await this.replay(target, [id], t("rollout {0}", id), stops);
  }

  private async debugWhere(argument: unknown): Promise<void> {
    requireTrust(t("debug reward functions"));
    const title = t("Debug Reward Where…");
    const target = await this.target(argument, title);
    if (target === undefined) return;
    const condition = await this.askCondition(target, title);
    if (condition === undefined) return;
    const blocks = await this.services.columns.read(target.runDir);
    const state = this.services.rewards.stateOf(target);
    const errors = condition.kind === "error" ? (state?.summary?.errorExamples.map(({ id }) => id) ?? []) : [];
    const ids = errors.length > 0 ? errors : rolloutsWhere(blocks, condition, mostReplayed);
    if (ids.length === 0) {
      void vscode.window.showInformationMessage(t("No rollout of {0} fits.", target.runName));
      return;
    }
    const replayed = ids.slice(0, mostReplayed);
    const stops = state === undefined ? [] : errorStops(state, replayed);
    await this.replay(target, replayed, countOf(replayed.length, "rollout"), condition.kind === "error" ? stops : []);
  }

  private async askCondition(target: RewardTarget, title: string): Promise<RolloutCondition | undefined> {
    const reward = target.function;
    const others = (await this.services.rewards.targets.rewardsOf(target.runDir)).filter(({ name }) => name !== reward);
    const kinds = [
      { label: t("The reward is below a number"), condition: "below" as const },
      {
        label: t("Two rewards disagree"),
        detail: t("One is high in its range where the other is low"),
        condition: "disagree" as const,
      },
      { label: t("The reward raises an error"), condition: "error" as const },
    ];
    const offered = kinds.filter(({ condition }) => condition !== "disagree" || others.length > 0);
    const chosen = await vscode.window.showQuickPick(offered, {
      title,
      placeHolder: t("Stop only on rollouts where…"),
    });
    switch (chosen?.condition) {
      case undefined:
        return undefined;
      case "error":
        return { kind: "error" };
      case "below": {
        const isNumber = (text: string) => text.trim() !== "" && Number.isFinite(Number(text));
        const text = await vscode.window.showInputBox({
          title,
          prompt: t("Stop on rollouts where {0} is below this number", reward),
          value: "0.5",
          validateInput: (entered) => (isNumber(entered) ? undefined : t('Expected a number, found "{0}"', entered)),
        });
        return text === undefined ? undefined : { kind: "below", reward, value: Number(text) };
      }
      case "disagree": {
        const items = others.map(({ name }) => ({ label: name }));
        const other = await vscode.window.showQuickPick(items, { title, placeHolder: t("Compare {0} with…", reward) });
        return other === undefined ? undefined : { kind: "disagree", reward, other: other.label };
      }
    }
  }

  /** The reward that is meant: the argument's, the only one of its run, or the one that the user chooses. */
  private async target(argument: unknown, title: string): Promise<RewardTarget | undefined> {
    const given = targetIn(argument);
    if (given !== undefined) return given;
    const runDir = runDirOf(argument);
    if (runDir === undefined) return this.services.rewards.targetOf(undefined, title);
    const targets = await this.services.rewards.targets.ofRun(runDir);
    if (targets.length === 0) {
      throw new UserError({
        code: "not-found",
        where: runDir,
        message: t("this run has built-in rewards only, which have no code in the workspace to stop in"),
        hint: t("Write one with RFT: New Reward, and score the rollouts with it."),
      });
    }
    if (targets.length === 1) return targets[0];
    const items = targets.map((target) => ({
      label: target.function,
      description: path.basename(target.file),
      target,
    }));
    const chosen = await vscode.window.showQuickPick(items, { title, placeHolder: t("Choose a reward function") });
    return chosen?.target;
  }

  private async worst({ runDir, runName, function: name, ...target }: RewardTarget): Promise<string> {
    const state = this.services.rewards.stateOf({ runDir, runName, function: name, ...target });
    const scored = state?.status === "scored" ? state.summary : null;
    const blocks = await this.services.columns.read(runDir);
    const found =
      scored?.errorExamples[0]?.id ??
      scored?.worst[0]?.id ??
      (worstRollouts(blocks, name, 1)[0] ?? worstRollouts(blocks, "", 1)[0])?.id;
    if (found !== undefined) return found;
    throw new UserError({ code: "not-found", where: runDir, message: t("{0} has no rollouts yet", runName) });
  }

  private async replay(
    { runDir, reward }: RewardTarget,
    ids: readonly string[],
    rollouts: string,
    stops: readonly StopPlace[],
  ): Promise<void> {
    const replay = await this.services.engine.request(prepareReplay, { runDir, reward, ids });
    await this.start(replay, rollouts, { runDir, stops });
  }

  private async start(
    replay: ReplayProgram,
    rollouts: string,
    { runDir, stops }: { readonly runDir: string | null; readonly stops: readonly StopPlace[] },
  ): Promise<{ readonly ended: Promise<void> }> {
    if (replay.language === "python" && !hasPythonDebugger()) await requireDebugpy(replay.python ?? "python3");
    const { engineDir } = this.services;
    return startReplay(replay, rollouts, {
      runDir,
      stops,
      engineDir,
      follow: (session, runDir) => this.values.follow(session, runDir),
    });
  }
}

/** Lines that raise the errors of the rollouts. */
function errorStops({ summary }: RewardState, ids: readonly string[]): StopPlace[] {
  const found = (summary?.errorExamples ?? []).filter(({ id }) => ids.includes(id));
  const places = found.flatMap(({ error }) => stackPlace(error.stack ?? "") ?? []);
  return [...new Map(places.map((place) => [JSON.stringify(place), place])).values()];
}

function rolloutIdOf(argument: unknown): string | undefined {
  if (typeof argument !== "object" || argument === null || !("id" in argument)) return undefined;
  return typeof argument.id === "string" ? argument.id : undefined;
}

import { t } from "@vscode/l10n";
import { CancellationTokenSource } from "vscode-jsonrpc/node";
import { UserError } from "../../protocol/errors.ts";
import type { RescoreSummary } from "../../protocol/rescore.ts";
import {
  acceptRescore,
  coverReward,
  rescoreProgress,
  rescoreRollouts,
  type RewardCoverage,
} from "../../protocol/rewardMessages.ts";
import { thrownText } from "../errorText.ts";
import type { Engine } from "../engine/engineClient.ts";
import { Emitter, type Disposable } from "../lifetime.ts";
import type { RewardTarget } from "./rewardTargets.ts";

/** How a reward stands on the rollouts of its run. */
export interface RewardState {
  readonly target: RewardTarget;
  readonly status: "scoring" | "scored" | "failed";
  /** Files of the workspace that it consists of; its own alone before it was scored. */
  readonly files: readonly string[];
  /** Of the version that was scored last, or is being scored; null before anything has come of it. */
  readonly summary: RescoreSummary | null;
  readonly coverage: RewardCoverage | null;
  readonly problem: string | null;
  /** File that the scores were kept in. */
  readonly accepted: string | null;
}

/** Rollouts that the lines are counted on: a coverage pass is slow. */
const coverageSample = 200;

/** Scores rewards again, one version at a time: a newer save ends the scoring of an older one. */
export class Rescoring implements Disposable {
  private readonly engine: Engine;
  /** Steps that are on the screen, to be scored first. */
  private readonly stepsOnScreen: (runDir: string) => readonly number[];
  private readonly wantsCoverage: () => boolean;
  private readonly states = new Map<string, RewardState>();
  private readonly running = new Map<string, CancellationTokenSource>();
  private readonly emitter = new Emitter<RewardState>();
  private lastTask = 0;

  readonly onDidChange = this.emitter.event;

  constructor(options: {
    readonly engine: Engine;
    readonly stepsOnScreen: (runDir: string) => readonly number[];
    readonly wantsCoverage: () => boolean;
  }) {
    this.engine = options.engine;
    this.stepsOnScreen = options.stepsOnScreen;
    this.wantsCoverage = options.wantsCoverage;
  }

  get(target: RewardTarget): RewardState | undefined {
    return this.states.get(keyOf(target));
  }

  get all(): readonly RewardState[] {
    return [...this.states.values()];
  }

  /** Settles with what came of it; undefined when a newer call took its place. */
  async score(target: RewardTarget): Promise<RewardState | undefined> {
    const key = keyOf(target);
    this.running.get(key)?.cancel();
    const cancellation = new CancellationTokenSource();
    this.running.set(key, cancellation);
    const before = this.states.get(key);
    this.set({
      target,
      status: "scoring",
      files: before?.files ?? [target.file],
      summary: null,
      coverage: before?.coverage ?? null,
      problem: null,
      accepted: null,
    });
    const task = `rescore-${++this.lastTask}`;
    const listening = this.engine.on(rescoreProgress, (progress) => {
      if (progress.task === task && this.running.get(key) === cancellation)
        this.change(target, { summary: progress.summary });
    });
    try {
      const { runDir, reward } = target;
      const params = { task, runDir, reward, firstSteps: this.stepsOnScreen(runDir) };
      const { summary, files } = await this.engine.request(rescoreRollouts, params, cancellation.token);
      if (this.running.get(key) !== cancellation) return undefined;
      this.change(target, { status: "scored", summary, files });
      if (this.wantsCoverage()) await this.cover(target, cancellation);
    } catch (error) {
      if (this.running.get(key) !== cancellation || UserError.is(error, "cancelled")) return undefined;
      this.change(target, { status: "failed", problem: thrownText(error), coverage: null });
    } finally {
      listening.dispose();
      if (this.running.get(key) === cancellation) this.running.delete(key);
    }
    return this.states.get(key);
  }

  /** Ends the scoring; what was known before is shown no more, since its file has changed. */
  cancel(target: RewardTarget): void {
    const key = keyOf(target);
    const cancellation = this.running.get(key);
    if (cancellation === undefined) return;
    this.running.delete(key);
    cancellation.cancel();
    const state = this.states.get(key);
    this.states.delete(key);
    if (state !== undefined)
      this.emitter.fire({ ...state, status: "failed", problem: t("Cancelled."), coverage: null });
  }

  /** Rewards that were scored and that a file is a part of. */
  ofFile(file: string): readonly RewardTarget[] {
    return this.all.filter(({ files }) => files.includes(file)).map(({ target }) => target);
  }

  /** Keeps the scores of the newest version beside the rollouts. */
  async accept(target: RewardTarget): Promise<string | undefined> {
    const state = this.get(target);
    if (state?.status !== "scored" || state.summary === null) return undefined;
    const { file } = await this.engine.request(acceptRescore, {
      runDir: target.runDir,
      version: state.summary.version,
    });
    this.change(target, { accepted: file });
    return file;
  }

  dispose(): void {
    for (const cancellation of this.running.values()) cancellation.cancel();
    this.running.clear();
    this.emitter.dispose();
  }

  private async cover(target: RewardTarget, cancellation: CancellationTokenSource): Promise<void> {
    const { runDir, reward } = target;
    const params = { runDir, reward, sample: coverageSample };
    const { coverage } = await this.engine.request(coverReward, params, cancellation.token);
    if (this.running.get(keyOf(target)) === cancellation) this.change(target, { coverage });
  }

  private change(target: RewardTarget, change: Partial<RewardState>): void {
    const state = this.states.get(keyOf(target));
    if (state !== undefined) this.set({ ...state, ...change });
  }

  private set(state: RewardState): void {
    this.states.set(keyOf(state.target), state);
    this.emitter.fire(state);
  }
}

function keyOf({ runDir, file, function: name }: RewardTarget): string {
  return JSON.stringify([runDir, file, name]);
}

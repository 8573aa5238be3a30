import type { RunDetails } from "../../protocol/messages.ts";
import type { RolloutLine, RunState } from "../../protocol/records.ts";
import type {
  HostToViewer,
  RolloutCommand,
  ViewerEvidence,
  ViewerSelection,
  ViewerToHost,
} from "../../protocol/view.ts";
import { UserError } from "../../protocol/errors.ts";
import type { Shortcut } from "../../protocol/viewerQueries.ts";
import { thrownText } from "../errorText.ts";
import { coalesce } from "../lifetime.ts";
import type { TrackedRun } from "../runs/runView.ts";
import { ViewerAnswers, type AnswerPorts } from "./viewerAnswers.ts";

/** What the host half of a viewer needs of the outside. */
export interface ViewerPorts extends AnswerPorts {
  details(): Promise<RunDetails>;
  step(step: number): Promise<readonly RolloutLine[]>;
  /** Absolute paths in frame order. */
  frames(step: number, group: number): Promise<readonly string[]>;
  /** The run as it is known live. */
  tracked(): TrackedRun | undefined;
  /** Commands that act on the page, for its cheat sheet. */
  readonly shortcuts: readonly Shortcut[];
  post(message: HostToViewer): void;
  runCommand(command: "showLog" | "stopRun" | "resumeRun"): void;
  rolloutCommand(command: RolloutCommand, id: string): void;
}

/**
 * Host half of one rollout viewer: answers the page, and pushes what a run writes. Every message is a complete snapshot
 * read from disk, so a page that was hidden or opened again has missed nothing.
 */
export class ViewerHost {
  private readonly ports: ViewerPorts;
  private readonly answers: ViewerAnswers;
  private details: RunDetails | undefined;
  private selection: ViewerSelection | null = null;
  /** Asked for before the page could show it. */
  private wanted: ViewerSelection | null = null;
  private postedState = "";
  /** The page reads messages; false while its document does not exist. */
  private isReady = false;
  private liveStep: number | undefined;
  private readonly wantedFrames: { readonly step: number; readonly group: number }[] = [];
  private isOpeningFrames = false;

  /** Reads the run again and posts it. */
  readonly refreshRun: () => Promise<void>;
  private readonly refreshLiveStep: () => Promise<void>;

  constructor(ports: ViewerPorts) {
    this.ports = ports;
    this.answers = new ViewerAnswers(ports);
    this.refreshRun = coalesce(() => this.readAndPostRun());
    this.refreshLiveStep = coalesce(() => this.postLiveStep());
  }

  /** A message of the page. */
  async receive(message: ViewerToHost): Promise<void> {
    switch (message.kind) {
      case "ready":
        this.isReady = true;
        this.selection = message.selection;
        this.ports.post({ kind: "shortcuts", shortcuts: this.ports.shortcuts });
        return this.refreshRun();
      case "needStep":
        return this.postStep(message.step);
      case "needFrames":
        return this.openFrames(message.step, message.group);
      case "selected":
        this.selection = message.selection;
        return;
      case "rolloutCommand":
        return this.ports.rolloutCommand(message.command, message.id);
      case "runCommand":
        return this.ports.runCommand(message.command);
      default:
        return this.answers.receive(message);
    }
  }

  /** Step that the page shows. */
  get step(): number | undefined {
    return this.selection?.step;
  }

  /** Shows a rollout, once there is a page. */
  goTo(selection: ViewerSelection): void {
    this.selection = selection;
    if (this.isReady && this.details !== undefined) this.ports.post({ kind: "goTo", selection });
    else this.wanted = selection;
  }

  /** Draws a value of a stopped reward function; null takes it away. */
  showEvidence(evidence: ViewerEvidence | null): void {
    if (this.isReady) this.ports.post({ kind: "evidence", evidence });
  }

  /** The page's document is gone until it says "ready" again. */
  hidden(): void {
    this.isReady = false;
    this.wantedFrames.length = 0;
    this.answers.stop();
  }

  /** Groups of a step are on disk. */
  async groupsWritten(step: number): Promise<void> {
    this.liveStep = step;
    if (this.isReady) await this.refreshLiveStep();
  }

  /** The run's state may be another one. Its end is read from disk once more, since nothing follows it. */
  async stateChanged(): Promise<void> {
    if (!this.isReady || this.details === undefined || this.stateKey(this.details) === this.postedState) return;
    const { alive } = this.current(this.details);
    if (alive !== this.details.alive) await this.refreshRun();
    else this.postRun(this.details);
  }

  private async readAndPostRun(): Promise<void> {
    if (!this.isReady) return;
    this.details = await this.ports.details();
    if (!this.isReady) return;
    this.postRun(this.details);
    if (this.wanted !== null) this.ports.post({ kind: "goTo", selection: this.wanted });
    this.wanted = null;
  }

  private postRun(details: RunDetails): void {
    this.postedState = this.stateKey(details);
    const { runDir, name, rolloutSteps, metrics } = details;
    const known = new Map(metrics.map((record) => [record.step, record.metrics["reward"]]));
    const rewards = rolloutSteps.map((step) => known.get(step) ?? null);
    this.ports.post({ kind: "run", run: { runDir, name, ...this.current(details), rolloutSteps, rewards } });
  }

  private stateKey(details: RunDetails): string {
    return JSON.stringify(this.current(details));
  }

  /** What was read for the page, or what the registry knows, whichever is newer; an attached process knows best. */
  private current(details: RunDetails): { readonly state: RunState; readonly alive: boolean } {
    const live = this.ports.tracked();
    const isOlder = live === undefined || (!live.attached && live.summary.state.updatedAt < details.state.updatedAt);
    const { state, alive } = isOlder ? details : live.summary;
    return { state, alive };
  }

  private async postLiveStep(): Promise<void> {
    const step = this.liveStep;
    if (step === undefined || !this.isReady) return;
    if (this.details?.rolloutSteps.includes(step) !== true) await this.refreshRun();
    const isWatched = this.selection === null || this.selection.following || this.selection.step === step;
    if (isWatched) await this.postStep(step);
  }

  private async postStep(step: number): Promise<void> {
    const groups = await this.ports.step(step);
    if (this.isReady) this.ports.post({ kind: "step", step, groups });
  }

  /** One set at a time, what was asked for last first: decoding takes a while, and the page may have moved on. */
  private async openFrames(step: number, group: number): Promise<void> {
    this.wantedFrames.push({ step, group });
    if (this.isOpeningFrames) return;
    this.isOpeningFrames = true;
    try {
      for (let next = this.wantedFrames.pop(); next !== undefined; next = this.wantedFrames.pop()) {
        await this.postFrames(next.step, next.group);
      }
    } finally {
      this.isOpeningFrames = false;
    }
  }

  private async postFrames(step: number, group: number): Promise<void> {
    try {
      const files = await this.ports.frames(step, group);
      this.ports.post({ kind: "frames", step, group, uris: files.map((file) => this.ports.toUri(file)) });
    } catch (error) {
      const reason = thrownText(error);
      this.ports.post({ kind: "frames", step, group, uris: [], reason });
      if (!UserError.is(error)) this.ports.failed(error);
    }
  }
}

/** Messages come from our own page, but a page of an older version may be restored: an unknown kind is dropped. */
export function isViewerMessage(value: unknown): value is ViewerToHost {
  const kinds: Record<ViewerToHost["kind"], true> = {
    ready: true,
    needStep: true,
    needFrames: true,
    selected: true,
    runCommand: true,
    rolloutCommand: true,
    needIndex: true,
    search: true,
    stopSearch: true,
    needTokens: true,
    scoreEdited: true,
    needRuns: true,
    needPlaces: true,
    needOther: true,
    openShortcuts: true,
  };
  return typeof value === "object" && value !== null && "kind" in value && Object.hasOwn(kinds, String(value.kind));
}

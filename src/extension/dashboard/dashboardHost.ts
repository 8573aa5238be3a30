import {
  maxDashboardRuns,
  type DashboardRun,
  type DashboardToHost,
  type HostToDashboard,
  type SavedDashboard,
} from "../../protocol/dashboard.ts";
import type { RunDetails } from "../../protocol/messages.ts";
import type { TimingsRecord } from "../../protocol/records.ts";
import { thrownText } from "../errorText.ts";
import { coalesce } from "../lifetime.ts";
import type { TrackedRun } from "../runs/runView.ts";
import { curvesOf, rolloutStepNear } from "./runCurves.ts";

/** What the host half of the dashboard needs of the outside. */
export interface DashboardPorts {
  details(runDir: string): Promise<RunDetails>;
  timings(runDir: string): Promise<readonly TimingsRecord[]>;
  tracked(runDir: string): TrackedRun | undefined;
  post(message: HostToDashboard): void;
  /** Asks the user for runs; undefined leaves them as they are. */
  chooseRuns(shown: readonly string[]): Promise<readonly string[] | undefined>;
  showRollouts(runDir: string, id: string): void;
}

/** Host half of the dashboard: which runs are shown, and their curves as they are on disk. */
export class DashboardHost {
  private readonly ports: DashboardPorts;
  private shown: readonly string[];
  private isReady = false;
  /** What was read, until the run says that it has changed. */
  private readonly known = new Map<string, DashboardRun>();

  /** Reads what is not known and posts all runs. */
  readonly refresh: () => Promise<void>;

  constructor(ports: DashboardPorts, runDirs: readonly string[]) {
    this.ports = ports;
    this.shown = runDirs.slice(0, maxDashboardRuns);
    this.refresh = coalesce(() => this.readAndPost());
  }

  get runDirs(): readonly string[] {
    return this.shown;
  }

  async receive(message: DashboardToHost): Promise<void> {
    switch (message.kind) {
      case "ready":
        this.isReady = true;
        if (this.shown.length === 0) this.setShown(message.runDirs);
        return this.refresh();
      case "chooseRuns": {
        const chosen = await this.ports.chooseRuns(this.shown);
        return chosen === undefined ? undefined : this.show(chosen);
      }
      case "removeRun":
        return this.show(this.shown.filter((runDir) => runDir !== message.runDir));
      case "openStep":
        return this.openStep(message.runDir, message.step);
    }
  }

  /** Shows these runs, at most as many as can be told apart. */
  async show(runDirs: readonly string[]): Promise<void> {
    this.setShown(runDirs);
    await this.refresh();
  }

  /** The page's document is gone until it says "ready" again. */
  hidden(): void {
    this.isReady = false;
  }

  /** Records of a run have changed; null: of any. */
  async runChanged(runDir: string | null): Promise<void> {
    if (runDir !== null && !this.shown.includes(runDir)) return;
    if (runDir === null) this.known.clear();
    else this.known.delete(runDir);
    await this.refresh();
  }

  /** The run goes on, or has ended. Its end is read from disk once more, since nothing follows it. */
  async stateChanged(runDir: string): Promise<void> {
    const known = this.known.get(runDir);
    const live = this.ports.tracked(runDir)?.summary;
    if (known === undefined || live === undefined) return;
    if (live.alive !== known.alive || live.state.status !== known.state?.status) await this.runChanged(runDir);
  }

  private setShown(runDirs: readonly string[]): void {
    this.shown = [...new Set(runDirs)].slice(0, maxDashboardRuns);
    for (const runDir of this.known.keys()) if (!this.shown.includes(runDir)) this.known.delete(runDir);
  }

  private async readAndPost(): Promise<void> {
    if (!this.isReady) return;
    const runs = await Promise.all(this.shown.map((runDir) => this.read(runDir)));
    if (this.isReady) this.ports.post({ kind: "runs", runs });
  }

  private async read(runDir: string): Promise<DashboardRun> {
    const known = this.known.get(runDir);
    if (known !== undefined) return known;
    const run = await this.readFresh(runDir);
    if (this.shown.includes(runDir)) this.known.set(runDir, run);
    return run;
  }

  private async readFresh(runDir: string): Promise<DashboardRun> {
    try {
      const [details, timings] = await Promise.all([this.ports.details(runDir), this.ports.timings(runDir)]);
      const { name, metrics, evaluations, rolloutSteps } = details;
      const { state, alive } = this.ports.tracked(runDir)?.summary ?? details;
      const points = evaluations.map(({ step, scores }) => ({ step, scores }));
      return {
        runDir,
        name,
        state,
        alive,
        problem: null,
        rolloutSteps,
        curves: curvesOf(metrics, timings),
        evaluations: points,
      };
    } catch (error) {
      const name = this.ports.tracked(runDir)?.summary.name ?? runDir;
      const nothing = {
        state: null,
        alive: false,
        rolloutSteps: [],
        curves: { steps: [], columns: {} },
        evaluations: [],
      };
      return { runDir, name, problem: thrownText(error), ...nothing };
    }
  }

  private openStep(runDir: string, step: number): void {
    const near = rolloutStepNear(this.known.get(runDir)?.rolloutSteps ?? [], step);
    if (near !== undefined) this.ports.showRollouts(runDir, `${near}/0/0`);
  }
}

/** A page of an older version may be restored: an unknown kind is dropped. */
export function isDashboardMessage(value: unknown): value is DashboardToHost {
  const kinds: Record<DashboardToHost["kind"], true> = {
    ready: true,
    chooseRuns: true,
    removeRun: true,
    openStep: true,
  };
  return typeof value === "object" && value !== null && "kind" in value && Object.hasOwn(kinds, String(value.kind));
}

/** Runs of a page's saved state, whatever wrote it. */
export function savedRunDirs(state: unknown): readonly string[] {
  if (typeof state !== "object" || state === null || !("runDirs" in state)) return [];
  const { runDirs }: { runDirs: unknown } = state;
  const known: SavedDashboard["runDirs"] = Array.isArray(runDirs)
    ? runDirs.filter((item): item is string => typeof item === "string")
    : [];
  return known;
}

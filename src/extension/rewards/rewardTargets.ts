import path from "node:path";
import type { RescoreReward } from "../../protocol/rescore.ts";
import { readRewards, type RunReward } from "../../protocol/rewardMessages.ts";
import { rewardSchema, type WorkspaceReward } from "../../protocol/rewardSpec.ts";
import type { Engine } from "../engine/engineClient.ts";
import type { RunRegistry } from "../runs/runRegistry.ts";

/** A function of a file as a reward of a run. */
export interface RewardTarget {
  readonly runDir: string;
  readonly runName: string;
  readonly file: string;
  readonly function: string;
  readonly reward: RescoreReward;
  /** The run was rewarded with it, so its rollouts carry values of it. */
  readonly isRecorded: boolean;
}

/** The target that a command was given: a lens gives the target itself, a row of a tree has it in `target`. */
export function targetIn(argument: unknown): RewardTarget | undefined {
  if (isRewardTarget(argument)) return argument;
  if (typeof argument !== "object" || argument === null || !("target" in argument)) return undefined;
  return isRewardTarget(argument.target) ? argument.target : undefined;
}

/** Arguments of commands come from lenses and rows of ours, and from keybindings of anybody. */
function isRewardTarget(value: unknown): value is RewardTarget {
  if (typeof value !== "object" || value === null) return false;
  const hasText = (key: keyof RewardTarget) => key in value && typeof Reflect.get(value, key) === "string";
  return hasText("runDir") && hasText("file") && hasText("function") && "reward" in value;
}

/** A reward that a specification of the workspace names, with absolute paths. */
export interface SpecReward {
  readonly specPath: string;
  readonly reward: WorkspaceReward;
}

/** Runs that are looked through for the rewards of a file, newest first: older ones are rarely what somebody is at. */
const runsLookedAt = 30;

/**
 * Which run's rollouts a reward file is scored on: those of the run whose viewer is in front when it has the reward, else
 * of the newest run that has it. A function that no run has is scored on the newest run of the specification that names
 * it, else on the newest run.
 */
export class RewardTargets {
  private readonly engine: Engine;
  private readonly registry: RunRegistry;
  private readonly activeRunDir: () => string | undefined;
  private readonly specRewards: () => Promise<readonly SpecReward[]>;
  /** A run's rewards do not change; what failed is asked again. */
  private readonly rewards = new Map<string, Promise<readonly RunReward[]>>();

  constructor(options: {
    readonly engine: Engine;
    readonly registry: RunRegistry;
    readonly activeRunDir: () => string | undefined;
    readonly specRewards: () => Promise<readonly SpecReward[]>;
  }) {
    this.engine = options.engine;
    this.registry = options.registry;
    this.activeRunDir = options.activeRunDir;
    this.specRewards = options.specRewards;
  }

  /** Targets of the functions of a file; `candidates` are those that take what a reward takes. */
  async ofFile(file: string, candidates: readonly string[]): Promise<readonly RewardTarget[]> {
    const found = new Map<string, RewardTarget>();
    const runDirs = this.runDirs();
    for (const runDir of runDirs) {
      for (const target of await this.ofRun(runDir)) {
        if (target.file === file && !found.has(target.function)) found.set(target.function, target);
      }
    }
    if (runDirs.length === 0) return [];
    for (const { specPath, reward } of await this.specRewards()) {
      if (reward.file !== file || found.has(reward.function)) continue;
      const ofSpec = runDirs.find((runDir) => this.registry.get(runDir)?.summary.specPath === specPath);
      found.set(reward.function, this.unrecorded(ofSpec ?? runDirs[0] ?? "", reward));
    }
    for (const name of candidates) {
      if (found.has(name)) continue;
      const reward = rewardSchema.parse({ file, function: name });
      if ("file" in reward) found.set(name, this.unrecorded(runDirs[0] ?? "", reward));
    }
    return [...found.values()];
  }

  /** Functions of the workspace that a run was rewarded with. */
  async ofRun(runDir: string): Promise<readonly RewardTarget[]> {
    return (await this.rewardsOf(runDir)).flatMap(({ name, code }) =>
      code === null
        ? []
        : [
            {
              runDir,
              runName: this.nameOf(runDir),
              file: code.file,
              function: code.function,
              reward: { kind: "named" as const, name },
              isRecorded: true,
            },
          ],
    );
  }

  /** All rewards of a run, built-in ones too. */
  rewardsOf(runDir: string): Promise<readonly RunReward[]> {
    const known = this.rewards.get(runDir);
    if (known !== undefined) return known;
    const asking = this.engine.request(readRewards, { runDir }).then(({ rewards }) => rewards);
    this.rewards.set(runDir, asking);
    asking.catch(() => this.rewards.delete(runDir));
    return asking;
  }

  private unrecorded(runDir: string, reward: WorkspaceReward): RewardTarget {
    const { file, function: name } = reward;
    const runName = this.nameOf(runDir);
    return { runDir, runName, file, function: name, reward: { kind: "spec", spec: reward }, isRecorded: false };
  }

  private nameOf(runDir: string): string {
    return this.registry.get(runDir)?.summary.name ?? path.basename(runDir);
  }

  private runDirs(): string[] {
    const active = this.activeRunDir();
    const newest = this.registry.runs.slice(0, runsLookedAt).map((run) => run.summary.runDir);
    return active === undefined ? newest : [active, ...newest.filter((runDir) => runDir !== active)];
  }
}

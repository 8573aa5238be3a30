import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { RewardError, RewardPart } from "../../protocol/records.ts";
import type { RewardExample, RewardItem } from "../../protocol/reward.ts";
import {
  isWorkspaceReward,
  rewardKey,
  signatureOf,
  type RewardSpec,
  type WorkspaceReward,
} from "../../protocol/rewardSpec.ts";
import { hostProgramFor, type HostPrograms } from "../hosts/hostProgram.ts";
import type { HostCompletion, HostOutcome, LoadedFile, SourceFiles } from "../hosts/hostProtocol.ts";
import { createJudge, type Judge } from "../hosts/judge.ts";
import { RewardLoadError } from "../hosts/hostProcess.ts";
import { RewardHost } from "../hosts/rewardHost.ts";
import { appliesTo, isJudgedReward, isPureReward, partOf, scoreItem, sumOf } from "../rewards/rewards.ts";

/** A group to score: completions of one example. */
export interface ScoreGroup {
  readonly example: RewardExample;
  readonly completions: readonly HostCompletion[];
}

/** Parts of a completion's reward, and their weighted sum; null when the rollout is dropped for a part that failed. */
export interface Scored {
  readonly parts: readonly RewardPart[];
  readonly reward: number | null;
}

export interface ScorerOptions extends HostPrograms {
  readonly rewards: readonly RewardSpec[];
  /** Folder that the rewards' files start from. */
  readonly baseDir: string;
  /** What the files held when a run began; null takes them as they are. */
  readonly sources: SourceFiles | null;
  /** Judges keep their answers there. */
  readonly cacheDir: string;
  /** Ends its processes, whatever they are at. */
  readonly signal?: AbortSignal | undefined;
  /** What rewards print, line by line. */
  readonly onLog: (line: string) => void;
}

/**
 * Scores completions with the rewards of a specification: built-in ones here, those that ask a server through a judge,
 * those of the workspace in processes of their own, one a file. It owns these processes: whoever makes it closes it.
 */
export class Scorer {
  readonly #options: ScorerOptions;
  readonly #hosts = new Map<string, Promise<RewardHost>>();
  readonly #judge: Judge;

  constructor(options: ScorerOptions) {
    this.#options = options;
    this.#judge = createJudge({ cacheDir: options.cacheDir, signal: options.signal });
    options.signal?.addEventListener("abort", () => void this.close(), { once: true });
  }

  /**
   * Starts what is needed, and answers the text of all files that the rewards of the workspace consist of.
   * @throws UserError not-found (no Python), bad-reward (a file that cannot be loaded, a function that it does not have);
   * the signal's reason
   */
  open(): Promise<SourceFiles> {
    return this.#whileWanted(() => this.#open());
  }

  async #open(): Promise<SourceFiles> {
    const sources: Record<string, string> = {};
    for (const reward of this.#options.rewards.filter(isWorkspaceReward)) {
      const host = await this.#hostOf(reward);
      await checkFunction(reward, host);
      Object.assign(sources, await host.sources());
    }
    return sources;
  }

  /** What a reward file holds. @throws RewardLoadError */
  async loaded(reward: WorkspaceReward): Promise<LoadedFile> {
    return (await this.#hostOf(reward)).loaded();
  }

  /** Scores by group and completion. @throws the signal's reason */
  async score(groups: readonly ScoreGroup[]): Promise<Scored[][]> {
    const { rewards } = this.#options;
    const byReward = await this.#whileWanted(() => Promise.all(rewards.map((reward) => this.#partsOf(reward, groups))));
    return groups.map(({ completions }, g) =>
      completions.map((_, k) => {
        const parts = byReward.flatMap((parts_P_G) => parts_P_G[g]?.[k] ?? []);
        return { parts, reward: sumOf(parts) };
      }),
    );
  }

  async close(): Promise<void> {
    for (const host of this.#hosts.values()) await host.then((h) => h.close()).catch(() => undefined);
  }

  /** A call in flight ends with its process; that it was not wanted any more is then the reason. */
  async #whileWanted<T>(work: () => Promise<T>): Promise<T> {
    this.#options.signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      throw error;
    }
  }

  /** Parts of one reward; groups that it does not apply to have none. */
  async #partsOf(reward: RewardSpec, groups: readonly ScoreGroup[]): Promise<(RewardPart[] | null)[]> {
    if (isPureReward(reward)) {
      return groups.map(({ example, completions }) =>
        appliesTo(reward, example)
          ? completions.map((completion) => partOf(reward, scoreItem(reward, { completion, example })))
          : null,
      );
    }
    const applicable = groups.filter(({ example }) => appliesTo(reward, example));
    const outcomes = isWorkspaceReward(reward)
      ? await this.#callWorkspace(reward, applicable)
      : await this.#askJudge(reward, applicable);
    const byGroup = new Map(applicable.map((group, i) => [group, outcomes[i]]));
    return groups.map((group) => byGroup.get(group)?.map((outcome) => partOfOutcome(reward, outcome)) ?? null);
  }

  async #callWorkspace(reward: WorkspaceReward, groups: readonly ScoreGroup[]): Promise<HostOutcome[][]> {
    if (groups.length === 0) return [];
    const host = await this.#hostOf(reward);
    return host.score({
      function: reward.function,
      signature: signatureOf(reward),
      groups,
      limits: { timeoutMs: reward.timeoutMs, memoryBytes: reward.memoryMb * 1e6 },
    });
  }

  async #askJudge(reward: RewardSpec, groups: readonly ScoreGroup[]): Promise<HostOutcome[][]> {
    if (!isJudgedReward(reward)) throw new Error(`internal: ${rewardKey(reward)} asks no server`);
    const items = groups.flatMap(({ example, completions }) =>
      completions.map((completion): RewardItem => ({ completion, example })),
    );
    const outcomes = await this.#judge.score(reward, items);
    let at = 0;
    return groups.map(({ completions }) => outcomes.slice(at, (at += completions.length)));
  }

  /** Functions of one file share a process, and its largest allowance of memory. */
  #hostOf(reward: WorkspaceReward): Promise<RewardHost> {
    const { baseDir, rewards, sources, onLog } = this.#options;
    const file = path.resolve(baseDir, reward.file);
    const known = this.#hosts.get(file);
    if (known !== undefined) return known;
    const ofFile = rewards.filter(isWorkspaceReward).filter((r) => path.resolve(baseDir, r.file) === file);
    const memoryMb = Math.max(reward.memoryMb, ...ofFile.map((r) => r.memoryMb));
    const host = hostProgramFor(file, memoryMb, this.#options).then(
      (program) => new RewardHost(program, file, sources, onLog),
    );
    host.catch(() => undefined); // told to whoever asks for it
    this.#hosts.set(file, host);
    return host;
  }
}

async function checkFunction(reward: WorkspaceReward, host: RewardHost): Promise<void> {
  let functions: readonly string[];
  try {
    ({ functions } = await host.loaded());
  } catch (error) {
    if (!(error instanceof RewardLoadError)) throw error;
    throw badReward(reward, `cannot be loaded: ${error.message}`, "Correct the file.");
  }
  // ms-swift finds its functions in a registry, which is looked at when one is called.
  if (functions.includes(reward.function) || signatureOf(reward) === "ms-swift") return;
  const found = functions.length === 0 ? "none" : functions.join(", ");
  throw badReward(
    reward,
    `expected an exported function ${reward.function}, found ${found}`,
    'Correct "function", or export it.',
  );
}

function badReward(reward: WorkspaceReward, message: string, hint: string): UserError {
  return new UserError({ code: "bad-reward", where: reward.file, message, hint });
}

function partOfOutcome(reward: RewardSpec, outcome: HostOutcome): RewardPart {
  return outcome.ok ? partOf(reward, outcome.output) : failedPart(reward, outcome.error);
}

/** A failed call scores 0, or its rollout is dropped, as the specification says. Whether the run goes on is its decision. */
function failedPart(reward: RewardSpec, error: RewardError): RewardPart {
  const isDropped = isWorkspaceReward(reward) && reward.onError === "drop";
  return { name: rewardKey(reward), weight: reward.weight, value: isDropped ? null : 0, error };
}

import { isFailedGroup, type RewardPart } from "../../protocol/records.ts";
import { rewardKey, type WorkspaceReward } from "../../protocol/rewardSpec.ts";
import type { HostPrograms } from "../hosts/hostProgram.ts";
import type { SourceFiles } from "../hosts/hostProtocol.ts";
import { appliesTo } from "../rewards/rewards.ts";
import { openRollouts } from "../store/rollouts.ts";
import { recordedGroup } from "./recorded.ts";
import { Scorer, type ScoreGroup } from "./scorer.ts";

/** A reward that was called twice on the same rollouts. */
export interface RepeatedReward {
  readonly reward: string;
  readonly file: string;
  readonly function: string;
  /** Rollouts with a value in both calls; what fails is another finding. */
  readonly calls: number;
  readonly differing: number;
  /** The rollout that differs most. */
  readonly largest: { readonly id: string; readonly first: number | null; readonly second: number | null } | null;
}

export interface RepeatParams extends HostPrograms {
  readonly reward: WorkspaceReward;
  readonly baseDir: string;
  readonly cacheDir: string;
  readonly groups: readonly ScoreGroup[];
  readonly onLog: (line: string) => void;
}

/**
 * Scores groups twice with a reward of the workspace, as its file is now, one call after the other in one process: a random
 * number, a clock or state that a call leaves behind shows in the second.
 * @returns the text of its files too, to know when to ask again
 * @throws UserError not-found (no Python), bad-reward (a file that cannot be loaded)
 */
export async function repeatReward(
  params: RepeatParams,
): Promise<{ readonly repeated: RepeatedReward; readonly sources: SourceFiles }> {
  const { reward, groups, ...rest } = params;
  const scorer = new Scorer({ ...rest, rewards: [reward], sources: null });
  try {
    const sources = await scorer.open();
    const partsOf = async (): Promise<(RewardPart | undefined)[]> =>
      (await scorer.score(groups)).flat().map(({ parts }) => parts[0]);
    const ids = groups.flatMap(({ completions }) => completions.map(({ id }) => id));
    return { repeated: compare(reward, ids, await partsOf(), await partsOf()), sources };
  } finally {
    await scorer.close();
  }
}

/** Whole groups of the last steps that a reward applies to, until they have so many rollouts. */
export async function newestGroups(runDir: string, reward: WorkspaceReward, rollouts: number): Promise<ScoreGroup[]> {
  const files = openRollouts(runDir);
  const chosen: ScoreGroup[] = [];
  let count = 0;
  for (const step of [...(await files.steps())].reverse()) {
    for (const line of await files.readStep(step)) {
      if (isFailedGroup(line)) continue;
      const group = recordedGroup(line);
      if (!appliesTo(reward, group.example)) continue;
      chosen.push(group);
      count += group.completions.length;
      if (count >= rollouts) return chosen;
    }
  }
  return chosen;
}

function compare(
  reward: WorkspaceReward,
  ids: readonly string[],
  first: readonly (RewardPart | undefined)[],
  second: readonly (RewardPart | undefined)[],
): RepeatedReward {
  const pairs = ids.flatMap((id, i) => {
    const [a, b] = [first[i], second[i]];
    if (a === undefined || b === undefined || a.error !== undefined || b.error !== undefined) return [];
    return [{ id, first: a.value, second: b.value }];
  });
  const differing = pairs.filter((pair) => pair.first !== pair.second);
  // A value that comes and goes differs more than any number.
  const gap = ({ first: a, second: b }: (typeof pairs)[number]): number =>
    a === null || b === null ? Infinity : Math.abs(a - b);
  const largest = differing.reduce<(typeof pairs)[number] | null>(
    (most, pair) => (most === null || gap(pair) > gap(most) ? pair : most),
    null,
  );
  const { file, function: name } = reward;
  return {
    reward: rewardKey(reward),
    file,
    function: name,
    calls: pairs.length,
    differing: differing.length,
    largest,
  };
}

import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import { isFailedGroup, type GroupRecord } from "../../protocol/records.ts";
import type { RescoreReward } from "../../protocol/rescore.ts";
import type { RewardCoverage } from "../../protocol/rewardMessages.ts";
import { isWorkspaceReward, rewardKey, signatureOf, type WorkspaceReward } from "../../protocol/rewardSpec.ts";
import { HostProcess, RewardLoadError } from "../hosts/hostProcess.ts";
import { hostProgramFor, type HostPrograms } from "../hosts/hostProgram.ts";
import { appliesTo } from "../rewards/rewards.ts";
import { readRunRecord } from "../store/readRun.ts";
import { openRollouts } from "../store/rollouts.ts";
import { recordedGroup } from "./recorded.ts";
import { resolveReward } from "./rescoreRun.ts";
import { scoreVersion } from "./rescore.ts";
import { Scorer, type Scored, type ScoreGroup } from "./scorer.ts";

export interface CoverRunParams extends HostPrograms {
  readonly runDir: string;
  readonly reward: RescoreReward;
  /** Completions to look at, whole groups, spread over the run. */
  readonly sample: number;
  readonly cacheDir: string;
  readonly signal?: AbortSignal | undefined;
  readonly onLog: (line: string) => void;
}

/** A call that goes through every line may be slow; this is for all calls of the sample. */
const coverTimeoutMs = 60_000;

/**
 * Which lines and branches of a reward the rollouts of a sample take, and the range of what it returns for them.
 * @throws UserError unsupported for a built-in, bad-reward, not-found
 */
export async function coverRun(params: CoverRunParams): Promise<RewardCoverage> {
  const { runDir, signal } = params;
  const { spec, baseDir } = await readRunRecord(runDir);
  const reward = resolveReward(params.reward, spec, runDir);
  if (!isWorkspaceReward(reward)) {
    throw new UserError({
      code: "unsupported",
      message: `${rewardKey(reward)} is a built-in reward: it has no lines here`,
    });
  }
  const groups = (await sampleGroups(runDir, reward, params.sample)).map(recordedGroup);
  signal?.throwIfAborted();
  const { scored, version } = await scoreSample(reward, baseDir, groups, params);
  signal?.throwIfAborted();
  const files = groups.length === 0 ? [] : await cover(reward, baseDir, groups, params);
  const ids = groups.flatMap(({ completions }) => completions.map(({ id }) => id));
  return { version, ids, files, ranges: rangesOf(scored) };
}

/** Groups at equal distances over the steps of the run, until they hold as many completions as asked for. */
async function sampleGroups(runDir: string, reward: WorkspaceReward, sample: number): Promise<GroupRecord[]> {
  const rollouts = openRollouts(runDir);
  const steps = await rollouts.steps();
  const found: GroupRecord[] = [];
  let count = 0;
  for (const step of spread(steps)) {
    for (const line of await rollouts.readStep(step)) {
      if (isFailedGroup(line) || !appliesTo(reward, line)) continue;
      found.push(line);
      count += line.completions.length;
      if (count >= sample) return found;
    }
  }
  return found;
}

/** The last, the first, the middle, the quarters, …: any beginning of it is spread evenly. */
function spread(steps: readonly number[]): number[] {
  const order = new Set<number>();
  for (let parts = 1; order.size < steps.length; parts *= 2) {
    for (let i = parts; i >= 0; i--) {
      const step = steps[Math.round((i * (steps.length - 1)) / parts)];
      if (step !== undefined) order.add(step);
    }
  }
  return [...order];
}

async function scoreSample(
  reward: WorkspaceReward,
  baseDir: string,
  groups: readonly ScoreGroup[],
  { engineDir, pythonPath, cacheDir, signal, onLog }: CoverRunParams,
): Promise<{ scored: Scored[][]; version: string }> {
  const programs = { engineDir, pythonPath, cacheDir };
  const scorer = new Scorer({ rewards: [reward], baseDir, ...programs, sources: null, signal, onLog });
  try {
    const sources = await scorer.open();
    return { scored: await scorer.score(groups), version: scoreVersion(reward, sources) };
  } finally {
    await scorer.close();
  }
}

async function cover(
  reward: WorkspaceReward,
  baseDir: string,
  groups: readonly ScoreGroup[],
  params: CoverRunParams,
): Promise<RewardCoverage["files"]> {
  const file = path.resolve(baseDir, reward.file);
  const program = await hostProgramFor(file, reward.memoryMb, params);
  const host = await HostProcess.start(program, file, null, params.onLog).catch((error: unknown) => {
    if (!(error instanceof RewardLoadError)) throw error;
    throw new UserError({ code: "bad-reward", where: reward.file, message: error.message });
  });
  try {
    const request = { function: reward.function, signature: signatureOf(reward), groups };
    const covered = await host.cover(request, coverTimeoutMs);
    // A call that ends its process leaves no counts: the editor shows none, and the scores say why.
    return "files" in covered ? covered.files : [];
  } finally {
    await host.kill();
  }
}

function rangesOf(scored: readonly (readonly Scored[])[]): RewardCoverage["ranges"] {
  const ranges = new Map<string, { name: string; min: number; max: number; count: number }>();
  const add = (name: string, value: number): void => {
    const range = ranges.get(name) ?? { name, min: value, max: value, count: 0 };
    ranges.set(name, {
      name,
      min: Math.min(range.min, value),
      max: Math.max(range.max, value),
      count: range.count + 1,
    });
  };
  for (const { value, parts, error } of scored.flat().flatMap((one) => one.parts)) {
    if (error !== undefined || value === null) continue;
    add("value", value);
    for (const [name, part] of Object.entries(parts ?? {})) add(name, part);
  }
  return [...ranges.values()];
}

import fs from "node:fs";
import path from "node:path";
import type { Diagnostic } from "../../protocol/diagnostics.ts";
import { UserError } from "../../protocol/errors.ts";
import type { RunRecord } from "../../protocol/records.ts";
import { isWorkspaceReward, rewardKey, type WorkspaceReward } from "../../protocol/rewardSpec.ts";
import type { HostPrograms } from "../hosts/hostProgram.ts";
import type { SourceFiles } from "../hosts/hostProtocol.ts";
import { lintRun } from "../lint/run/lintRun.ts";
import { newestGroups, repeatReward, type RepeatedReward } from "../score/repeatRewards.ts";
import type { ScoreGroup } from "../score/scorer.ts";
import { placeFindings } from "./placeFindings.ts";
import { RunEvidenceReader } from "./runEvidence.ts";

/** Rollouts that a reward is called on twice. */
const repeatedRollouts = 16;
/** Runs whose evidence is kept. */
const keptRuns = 4;

export interface DiagnoseRunParams extends HostPrograms {
  readonly runDir: string;
  readonly cacheDir: string;
  /** Runs code of the workspace. */
  readonly mayCallRewards: boolean;
  readonly onLog: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

export interface RunDiagnosis {
  readonly specPath: string;
  /** Steps that have rollouts. */
  readonly steps: number;
  readonly diagnostics: readonly Diagnostic[];
}

interface KeptRun {
  readonly evidence: RunEvidenceReader;
  /** By name of the reward. */
  readonly repeats: Map<string, KeptRepeat>;
}

interface KeptRepeat {
  /** The files that it consisted of. */
  readonly sources: SourceFiles;
  /** null when it could not be called: others say why. */
  readonly repeated: RepeatedReward | null;
}

/** Finds what rollouts, metrics and evaluations of runs show, and remembers what it has read of the last few. */
export class RunDiagnoser {
  readonly #runs = new Map<string, KeptRun>();

  /** @throws UserError not-found, bad-record; the signal's reason */
  async diagnose(params: DiagnoseRunParams): Promise<RunDiagnosis> {
    const { cacheDir, signal, mayCallRewards } = params;
    const runDir = path.resolve(params.runDir);
    const run = this.#runs.get(runDir) ?? { evidence: new RunEvidenceReader(runDir), repeats: new Map() };
    this.#keep(runDir, run);
    const record = await run.evidence.record();
    const evidence = await run.evidence.read(cacheDir, signal);
    signal?.throwIfAborted();
    const repeats = mayCallRewards ? await repeatAll({ ...params, runDir }, record, run.repeats) : [];
    const findings = lintRun({ ...evidence, repeats });
    return {
      specPath: record.specPath,
      steps: new Set(evidence.groups.map(({ step }) => step)).size,
      diagnostics: placeFindings(findings, record.spec, record.baseDir),
    };
  }

  #keep(runDir: string, run: KeptRun): void {
    this.#runs.delete(runDir);
    this.#runs.set(runDir, run);
    for (const oldest of this.#runs.keys()) {
      if (this.#runs.size <= keptRuns) break;
      this.#runs.delete(oldest);
    }
  }
}

/** Calls each reward of the workspace once, and again when its files have changed: a run that goes on is not disturbed. */
async function repeatAll(
  params: DiagnoseRunParams,
  { spec, baseDir }: RunRecord,
  known: Map<string, KeptRepeat>,
): Promise<RepeatedReward[]> {
  const repeats: RepeatedReward[] = [];
  for (const reward of spec.rewards.filter(isWorkspaceReward).filter(({ weight }) => weight !== 0)) {
    params.signal?.throwIfAborted();
    const before = known.get(rewardKey(reward));
    if (before === undefined || !isAsOnDisk(before.sources)) {
      const groups = await newestGroups(params.runDir, reward, repeatedRollouts);
      if (groups.length > 0) known.set(rewardKey(reward), await repeatOne(params, reward, baseDir, groups));
    }
    const { repeated = null } = known.get(rewardKey(reward)) ?? {};
    if (repeated !== null) repeats.push(repeated);
  }
  return repeats;
}

async function repeatOne(
  { engineDir, pythonPath, cacheDir, onLog }: DiagnoseRunParams,
  reward: WorkspaceReward,
  baseDir: string,
  groups: readonly ScoreGroup[],
): Promise<KeptRepeat> {
  const file = path.resolve(baseDir, reward.file);
  const text = readText(file);
  try {
    return await repeatReward({ reward, baseDir, groups, engineDir, pythonPath, cacheDir, onLog });
  } catch (error) {
    if (!UserError.is(error)) throw error;
    return { sources: { [file]: text }, repeated: null };
  }
}

function isAsOnDisk(sources: SourceFiles): boolean {
  return Object.entries(sources).every(([file, text]) => readText(file) === text);
}

/** A file that is not there has no text. */
function readText(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

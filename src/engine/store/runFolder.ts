import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { recordVersion } from "../../protocol/records.ts";
import type {
  EvaluationRecord,
  MetricsRecord,
  RolloutLine,
  RunRecord,
  RunState,
  TimingsRecord,
} from "../../protocol/records.ts";
import { findNewestCheckpoint, writeCheckpoint } from "./checkpoints.ts";
import type { Checkpoint } from "./checkpoints.ts";
import { checkRolloutsAt, discardRecordsAfter } from "./discard.ts";
import { nodeFileIo, replaceFile } from "./fileIo.ts";
import type { FileIo } from "./fileIo.ts";
import { fileSize } from "./lineFile.ts";
import { acquireLock } from "./lock.ts";
import type { LockRequest, RunLock } from "./lock.ts";
import type { ProgressRecord } from "./progressRecord.ts";
import { readEvaluations, readRewardSources, readRunRecord, readRunState } from "./readRun.ts";
import { appendIndexBlock, cutIndexAfter } from "./rolloutIndex.ts";
import { removePartials, repairLineFiles } from "./repair.ts";
import { makeRunDir, refuseUsedFolder } from "./runDir.ts";
import type { RunDirRequest } from "./runDir.ts";
import { runFiles } from "./runPaths.ts";
import { encodeTokens } from "./tokens.ts";
import type { CompletionTokens } from "./tokens.ts";
import { formatFile, formatLine } from "./versionedRecords.ts";

/** `hashes.policy` is empty until the backend has been opened: see completeRecord. */
export type NewRunRecord = Omit<RunRecord, "version" | "id">;
/** What only an open backend can tell; written into run.json once. */
export type BackendFacts = { readonly policyHash: string; readonly provider: string } & Pick<
  RunRecord["versions"],
  "onnxruntime" | "ffmpeg"
>;
export type NewRunState = Omit<RunState, "version" | "updatedAt">;

/** A run folder that this process owns: the only writer of its files. Reading needs no owner: see readRun.ts, rollouts.ts. */
export class RunFolder {
  readonly runDir: string;
  /** What was mended when the folder was opened, for the log. */
  readonly repairs: readonly string[];
  #record: RunRecord;
  readonly #io: FileIo;
  readonly #lock: RunLock;
  #released = false;

  private constructor(params: { record: RunRecord; runDir: string; repairs: string[]; io: FileIo; lock: RunLock }) {
    this.runDir = params.runDir;
    this.repairs = params.repairs;
    this.#record = params.record;
    this.#io = params.io;
    this.#lock = params.lock;
  }

  /**
   * Makes the folder of a new run and takes its lock. Two starts never share a folder: a taken name gets "-2", "-3", ….
   * @throws UserError run-exists, run-locked, disk-full.
   */
  static async create(params: {
    readonly at: RunDirRequest;
    readonly record: NewRunRecord;
    readonly lock: LockRequest;
    readonly steps: number;
    readonly io?: FileIo;
  }): Promise<RunFolder> {
    const io = params.io ?? nodeFileIo;
    const runDir = await makeRunDir(io, params.at);
    const lock = await acquireLock(io, runDir, params.lock);
    try {
      await refuseUsedFolder(runDir);
      const record: RunRecord = { version: recordVersion, id: path.basename(runDir), ...params.record };
      const folder = new RunFolder({ record, runDir, repairs: [], io, lock });
      for (const dir of [runFiles.rolloutsDir, runFiles.tokensDir, runFiles.evaluationDir, runFiles.checkpointsDir]) {
        await io.makeDir(dir(runDir));
      }
      const { steps } = params;
      await folder.writeState({
        status: "running",
        phase: "starting",
        step: 0,
        steps,
        reward: null,
        lastCheckpoint: null,
      });
      await replaceFile(io, runFiles.run(runDir), formatFile(record)); // last: with it the folder is a run
      return folder;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /**
   * Opens the folder of a run that is not running, to go on with it. Torn last lines are cut, half-written files removed.
   * @throws UserError run-locked, not-found, bad-record, disk-full.
   */
  static async open(params: {
    readonly runDir: string;
    readonly lock: LockRequest;
    readonly io?: FileIo;
  }): Promise<RunFolder> {
    const io = params.io ?? nodeFileIo;
    const runDir = path.resolve(params.runDir);
    await readRunRecord(runDir); // before the lock, so that nothing is written into a folder that is no run
    const lock = await acquireLock(io, runDir, params.lock);
    try {
      await removePartials(io, runDir);
      const repairs = await repairLineFiles(io, runDir);
      return new RunFolder({ record: await readRunRecord(runDir), runDir, repairs, io, lock });
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  get record(): RunRecord {
    return this.#record;
  }

  /** Keeps the text of the reward files that score the steps after `step`, where it is not what scored those before. */
  async keepRewardSources(step: number, sources: Readonly<Record<string, string>>): Promise<void> {
    const known = await readRewardSources(this.runDir);
    if (known !== null && isDeepStrictEqual(known, sources)) return;
    const io = this.#writable();
    await io.makeDir(runFiles.rewardsDir(this.runDir));
    await replaceFile(io, runFiles.rewards(this.runDir, step), formatFile({ version: recordVersion, sources }));
  }

  /** Fills in what was not known before the backend had been opened; does nothing at a later opening. */
  async completeRecord(facts: BackendFacts): Promise<void> {
    const { versions, hashes, device } = this.#record;
    if (hashes.policy !== "") return;
    this.#record = {
      ...this.#record,
      versions: { ...versions, onnxruntime: facts.onnxruntime, ffmpeg: facts.ffmpeg },
      hashes: { ...hashes, policy: facts.policyHash },
      device: { ...device, provider: facts.provider },
    };
    await replaceFile(this.#writable(), runFiles.run(this.runDir), formatFile(this.#record));
  }

  async writeState(state: NewRunState): Promise<RunState> {
    const whole: RunState = { version: recordVersion, ...state, updatedAt: new Date().toISOString() };
    await replaceFile(this.#writable(), runFiles.state(this.runDir), formatFile(whole));
    return whole;
  }

  async readState(): Promise<RunState> {
    return readRunState(this.runDir);
  }

  async appendGroups(step: number, groups: readonly RolloutLine[]): Promise<void> {
    if (groups.length === 0) return;
    await this.#writable().append(runFiles.rollouts(this.runDir, step), Buffer.from(groups.map(formatLine).join("")));
  }

  async writeTokens(step: number, completions: readonly CompletionTokens[]): Promise<void> {
    if (completions.length === 0) return;
    await replaceFile(this.#writable(), runFiles.tokens(this.runDir, step), encodeTokens(step, completions));
  }

  /** Ends a step: metrics and timings are appended, and all records of the step are on the disk afterwards. */
  async finishStep(metrics: MetricsRecord, timings: TimingsRecord): Promise<void> {
    const io = this.#writable();
    const files = { metrics: runFiles.metrics(this.runDir), timings: runFiles.timings(this.runDir) };
    await io.append(files.metrics, Buffer.from(formatLine(metrics)));
    await io.append(files.timings, Buffer.from(formatLine(timings)));
    const rollouts = runFiles.rollouts(this.runDir, metrics.step);
    if ((await fileSize(rollouts)) > 0) {
      await io.flush(rollouts);
      await io.flush(runFiles.rolloutsDir(this.runDir));
    }
    await appendIndexBlock(io, this.runDir, metrics.step);
    await io.flush(files.metrics);
    await io.flush(files.timings);
    if (metrics.step === 1) await io.flush(this.runDir);
  }

  async writeEvaluation(record: EvaluationRecord): Promise<void> {
    await replaceFile(this.#writable(), runFiles.evaluation(this.runDir, record.step), formatFile(record));
  }

  async readEvaluation(step: number): Promise<EvaluationRecord | null> {
    return (await readEvaluations(this.runDir, [step]))[0] ?? null;
  }

  /** Writes a checkpoint of the step that has just ended. `save` gets an empty folder; see writeCheckpoint. */
  async saveCheckpoint(
    progress: Omit<ProgressRecord, "version" | "bytes">,
    save: (dir: string) => Promise<unknown>,
  ): Promise<void> {
    const { runDir } = this;
    const bytes = {
      metrics: await fileSize(runFiles.metrics(runDir)),
      timings: await fileSize(runFiles.timings(runDir)),
      rollouts: await fileSize(runFiles.rollouts(runDir, progress.step)),
    };
    const whole: ProgressRecord = { version: recordVersion, ...progress, bytes };
    const { keep } = this.#record.spec.checkpoints;
    await writeCheckpoint(this.#writable(), { runDir, progress: whole, keep, save });
  }

  /**
   * Takes the folder back to its newest complete checkpoint, or to the start (null) when there is none; later records
   * are moved into discarded/<n>/. `notes` says what was done, for the log.
   */
  async goBackToCheckpoint(): Promise<{ checkpoint: Checkpoint | null; notes: readonly string[] }> {
    const { checkpoint, damaged } = await findNewestCheckpoint(this.runDir);
    const notes = damaged.map((error) => `passed over a checkpoint that cannot be read: ${error.message}`);
    const progress = checkpoint?.progress ?? startOfRun;
    await checkRolloutsAt(this.runDir, progress);
    const discarded = await discardRecordsAfter(this.#writable(), this.runDir, progress);
    await cutIndexAfter(this.#writable(), this.runDir, progress.step);
    if (discarded !== null) notes.push(`records after step ${progress.step} were moved to ${discarded}`);
    return { checkpoint, notes };
  }

  /** Adds a line to log.txt. A log that cannot be written does not stop the run: clients get the same line. */
  async log(level: "info" | "warn" | "error", message: string): Promise<void> {
    const line = `${new Date().toISOString()} ${level} ${message.replaceAll("\n", "\n  ")}\n`;
    await this.#io.append(runFiles.log(this.runDir), Buffer.from(line)).catch(() => undefined);
  }

  /** Gives the folder back; nothing can be written afterwards. May be called twice. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#lock.release();
  }

  #writable(): FileIo {
    if (this.#released) throw new Error("internal: the run folder was given back");
    return this.#io;
  }
}

const startOfRun: ProgressRecord = {
  version: recordVersion,
  step: 0,
  cursor: { draws: 0, datasets: {} },
  tokensSeen: 0,
  bytes: { metrics: 0, timings: 0, rollouts: 0 },
};

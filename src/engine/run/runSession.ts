import { formatError } from "../../protocol/errors.ts";
import { isFailedGroup, recordVersion } from "../../protocol/records.ts";
import type { FailedGroupRecord, RunPhase, TimingsRecord } from "../../protocol/records.ts";
import { readMetrics } from "../store/readRun.ts";
import type { ProgressRecord } from "../store/progressRecord.ts";
import { createEta } from "./eta.ts";
import { evaluatePolicy, hasEvaluation } from "./evaluation.ts";
import { firstCursor } from "./promptOrder.ts";
import { checkUnchanged } from "./runData.ts";
import type { RunData } from "./runData.ts";
import type { RunReporter } from "./runReporter.ts";
import { countEvaluationsAfter, isEvaluationDue, stepsOf } from "./schedule.ts";
import type { StepContext, StepOutcome } from "./step.ts";
import type { TrainingParams } from "./training.ts";

/** Where a run stands between two steps; with the weights all that it needs to go on. */
export type Progress = Omit<ProgressRecord, "version" | "bytes">;

/** The loop's dealings with folder and listeners, so that the loop itself reads like the algorithm. */
export class RunSession {
  readonly context: Omit<StepContext, "next">;
  readonly #params: TrainingParams;
  readonly #data: RunData;
  readonly #reporter: RunReporter;
  readonly #eta = createEta();
  #stepStartSec = nowSec();

  constructor(params: TrainingParams, data: RunData, reporter: RunReporter) {
    this.#params = params;
    this.#data = data;
    this.#reporter = reporter;
    const enter = (phase: RunPhase, done: number, total: number): void => this.#enter(phase, done, total);
    const { backend, scorer, folder } = params;
    this.context = { backend, scorer, record: folder.record, promptText: data.promptText, enter, nowSec };
  }

  /** Takes the folder back to its newest checkpoint and says where to go on from. */
  async goBack(): Promise<{ progress: Progress; checkpointDir: string | null }> {
    const { folder, stop } = this.#params;
    await logStart(this.#params, this.#data, this.#reporter);
    const { checkpoint, notes } = await folder.goBackToCheckpoint();
    for (const note of notes) await this.#reporter.log("warn", note);
    const { step, cursor, tokensSeen } = checkpoint?.progress ?? { step: 0, cursor: firstCursor, tokensSeen: 0 };
    await this.#reporter.update({
      status: stop.aborted ? "stopping" : "running",
      phase: "starting",
      step,
      steps: stepsOf(folder.record.spec),
      reward: (await readMetrics(folder.runDir)).at(-1)?.metrics["reward"] ?? null,
      lastCheckpoint: checkpoint?.step ?? null,
      error: undefined,
      message: undefined,
    });
    return { progress: { step, cursor, tokensSeen }, checkpointDir: checkpoint?.dir ?? null };
  }

  /** @returns false when an evaluation is due and has been stopped, or was not begun because the run is to stop. */
  async evaluateIfDue(step: number): Promise<boolean> {
    const { folder, backend, events, stop, cacheDir } = this.#params;
    const { spec, seed } = folder.record;
    if (!isEvaluationDue(spec, step) || !hasEvaluation(this.#data)) return true;
    if ((await folder.readEvaluation(step)) !== null) return true; // made before the run was interrupted
    if (stop.aborted) return false;
    const startSec = nowSec();
    await this.#reporter.update({ phase: "evaluating" });
    const onProgress = (done: number, total: number): void => this.#enter("evaluating", done, total);
    const warnings: string[] = [];
    const onWarning = (message: string): void => void warnings.push(message);
    const data = this.#data;
    const evaluation = await evaluatePolicy({
      ...{ backend, spec, seed, data, step, stop, cacheDir, onProgress, onWarning },
    });
    for (const warning of warnings) await this.#reporter.log("warn", warning);
    if (evaluation === null) return false;
    await folder.writeEvaluation(evaluation);
    const { examples, ...summary } = evaluation;
    events.evaluationWritten({ step, evaluation: summary });
    const failures = examples.filter((example) => example.failure !== undefined).length;
    if (failures > 0) await this.#reporter.log("warn", `evaluation of step ${step}: ${failures} examples failed`);
    this.#eta.addEvaluation(nowSec() - startSec);
    return true;
  }

  /** Has to be called before each step: its time is measured from here. */
  startStep(): void {
    this.#stepStartSec = nowSec();
  }

  /** Writes what a step left behind. @throws the step's problem, after its rollouts have been written. */
  async record(step: number, outcome: StepOutcome, tokensSeen: number): Promise<void> {
    const { folder, events } = this.#params;
    const { lines, problem } = outcome;
    await folder.appendGroups(step, lines);
    await folder.writeTokens(step, outcome.tokens);
    if (lines.length > 0) events.groupsWritten({ step, groups: lines });
    for (const line of lines.filter(isFailedGroup)) await this.#reporter.log("warn", describeFailure(step, line));
    if (problem !== null) throw problem;
    const metrics = { version: recordVersion, step, metrics: { ...outcome.metrics, num_tokens: tokensSeen } };
    const stepSec = nowSec() - this.#stepStartSec;
    const timings = timingsOf(step, outcome, stepSec, await this.#params.measureBackendRssBytes());
    await folder.finishStep(metrics, timings);
    this.#eta.addStep(stepSec);
    await this.#reporter.update({ step, reward: outcome.metrics["reward"] ?? this.#reporter.state.reward });
    events.stepFinished({ metrics, timings });
  }

  async saveCheckpoint(progress: Progress): Promise<void> {
    const { folder, backend } = this.#params;
    this.#enter("saving", 0, 1);
    await folder.saveCheckpoint(progress, (dir) => backend.save({ dir }));
    await this.#reporter.update({ lastCheckpoint: progress.step });
  }

  #enter(phase: RunPhase, done: number, total: number): void {
    const { step, steps } = this.#reporter.state;
    const evaluations = countEvaluationsAfter(this.#params.folder.record.spec, step);
    this.#reporter.enter(phase, done, total, this.#eta.estimateSec({ steps: steps - step, evaluations }));
  }
}

function nowSec(): number {
  return performance.now() / 1000;
}

/** Problems of the data that are named one by one; a large dataset can have thousands. */
const namedProblems = 20;

async function logStart({ folder }: TrainingParams, data: RunData, reporter: RunReporter): Promise<void> {
  for (const repair of folder.repairs) await reporter.log("warn", repair);
  const changedPrompts = checkUnchanged(data, folder.record);
  if (changedPrompts.length > 0) {
    const names = changedPrompts.join(", ");
    await reporter.log(
      "warn",
      `the prompt of ${names} has changed since the run was started; it goes on with the new one`,
    );
  }
  // A dataset can serve training and evaluation: what is wrong with a row is said once.
  const problems = new Set(
    data.problems.map(({ datasetId, example, message }) => `${[datasetId, example ?? "file"].join("/")}: ${message}`),
  );
  for (const problem of [...problems].slice(0, namedProblems)) await reporter.log("warn", problem);
  const more = problems.size - namedProblems;
  if (more > 0) await reporter.log("warn", `${more} more problems of the data are not listed`);
}

function timingsOf(step: number, { times }: StepOutcome, stepSec: number, rssBytes: number): TimingsRecord {
  const { decodeSec, sampleSec, rewardSec, updateSec, sampledTokens } = times;
  const tokensPerSec = sampleSec > 0 ? sampledTokens / sampleSec : 0;
  return { version: recordVersion, step, stepSec, decodeSec, sampleSec, rewardSec, updateSec, tokensPerSec, rssBytes };
}

function describeFailure(step: number, line: FailedGroupRecord): string {
  const { datasetId, exampleId, failure } = line;
  return `step ${step}: ${datasetId}/${exampleId} was skipped: ${formatError(failure)}`;
}

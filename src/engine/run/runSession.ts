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
export interface RunSession {
  readonly context: StepContext;
  /** Takes the folder back to its newest checkpoint and says where to go on from. */
  goBack(): Promise<{ progress: Progress; checkpointDir: string | null }>;
  /** @returns false when an evaluation is due and has been stopped, or was not begun because the run is to stop. */
  evaluateIfDue(step: number): Promise<boolean>;
  /** Writes what a step left behind. @throws the step's problem, after its rollouts have been written. */
  record(step: number, outcome: StepOutcome, tokensSeen: number): Promise<void>;
  saveCheckpoint(progress: Progress): Promise<void>;
}

export function createRunSession(params: TrainingParams, data: RunData, reporter: RunReporter): RunSession {
  const { folder, backend, events, stop } = params;
  const { record } = folder;
  const { spec } = record;
  const eta = createEta();
  const nowSec = (): number => performance.now() / 1000;
  const enter = (phase: RunPhase, done: number, total: number): void => {
    const { step, steps } = reporter.state;
    const evaluations = countEvaluationsAfter(spec, step);
    reporter.enter(phase, done, total, eta.estimateSec({ steps: steps - step, evaluations }));
  };
  let stepStartSec = nowSec();

  return {
    context: { backend, record, promptText: data.promptText, enter, nowSec },

    async goBack() {
      await logStart(params, data, reporter);
      const { checkpoint, notes } = await folder.goBackToCheckpoint();
      for (const note of notes) await reporter.log("warn", note);
      const { step, cursor, tokensSeen } = checkpoint?.progress ?? { step: 0, cursor: firstCursor, tokensSeen: 0 };
      await reporter.update({
        status: stop.aborted ? "stopping" : "running",
        phase: "starting",
        step,
        steps: stepsOf(spec),
        reward: (await readMetrics(folder.runDir)).at(-1)?.metrics["reward"] ?? null,
        lastCheckpoint: checkpoint?.step ?? null,
        error: undefined,
      });
      return { progress: { step, cursor, tokensSeen }, checkpointDir: checkpoint?.dir ?? null };
    },

    async evaluateIfDue(step) {
      stepStartSec = nowSec();
      if (!isEvaluationDue(spec, step) || !hasEvaluation(data)) return true;
      if ((await folder.readEvaluation(step)) !== null) return true; // made before the run was interrupted
      if (stop.aborted) return false;
      await reporter.update({ phase: "evaluating" });
      const onProgress = (done: number, total: number): void => enter("evaluating", done, total);
      const evaluation = await evaluatePolicy({ backend, spec, seed: record.seed, data, step, stop, onProgress });
      if (evaluation === null) return false;
      await folder.writeEvaluation(evaluation);
      const { examples, ...summary } = evaluation;
      events.evaluationWritten({ step, evaluation: summary });
      const failures = examples.filter((example) => example.failure !== undefined).length;
      if (failures > 0) await reporter.log("warn", `evaluation of step ${step}: ${failures} examples failed`);
      eta.addEvaluation(nowSec() - stepStartSec);
      stepStartSec = nowSec();
      return true;
    },

    async record(step, outcome, tokensSeen) {
      const { lines, problem } = outcome;
      await folder.appendGroups(step, lines);
      await folder.writeTokens(step, outcome.tokens);
      if (lines.length > 0) events.groupsWritten({ step, groups: lines });
      for (const line of lines) {
        if (isFailedGroup(line)) await reporter.log("warn", describeFailure(step, line));
      }
      if (problem !== null) throw problem;
      const metrics = { version: recordVersion, step, metrics: { ...outcome.metrics, num_tokens: tokensSeen } };
      const stepSec = nowSec() - stepStartSec;
      const timings = await timingsOf(step, outcome, stepSec, params);
      await folder.finishStep(metrics, timings);
      eta.addStep(stepSec);
      stepStartSec = nowSec();
      await reporter.update({ step, reward: outcome.metrics["reward"] ?? reporter.state.reward });
      events.stepFinished({ metrics, timings });
    },

    async saveCheckpoint(progress) {
      enter("saving", 0, 1);
      await folder.saveCheckpoint(progress, (dir) => backend.save({ dir }));
      await reporter.update({ lastCheckpoint: progress.step });
    },
  };
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

async function timingsOf(
  step: number,
  { times }: StepOutcome,
  stepSec: number,
  params: TrainingParams,
): Promise<TimingsRecord> {
  const { decodeSec, sampleSec, rewardSec, updateSec, sampledTokens } = times;
  return {
    version: recordVersion,
    step,
    stepSec,
    decodeSec,
    sampleSec,
    rewardSec,
    updateSec,
    tokensPerSec: sampleSec > 0 ? sampledTokens / sampleSec : 0,
    rssBytes: await params.measureBackendRssBytes(),
  };
}

function describeFailure(step: number, line: FailedGroupRecord): string {
  const { datasetId, exampleId, failure } = line;
  return `step ${step}: ${datasetId}/${exampleId} was skipped: ${formatError(failure)}`;
}

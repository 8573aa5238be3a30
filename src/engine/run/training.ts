import fs from "node:fs/promises";
import { providers } from "../../protocol/device.ts";
import type { RunRecord } from "../../protocol/records.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { RunFolder } from "../store/runFolder.ts";
import type { Backend } from "./backend.ts";
import type { RunEvents } from "./events.ts";
import { grpoStep } from "./grpoStep.ts";
import { createPromptOrder } from "./promptOrder.ts";
import { readRunData } from "./runData.ts";
import { createRunReporter, reportFailure } from "./runReporter.ts";
import type { GroupScorer } from "./scoreGroups.ts";
import type { RunReporter } from "./runReporter.ts";
import { readRunResult } from "./runResult.ts";
import type { RunResult } from "./runResult.ts";
import { RunSession } from "./runSession.ts";
import { isCheckpointDue, stepsOf } from "./schedule.ts";
import { sftStep } from "./sftStep.ts";

export interface TrainingParams {
  /** Created or opened by this process; specification and seed are those of its run.json. Not released here. */
  readonly folder: RunFolder;
  /** Not open yet; not closed here. */
  readonly backend: Backend;
  /** Not open yet; not closed here. */
  readonly scorer: RunScorer;
  readonly cacheDir: string;
  readonly ffmpegPath: string | null;
  readonly threads: number;
  readonly events: RunEvents;
  /** Aborting it ends the run after the step at hand, with a checkpoint. */
  readonly stop: AbortSignal;
  readonly measureBackendRssBytes: () => Promise<number>;
}

/** A scorer of the run's rewards; see score/scorer.ts. */
export interface RunScorer extends GroupScorer {
  /** Loads the reward files, and answers their text. */
  open(): Promise<Readonly<Record<string, string>>>;
}

/**
 * Trains from the newest checkpoint of the folder, or from the start, to the last step. A run that was killed and is
 * opened again goes on here in the same way, and ends with the same metrics, rollouts and weights.
 * @throws what made the run fail, after it was recorded in state.json and in the log.
 */
export async function runTraining(params: TrainingParams): Promise<RunResult> {
  const reporter = createRunReporter(params.folder, params.events, await params.folder.readState());
  const onStop = (): void => {
    if (reporter.state.status !== "running") return; // it has just ended
    reporter.update({ status: "stopping" }).catch(() => undefined); // the next write tells what is wrong
  };
  params.stop.addEventListener("abort", onStop);
  try {
    await train(params, reporter);
  } catch (error) {
    await reportFailure(reporter, error);
    throw error;
  } finally {
    params.stop.removeEventListener("abort", onStop);
  }
  return readRunResult(params.folder.runDir);
}

/** Loads the reward files; a resume says when they hold something else by now than what the run goes on with. */
async function openRewards({ folder, scorer }: TrainingParams, step: number, reporter: RunReporter): Promise<void> {
  const sources = await scorer.open();
  await folder.keepRewardSources(step, sources);
  const texts = Object.entries(sources).map(async ([file, text]) => ((await isTextOf(file, text)) ? [] : [file]));
  const changed = (await Promise.all(texts)).flat();
  if (changed.length === 0) return;
  const message = `${changed.join(", ")} has changed since the run was started; the run goes on with the text that it began with`;
  await reporter.log("warn", message);
}

async function isTextOf(file: string, text: string): Promise<boolean> {
  return (await fs.readFile(file, "utf8").catch(() => null)) === text;
}

/** A run goes on where it was begun: another device rounds otherwise. */
function onRecordedDevice({ spec, device }: RunRecord): RunSpec {
  const provider = providers.find((name) => name === device.provider);
  return provider === undefined ? spec : { ...spec, policy: { ...spec.policy, device: provider } };
}

async function train(params: TrainingParams, reporter: RunReporter): Promise<void> {
  const { folder, backend, stop, cacheDir, ffmpegPath, threads } = params;
  const { spec, baseDir, seed } = folder.record;
  const { promptsPerStep, steps } = spec.method === "sft" ? spec.sft : spec.grpo;
  const runStep = spec.method === "sft" ? sftStep : grpoStep;

  const data = await readRunData(spec, baseDir);
  const session = new RunSession(params, data, reporter);
  const order = createPromptOrder(data.training, seed);

  const start = await session.goBack();
  const { checkpointDir } = start;
  if (spec.method === "grpo") await openRewards(params, start.progress.step, reporter);
  const toOpen = onRecordedDevice(folder.record);
  const info = await backend.open({ spec: toOpen, baseDir, checkpointDir, cacheDir, ffmpegPath, threads });
  await folder.completeRecord(info);

  let { progress } = start;
  let isEvaluated = await session.evaluateIfDue(progress.step);
  while (progress.step < steps && !stop.aborted) {
    session.startStep();
    const step = progress.step + 1;
    const { examples, cursor } = order.draw(progress.cursor, promptsPerStep);
    const next = order.draw(cursor, promptsPerStep).examples;
    const outcome = await runStep(step, examples, { ...session.context, next });
    progress = { step, cursor, tokensSeen: progress.tokensSeen + outcome.tokensSeen };
    await session.record(step, outcome, progress.tokensSeen);
    if (isCheckpointDue(spec, step) || stop.aborted) await session.saveCheckpoint(progress);
    isEvaluated = await session.evaluateIfDue(step);
  }
  // A stop that came after the step's checkpoint was decided on.
  if (progress.step > (reporter.state.lastCheckpoint ?? 0)) await session.saveCheckpoint(progress);
  const isFinished = progress.step >= stepsOf(spec) && isEvaluated;
  await reporter.update({ status: isFinished ? "finished" : "stopped", phase: "idle" });
}

import fs from "node:fs";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { EvaluationRecord } from "../../protocol/records.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { LoadedSpec } from "../data/specFile.ts";
import { makeEvaluationRecord } from "../run/evaluationRecord.ts";
import { readRunData, type RunData } from "../run/runData.ts";
import { createCaptionJudge, type CaptionJudge } from "../score/captionJudge.ts";
import { loadCheckedSpec } from "../server/checkSpec.ts";
import { videoRftVersion } from "../server/version.ts";
import { writeEvaluationFile } from "../store/answers.ts";
import { positional, textOption, UsageError, type CommandInput, type ExitStatus } from "./command.ts";
import { evaluateModel } from "./evaluateModel.ts";
import { evaluationOptions, withChosenDatasets, type EvaluationOptions } from "./evaluationOptions.ts";
import { quote } from "./followRun.ts";
import { evaluationDocument, formatEvaluation } from "./evaluationText.ts";
import { readPredictions } from "./predictions.ts";
import { terminalSettings } from "./runCommands.ts";

/** An evaluation with one kind of prompts. */
export interface NamedEvaluation {
  /** Name of its variant: "", "think", "no-think". */
  readonly name: string;
  readonly record: EvaluationRecord;
}

export interface EvaluationJob {
  readonly loaded: LoadedSpec;
  readonly data: RunData;
  readonly options: EvaluationOptions;
  readonly outDir: string | null;
}

/** Scores a policy, or ready answers, on the evaluation data of a specification. */
export async function evaluate(input: CommandInput): Promise<ExitStatus> {
  const { terminal } = input;
  const checkpoint = textOption(input, "checkpoint");
  const predictions = textOption(input, "predictions");
  if (checkpoint !== undefined && predictions !== undefined) {
    throw new UsageError("expected --checkpoint or --predictions, found both");
  }
  const ofModel = ["samples", "temperature", "batch", "think", "no-think"].find((name) => name in input.options);
  if (predictions !== undefined && ofModel !== undefined) {
    throw new UsageError(`--${ofModel} says how a model is asked; with --predictions the answers are there already`);
  }
  const job = await readJob(input);
  const evaluations =
    predictions === undefined
      ? await evaluateModel(input, job, checkpoint)
      : [await evaluatePredictions(input, job, predictions)];
  for (const { name, record } of evaluations) {
    noteFailures(record, terminal);
    const file = job.outDir === null ? null : evaluationFile(job.outDir, name);
    if (file !== null) await writeEvaluationFile(file, record);
    if (evaluations.length > 1) terminal.print(`${name}:`);
    terminal.print(formatEvaluation(record));
    if (file !== null) terminal.print(`The evaluation is in ${file}\nTo look at it: video-rft report ${quote(file)}`);
  }
  terminal.writeDocument(evaluationDocument(evaluations));
  return evaluations.every(({ record }) => record.examples.every(({ failure }) => failure !== undefined)) ? 1 : 0;
}

/** Videos that could not be read lower the scores: not without a word. */
function noteFailures({ examples }: EvaluationRecord, terminal: CommandInput["terminal"]): void {
  const failed = examples.flatMap(({ datasetId, exampleId, failure }) =>
    failure === undefined ? [] : [{ name: `${datasetId}/${exampleId}`, failure }],
  );
  const [first] = failed;
  if (first === undefined) return;
  const { message, where, hint = "" } = first.failure;
  const reason = [where === undefined ? message : `${where}: ${message}`, hint].join(" ").trim();
  terminal.note(
    `${failed.length} of ${examples.length} examples failed and score as unparsed answers, e.g. ${first.name}: ${reason}`,
  );
}

/** "evaluation.think.json" */
export function evaluationFile(dir: string, variant: string): string {
  return path.join(dir, `evaluation${variant === "" ? "" : `.${variant}`}.json`);
}

async function readJob(input: CommandInput): Promise<EvaluationJob> {
  const { terminal } = input;
  const specPath = positional(input, 0);
  const checked = loadCheckedSpec(specPath);
  const loaded = { ...checked, spec: withChosenDatasets(input, checked.spec) };
  const options = evaluationOptions(input, loaded.spec);
  const data = await readRunData(loaded.spec, loaded.baseDir, {
    onUnreadableTraining: (error) => terminal.note(`Baselines that are fitted are left out: ${error.message}`),
  });
  if (data.evaluation.length === 0) {
    throw new UserError({
      code: "bad-spec",
      where: `${specPath}: evaluate.data`,
      message: "expected datasets to evaluate on, found none",
      hint: "Add at least one, with the keys of those in `data`.",
    });
  }
  if (data.evaluation.every(({ examples }) => examples.length === 0)) {
    const left = data.evaluation.flatMap(({ problems }) => problems.filter(({ isKept }) => !isKept));
    const [first] = left;
    throw new UserError({
      code: "bad-data",
      where: `${specPath}: evaluate.data`,
      message: `expected examples to evaluate on, found none${first === undefined ? "" : `; ${left.length} rows are left out, the first since: ${first.message}`}`,
      hint: "`video-rft data check` says more of each row.",
    });
  }
  const outDir = textOption(input, "out");
  if (outDir !== undefined) requireFolder(path.resolve(outDir));
  return { loaded, data, options, outDir: outDir === undefined ? null : path.resolve(outDir) };
}

/** @throws UserError "bad-data" where something else has the name, or a part of the path */
function requireFolder(dir: string): void {
  try {
    fs.mkdirSync(dir, { recursive: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const hint = "Give another folder with --out.";
    throw new UserError(
      { code: "bad-data", where: dir, message: `the folder cannot be made: ${reason}`, hint },
      { cause },
    );
  }
}

async function evaluatePredictions(input: CommandInput, job: EvaluationJob, file: string): Promise<NamedEvaluation> {
  const { data, loaded, options } = job;
  const examples = data.evaluation.flatMap((dataset) => dataset.examples);
  const keys = { id: textOption(input, "id-key"), text: textOption(input, "text-key") };
  const { answers, missing, extra, hash } = readPredictions(file, examples, keys);
  if (extra > 0) input.terminal.note(`${extra} predictions are about other questions than these; they are not used.`);
  if (missing > 0) {
    input.terminal.note(
      `${missing} of ${examples.length} examples have no prediction; they score as unparsed answers.`,
    );
  }
  const record = await makeEvaluationRecord({
    step: 0,
    data,
    datasets: loaded.spec.evaluate.data,
    parser: options.parser,
    judge: judgeOf(loaded.spec),
    answerTo: (example) => ({ completions: (answers.get(example) ?? []).map((text) => ({ text })) }),
    settings: {
      predictions: path.resolve(file),
      predictionsHash: hash,
      missing,
      datasets: datasetSettings(job),
      versions: { videoRft: videoRftVersion },
    },
  });
  return { name: "", record };
}

/** The judge of the specification, if it names one. */
export function judgeOf({ evaluate }: RunSpec): CaptionJudge | null {
  return evaluate.judge === undefined ? null : createCaptionJudge(evaluate.judge, terminalSettings().cacheDir);
}

/** What the evaluated examples are: hash of the annotations, and how many of them. */
export function datasetSettings({ data, loaded }: Pick<EvaluationJob, "data" | "loaded">): Record<string, unknown> {
  return Object.fromEntries(
    data.evaluation.map(({ id, hash, examples }) => {
      const limit = loaded.spec.evaluate.data.find((dataset) => dataset.id === id)?.limit ?? null;
      return [id, { hash, examples: examples.length, limit }];
    }),
  );
}

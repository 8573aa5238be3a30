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
  const job = await readJob(input);
  const evaluations =
    predictions === undefined
      ? await evaluateModel(input, job, checkpoint)
      : [await evaluatePredictions(input, job, predictions)];
  for (const { name, record } of evaluations) {
    const file = job.outDir === null ? null : evaluationFile(job.outDir, name);
    if (file !== null) await writeEvaluationFile(file, record);
    if (evaluations.length > 1) terminal.print(`${name}:`);
    terminal.print(formatEvaluation(record));
    if (file !== null) terminal.print(`The evaluation is in ${file}\nTo look at it: video-rft report ${quote(file)}`);
  }
  terminal.writeDocument(evaluationDocument(evaluations));
  return 0;
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
  const outDir = textOption(input, "out");
  return { loaded, data, options, outDir: outDir === undefined ? null : path.resolve(outDir) };
}

async function evaluatePredictions(input: CommandInput, job: EvaluationJob, file: string): Promise<NamedEvaluation> {
  const { data, loaded, options } = job;
  const examples = data.evaluation.flatMap((dataset) => dataset.examples);
  const keys = { id: textOption(input, "id-key"), text: textOption(input, "text-key") };
  const { answers, missing, hash } = readPredictions(file, examples, keys);
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

import { shownVideo } from "../../protocol/video.ts";
import { createHash } from "node:crypto";
import type { ErrorData } from "../../protocol/errors.ts";
import { recordVersion } from "../../protocol/records.ts";
import type {
  AskedQuestion,
  EvaluatedDataset,
  EvaluatedExample,
  EvaluatedSample,
  EvaluationRecord,
} from "../../protocol/records.ts";
import type { DatasetSpec } from "../../protocol/spec.ts";
import type { ParsedAnswer } from "../../protocol/tasks.ts";
import type { Dataset, Example } from "../data/example.ts";
import { scoreCategories } from "../evaluate/categories.ts";
import { collectScores, meanOfSamples, scoreAnswer, scoreBaselines, type ScoredExample } from "../evaluate/scoring.ts";
import type { CaptionJudge } from "../score/captionJudge.ts";
import { parserFingerprint } from "../tasks/parserFingerprint.ts";
import { parseAnswer, type ParserName } from "../tasks/parseAnswer.ts";
import type { MetricValues } from "../tasks/task.ts";
import type { RunData } from "./runData.ts";

/** The samples of an answer; none where there was a failure. */
export interface AnswerTexts {
  readonly completions: readonly { readonly text: string }[];
  readonly failure?: ErrorData | undefined;
  /** What the policy saw. */
  readonly seen?: { readonly durationSec?: number | undefined } | undefined;
}

export interface EvaluationRecordParams {
  readonly step: number;
  readonly data: Pick<RunData, "training" | "evaluation">;
  /** Datasets of the specification, as they are evaluated. */
  readonly datasets: readonly DatasetSpec[];
  /** The answer to an example; undefined when there is none, which scores as an unparsed answer. */
  readonly answerTo: (example: Example) => AnswerTexts | undefined;
  readonly settings: EvaluationRecord["settings"];
  /** Scores that a server gives; null without one. */
  readonly judge: CaptionJudge | null;
  /** How answers are read; "tagged" unless said otherwise. */
  readonly parser?: ParserName | undefined;
}

/**
 * Parses and scores answers, beside the trivial baselines, with the parser that training uses. An example whose video
 * fails is recorded and scores as an unparsed answer: it is not left out of the means.
 * @throws UserError "judge-failed"
 */
export async function makeEvaluationRecord(params: EvaluationRecordParams): Promise<EvaluationRecord> {
  const { step, data, settings, answerTo, judge, parser = "tagged" } = params;
  const examples = data.evaluation.flatMap((dataset) => dataset.examples);
  const evaluated = await Promise.all(
    examples.map(async (example) => ({
      example,
      ...(await evaluateExample(example, answerTo(example), parser, judge)),
    })),
  );
  const scored: ScoredExample[] = evaluated;
  // A baseline that asks how long a video is gets what was seen of it where the annotations do not say.
  const asSeen = (example: Example): Example => {
    return { ...example, durationSec: example.durationSec ?? answerTo(example)?.seen?.durationSec ?? null };
  };
  const training = data.training.flatMap((dataset) => dataset.examples);
  return {
    version: recordVersion,
    step,
    scores: await collectScores(scored),
    baselines: await scoreBaselines(examples.map(asSeen), training),
    settings: {
      ...settings,
      parser: { name: parser, hash: sha256(parserFingerprint()) },
      ...(judge === null ? {} : { judge: judge.settings }),
    },
    datasets: data.evaluation.map((dataset) => describeDataset(dataset, params.datasets, evaluated)),
    categories: await scoreCategories(scored),
    examples: evaluated.map(({ record }) => record),
  };
}

/** `samples` are the metric values of each sample; one for a missing answer. */
async function evaluateExample(
  example: Example,
  answer: AnswerTexts | undefined,
  parser: ParserName,
  judge: CaptionJudge | null,
): Promise<{ readonly samples: ScoredExample["samples"]; readonly record: EvaluatedExample }> {
  const { datasetId, id: exampleId } = example;
  const metricsOf = async (parsed: ParsedAnswer | null): Promise<MetricValues> => ({
    ...scoreAnswer(example, parsed),
    ...(await judge?.score(example, parsed)),
  });
  const sampled = await Promise.all(
    (answer?.completions ?? []).map(async ({ text }): Promise<EvaluatedSample> => {
      const parsed = parseAnswer(text, example, parser);
      return { text, parsed, metrics: await metricsOf(parsed) };
    }),
  );
  const samples = sampled.length === 0 ? [await metricsOf(null)] : sampled.map(({ metrics }) => metrics);
  const [first, ...others] = sampled;
  const record = {
    datasetId,
    exampleId,
    text: first?.text ?? "",
    parsed: first?.parsed ?? null,
    metrics: meanOfSamples(samples),
    ...(answer?.failure === undefined ? {} : { failure: answer.failure }),
    ...(others.length === 0 ? {} : { samples: others }),
    asked: askedOf(example),
  };
  return { samples, record };
}

function askedOf(example: Example): AskedQuestion {
  const { task, question, options, truth, durationSec, categories } = example;
  return { task, question, options, truth, durationSec, ...shownVideo(example), categories };
}

function describeDataset(
  { id, hash, examples, problems }: Dataset,
  specs: readonly DatasetSpec[],
  evaluated: readonly { readonly record: EvaluatedExample }[],
): EvaluatedDataset {
  const spec = specs.find((dataset) => dataset.id === id);
  if (spec === undefined) throw new Error(`internal: no dataset ${id} in the specification`);
  const records = evaluated.map(({ record }) => record).filter(({ datasetId }) => datasetId === id);
  const answers = records.flatMap(({ parsed, samples = [] }) => [parsed, ...samples.map((sample) => sample.parsed)]);
  const unparsed = answers.filter((parsed) => parsed === null || parsed.failures.length > 0).length;
  return {
    id,
    task: spec.task,
    format: spec.format,
    path: spec.path,
    hash,
    examples: examples.length,
    rowsLeftOut: problems.filter(({ isKept }) => !isKept).length,
    unparsedShare: answers.length === 0 ? 0 : unparsed / answers.length,
    failed: records.filter(({ parsed }) => parsed === null).length,
  };
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

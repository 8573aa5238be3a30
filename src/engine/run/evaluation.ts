import { UserError } from "../../protocol/errors.ts";
import type { EvaluationRecord } from "../../protocol/records.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { Example } from "../data/example.ts";
import { createCaptionJudge } from "../score/captionJudge.ts";
import { answerQuestions, orderByVideo, type Answer } from "./answering.ts";
import type { Backend, SamplingOptions } from "./backend.ts";
import { makeEvaluationRecord, type EvaluationRecordParams } from "./evaluationRecord.ts";
import type { RunData } from "./runData.ts";

/** Prompts of one call of the backend: few enough that a stop is soon heeded and progress is seen. */
const batchPrompts = 32;

export interface EvaluationParams {
  readonly backend: Backend;
  readonly spec: RunSpec;
  readonly seed: number;
  readonly data: RunData;
  /** Finished steps of the policy that is evaluated. */
  readonly step: number;
  readonly stop: AbortSignal;
  /** Where a judge keeps its answers. */
  readonly cacheDir: string;
  readonly onProgress: (done: number, total: number) => void;
  readonly onWarning: (message: string) => void;
}

/** A dataset of the evaluation has to say something: see RunSpec.evaluate. */
export function hasEvaluation(data: RunData): boolean {
  return data.evaluation.some((dataset) => dataset.examples.length > 0);
}

/**
 * Answers every evaluation prompt of a run once and scores the answers; see makeEvaluationRecord.
 * @returns null when it was stopped before its end.
 */
export async function evaluatePolicy(params: EvaluationParams): Promise<EvaluationRecord | null> {
  const { backend, data, spec, seed, step, stop, onProgress } = params;
  const sampling = evaluationSampling(spec);
  const examples = data.evaluation.flatMap((dataset) => dataset.examples);
  const questions = examples.map((example) => ({ variant: "", example, prompt: data.promptText(example) }));
  const answers = new Map<Example, Answer>();
  const isComplete = await answerQuestions(orderByVideo(questions), {
    backend,
    sampling,
    samples: 1,
    batch: batchPrompts,
    seed,
    stop,
    onProgress,
    onAnswers: async (batch) => {
      for (const { question, answer } of batch) answers.set(question.example, answer);
    },
  });
  if (!isComplete) return null;
  return scored(params, {
    step,
    data,
    datasets: spec.evaluate.data,
    answerTo: (example) => answers.get(example),
    settings: {
      sampling,
      samples: 1,
      video: spec.video,
      prompts: spec.prompts,
      promptHashes: data.hashes.prompts,
      datasetHashes: data.hashes.datasets,
      seed,
    },
  });
}

/** A run does not end for a judge that is down: its evaluation lacks the judge's scores, and the log says so. */
async function scored(
  { spec, cacheDir, onWarning }: EvaluationParams,
  record: Omit<EvaluationRecordParams, "judge">,
): Promise<EvaluationRecord> {
  const judge = spec.evaluate.judge === undefined ? null : createCaptionJudge(spec.evaluate.judge, cacheDir);
  try {
    return await makeEvaluationRecord({ ...record, judge });
  } catch (error) {
    if (!UserError.is(error, "judge-failed")) throw error;
    onWarning(`evaluation of step ${record.step}: captions have no scores of a judge: ${error.message}`);
    return makeEvaluationRecord({ ...record, judge: null });
  }
}

/** Greedy unless the specification says otherwise. */
export function evaluationSampling(spec: RunSpec): SamplingOptions {
  const { temperature, topP, topK, maxCompletionLength } = spec.evaluate.sampling;
  const trainingLength = spec.method === "sft" ? spec.sft.maxCompletionLength : spec.grpo.maxCompletionLength;
  return { temperature, topP, topK, maxCompletionLength: maxCompletionLength ?? trainingLength };
}

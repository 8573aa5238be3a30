import { recordVersion } from "../../protocol/records.ts";
import type { EvaluatedExample, EvaluationRecord } from "../../protocol/records.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { Example } from "../data/example.ts";
import { scoreAnswer, scoreAnswers, scoreBaselines } from "../evaluate/scoring.ts";
import { tasks } from "../tasks/tasks.ts";
import type { Backend, SampledGroup, SamplingOptions } from "./backend.ts";
import { deriveSeed } from "./random.ts";
import type { RunData } from "./runData.ts";

/** Prompts of one call of the backend: few enough that a stop is soon heeded and progress is seen. */
const chunkPrompts = 32;

export interface EvaluationParams {
  readonly backend: Backend;
  readonly spec: RunSpec;
  readonly seed: number;
  readonly data: RunData;
  /** Finished steps of the policy that is evaluated. */
  readonly step: number;
  readonly stop: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** A dataset of the evaluation has to say something: see RunSpec.evaluate. */
export function hasEvaluation(data: RunData): boolean {
  return data.evaluation.some((dataset) => dataset.examples.length > 0);
}

/**
 * Answers every evaluation prompt once and scores the answers, with the parser that training uses, beside the trivial
 * baselines. An example whose video fails is recorded and scores as an unparsed answer: it is not left out of the means.
 * @returns null when it was stopped before its end.
 */
export async function evaluatePolicy(params: EvaluationParams): Promise<EvaluationRecord | null> {
  const { data, spec, step, stop, onProgress } = params;
  const examples = data.evaluation.flatMap((dataset) => dataset.examples);
  const sampling = evaluationSampling(spec);
  const evaluated: EvaluatedExample[] = [];
  for (let start = 0; start < examples.length; start += chunkPrompts) {
    onProgress(start, examples.length);
    if (stop.aborted) return null;
    const chunk = examples.slice(start, start + chunkPrompts);
    evaluated.push(...(await answerChunk(chunk, start, sampling, params)));
  }
  onProgress(examples.length, examples.length);
  const training = data.training.flatMap((dataset) => dataset.examples);
  return {
    version: recordVersion,
    step,
    scores: await scoreAnswers(examples.map((example, i) => ({ example, answer: evaluated[i]?.parsed ?? null }))),
    baselines: await scoreBaselines(examples, training),
    settings: {
      sampling,
      video: spec.video,
      prompts: spec.prompts,
      promptHashes: data.hashes.prompts,
      datasetHashes: data.hashes.datasets,
      seed: params.seed,
    },
    examples: evaluated,
  };
}

/** Greedy unless the specification says otherwise. */
export function evaluationSampling(spec: RunSpec): SamplingOptions {
  const { temperature, topP, topK, maxCompletionLength } = spec.evaluate.sampling;
  const trainingLength = spec.method === "sft" ? spec.sft.maxCompletionLength : spec.grpo.maxCompletionLength;
  return { temperature, topP, topK, maxCompletionLength: maxCompletionLength ?? trainingLength };
}

async function answerChunk(
  examples: readonly Example[],
  start: number,
  sampling: SamplingOptions,
  { backend, data, seed }: EvaluationParams,
): Promise<EvaluatedExample[]> {
  const groups = await backend.sample({
    prompts: examples.map((example, i) => ({
      key: `evaluate/${start + i}`,
      text: data.promptText(example),
      videoPath: example.videoPath,
      seed: deriveSeed(seed, "evaluate", example.datasetId, example.id), // the same before and after training
    })),
    groupSize: 1,
    sampling,
    forTraining: false,
  });
  const byKey = new Map(groups.map((group) => [group.key, group]));
  return examples.map((example, i) => evaluatedExample(example, byKey.get(`evaluate/${start + i}`)));
}

function evaluatedExample(example: Example, group: SampledGroup | undefined): EvaluatedExample {
  const { datasetId, id: exampleId } = example;
  if (group === undefined) throw new Error(`internal: the backend did not answer for example ${exampleId}`);
  if (!group.ok) {
    const metrics = scoreAnswer(example, null);
    return { datasetId, exampleId, text: "", parsed: null, metrics, failure: group.failure };
  }
  const text = group.completions[0]?.text;
  if (text === undefined) throw new Error(`internal: the backend sampled nothing for example ${exampleId}`);
  const parsed = tasks[example.task].parse(text, example);
  return { datasetId, exampleId, text, parsed, metrics: scoreAnswer(example, parsed) };
}

import type { AnswerInput, AnswerRecord } from "../../protocol/records.ts";
import { shownKey, shownVideo } from "../../protocol/video.ts";
import type { Example } from "../data/example.ts";
import type { Backend, SampledGroup, SamplingOptions } from "./backend.ts";
import { deriveSeed } from "./random.ts";

/** One prompt of an evaluation. */
export interface Question {
  /** The same example can be asked with and without reasoning. */
  readonly variant: string;
  readonly example: Example;
  readonly prompt: string;
}

/** What was answered, before it is a record of a file. */
export type Answer = Omit<AnswerRecord, "version">;

export interface AnsweringParams {
  readonly backend: Pick<Backend, "sample">;
  readonly sampling: SamplingOptions;
  /** Completions of each question. */
  readonly samples: number;
  /** Questions of one call of the backend; a stop is heeded between two calls. */
  readonly batch: number;
  readonly seed: number;
  readonly stop: AbortSignal;
  readonly onAnswers: (answers: readonly { readonly question: Question; readonly answer: Answer }[]) => Promise<void>;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * The questions on one video one after the other, videos in the order of their first question: a clip is then decoded, and
 * its visual tokens are embedded, while it is still in memory from the question before.
 */
export function orderByVideo(questions: readonly Question[]): Question[] {
  const byVideo = new Map<string, Question[]>();
  for (const question of questions) {
    const shown = shownKey(question.example);
    const group = byVideo.get(shown);
    if (group === undefined) byVideo.set(shown, [question]);
    else group.push(question);
  }
  return [...byVideo.values()].flat();
}

/**
 * Asks the policy every question, a batch at a time, and hands each batch on as soon as it is answered.
 * @returns false when it was stopped before its end.
 */
export async function answerQuestions(questions: readonly Question[], params: AnsweringParams): Promise<boolean> {
  const { batch, stop, onAnswers, onProgress } = params;
  for (let start = 0; start < questions.length; start += batch) {
    onProgress(start, questions.length);
    if (stop.aborted) return false;
    const next = questions.slice(start + batch, start + 2 * batch);
    await onAnswers(await answerBatch(questions.slice(start, start + batch), next, params));
  }
  onProgress(questions.length, questions.length);
  return true;
}

async function answerBatch(questions: readonly Question[], next: readonly Question[], params: AnsweringParams) {
  const { backend, sampling, samples, seed } = params;
  const keyOf = (i: number): string => `evaluate/${i}`;
  const groups = await backend.sample({
    prompts: questions.map(({ example, prompt }, i) => ({
      key: keyOf(i),
      text: prompt,
      ...shownVideo(example),
      seed: deriveSeed(seed, "evaluate", example.datasetId, example.id), // the same before and after training
    })),
    groupSize: samples,
    sampling,
    forTraining: false,
    next: next.map(({ example }) => shownVideo(example)),
  });
  const byKey = new Map(groups.map((group) => [group.key, group]));
  return questions.map((question, i) => ({ question, answer: answerOf(question.example, byKey.get(keyOf(i))) }));
}

function answerOf({ datasetId, id: exampleId }: Example, group: SampledGroup | undefined): Answer {
  if (group === undefined) throw new Error(`internal: the backend did not answer for example ${exampleId}`);
  if (!group.ok) return { datasetId, exampleId, completions: [], failure: group.failure };
  if (group.completions.length === 0) {
    throw new Error(`internal: the backend sampled nothing for example ${exampleId}`);
  }
  const completions = group.completions.map(({ text, tokens_T, finishReason }) => {
    return { text, tokenCount: tokens_T.length, finishReason };
  });
  return { datasetId, exampleId, completions, seen: seenOf(group) };
}

function seenOf({ video, promptTokens }: Extract<SampledGroup, { ok: true }>): AnswerInput {
  const { durationSec, widthPx, heightPx, visualTokens, frameIndices } = video;
  return { durationSec, frames: frameIndices.length, widthPx, heightPx, visualTokens, promptTokens };
}

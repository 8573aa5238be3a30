import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import { shownVideo } from "../../protocol/video.ts";
import type { Example } from "../data/example.ts";
import { describeDifference, settingDifferences, type EvaluationSettings } from "../evaluate/settings.ts";
import { answerQuestions, orderByVideo, type Answer, type Question } from "../run/answering.ts";
import type { Backend, BackendInfo } from "../run/backend.ts";
import { spawnBackend } from "../run/backendClient.ts";
import { makeEvaluationRecord } from "../run/evaluationRecord.ts";
import { seedOf } from "../run/newRunRecord.ts";
import { readPrompts } from "../run/runData.ts";
import { enginePrograms } from "../server/engineFiles.ts";
import { videoRftVersion } from "../server/version.ts";
import { answerKey, openAnswers } from "../store/answers.ts";
import { isRunCheckpoint } from "../store/checkpoints.ts";
import { ownFolder } from "../store/folderOwner.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import type { CommandInput } from "./command.ts";
import type { EvaluationJob, NamedEvaluation } from "./evaluate.ts";
import { datasetSettings, judgeOf } from "./evaluate.ts";
import type { PromptVariant } from "./evaluationOptions.ts";
import { terminalSettings } from "./runCommands.ts";
import type { Terminal } from "./terminal.ts";
import { formatBar } from "./text.ts";

/** The questions of one kind of prompts, and where their answers are kept. */
interface VariantRun {
  readonly name: string;
  readonly settings: EvaluationSettings;
  readonly questions: readonly Question[];
  readonly answers: AnswerStore;
}

interface AnswerStore {
  /** How it is called where something is said of it. */
  readonly name: string;
  get(example: Example): Answer | undefined;
  append(answers: readonly Answer[]): Promise<void>;
}

/**
 * Asks a policy every question of the evaluation that has no answer yet, and scores the answers. With --out each answer
 * is on disk as soon as its batch is done. Ctrl+C ends after the batch at hand, a second one at once.
 * @throws UserError "cancelled" when it was interrupted.
 */
export async function evaluateModel(
  input: CommandInput,
  job: EvaluationJob,
  checkpoint: string | undefined,
): Promise<NamedEvaluation[]> {
  const { terminal } = input;
  const { loaded, outDir } = job;
  const { engineDir, cacheDir, ffmpegPath } = terminalSettings();
  await locateFfmpeg({ settingPath: ffmpegPath });
  const owned = outDir === null ? null : await ownFolder(outDir, "evaluation");
  const onLog = (line: string): void => terminal.note(line);
  const backend = spawnBackend({ modulePath: enginePrograms(engineDir).backend, onLog });
  const interrupts = watchInterrupts(terminal, outDir, () => void backend.kill());
  try {
    const { spec, baseDir, checkpointDir } = policyOf(loaded, checkpoint);
    const threads = os.availableParallelism();
    const info = await backend.open({ spec, baseDir, checkpointDir, cacheDir, ffmpegPath, threads, trains: false });
    const variants = await openVariants(job, await describePolicy(spec, checkpointDir, info));
    if (!(await answerAll(backend, variants, job, terminal, interrupts.stop))) throw cancelled(outDir);
    return await scoreVariants(job, variants);
  } catch (error) {
    throw interrupts.stop.aborted ? cancelled(outDir) : error;
  } finally {
    terminal.showLive("");
    interrupts.dispose();
    await backend.close();
    await owned?.release();
  }
}

/** What is evaluated: the specification's model, a run's checkpoint on it, or in its place a model or an adapter of any other make. */
function policyOf(
  { spec, baseDir }: EvaluationJob["loaded"],
  checkpoint: string | undefined,
): { readonly spec: RunSpec; readonly baseDir: string; readonly checkpointDir: string | null } {
  if (checkpoint === undefined) return { spec, baseDir, checkpointDir: null };
  const dir = path.resolve(checkpoint);
  if (isRunCheckpoint(dir)) return { spec, baseDir, checkpointDir: dir };
  const { lora: _, ...policy } = spec.policy;
  return { spec: { ...spec, policy: { ...policy, model: dir, training: "full" } }, baseDir, checkpointDir: null };
}

async function openVariants(job: EvaluationJob, policy: EvaluationSettings): Promise<VariantRun[]> {
  const { loaded, options, data, outDir } = job;
  const variants: VariantRun[] = [];
  for (const variant of options.variants) {
    const spec = { ...loaded.spec, prompts: variant.prompts };
    const prompts = readPrompts(spec, loaded.baseDir);
    const settings = { ...policy, ...answerSettings(job, variant, prompts.hashes) };
    const questions = data.evaluation.flatMap(({ examples }) =>
      examples.map((example) => ({ variant: variant.name, example, prompt: prompts.textOf(example) })),
    );
    const answers = outDir === null ? inMemory() : await onDisk(answersFile(outDir, variant.name), settings);
    requireSameQuestions(questions, answers);
    variants.push({ name: variant.name, settings, questions, answers });
  }
  return variants;
}

/** Answers to other prompts or about other videos are not mixed with these. Older files do not say what was asked. */
function requireSameQuestions(questions: readonly Question[], answers: AnswerStore): void {
  const changed = questions.filter((question) => {
    const { asked, failure } = answers.get(question.example) ?? {};
    const canTell = asked !== undefined && failure === undefined && fs.existsSync(question.example.videoPath);
    return canTell && asked !== fingerprintOf(question);
  });
  const [first] = changed;
  if (first === undefined) return;
  const { datasetId, id } = first.example;
  throw new UserError({
    code: "bad-record",
    where: answers.name,
    message:
      `${changed.length} of these answers are to other questions: their prompts, clips or videos have changed since, ` +
      `e.g. those of ${datasetId}/${id}.`,
    hint: "Give another folder with --out, or put the dataset back to go on here.",
  });
}

/** Of the prompt and what is shown. A video is told by its name and size: its folder may be moved, and hashing takes long. */
function fingerprintOf({ prompt, example }: Question): string {
  const { videoPath, ...part } = shownVideo(example);
  const stats = fs.statSync(videoPath, { throwIfNoEntry: false });
  const size = stats?.isDirectory() === true ? fs.readdirSync(videoPath).length : (stats?.size ?? null);
  const asked = JSON.stringify([prompt, path.basename(videoPath), size, part]);
  return createHash("sha256").update(asked).digest("hex").slice(0, 16);
}

/** "answers.think.jsonl" */
function answersFile(dir: string, variant: string): string {
  return path.join(dir, `answers${variant === "" ? "" : `.${variant}`}.jsonl`);
}

/** All that an answer depends on beside the policy: answers are kept only while none of it changes. */
function answerSettings(
  { loaded, options, ...job }: EvaluationJob,
  { prompts }: PromptVariant,
  promptHashes: Readonly<Record<string, string>>,
): EvaluationSettings {
  const { spec } = loaded;
  const tasks = [...new Set(spec.evaluate.data.map(({ task }) => task))];
  return {
    sampling: options.sampling,
    samples: options.samples,
    seed: seedOf(spec),
    video: spec.video,
    prompts: Object.fromEntries(
      tasks.map((task) => [task, { think: prompts[task]?.think ?? true, hash: promptHashes[task] ?? null }]),
    ),
    datasets: datasetSettings({ loaded, data: job.data }),
  };
}

/** What the policy is: its weights by their hashes, so that a folder may be moved, and the programs that ran it. */
async function describePolicy(
  spec: RunSpec,
  checkpointDir: string | null,
  { policyHash, provider, onnxruntime, ffmpeg }: BackendInfo,
): Promise<EvaluationSettings> {
  const checkpoint = checkpointDir === null ? null : await hashWeights(checkpointDir);
  return {
    policy: { model: path.basename(spec.policy.model), hash: policyHash, checkpoint },
    provider,
    versions: { videoRft: videoRftVersion, onnxruntime, ffmpeg },
  };
}

/** sha256 over the weight files of a checkpoint, hex. */
async function hashWeights(dir: string): Promise<string> {
  const hash = createHash("sha256");
  const names = fs.readdirSync(dir).filter((name) => /\.(safetensors|txt|json)$/.test(name));
  for (const name of names.sort()) {
    // SAFETY: a stream without encoding gives buffers.
    for await (const chunk of fs.createReadStream(path.join(dir, name))) hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}

async function answerAll(
  backend: Pick<Backend, "sample">,
  variants: readonly VariantRun[],
  { options, loaded }: EvaluationJob,
  terminal: Terminal,
  stop: AbortSignal,
): Promise<boolean> {
  const all = variants.flatMap(({ questions }) => questions);
  const storeOf = new Map(variants.map(({ name, answers }) => [name, answers]));
  const answerTo = ({ variant, example }: Question): Answer | undefined => storeOf.get(variant)?.get(example);
  const open = all.filter((question) => answerTo(question)?.failure !== undefined || answerTo(question) === undefined);
  const before = all.length - open.length;
  const failed = open.filter((question) => answerTo(question) !== undefined).length;
  if (before > 0) terminal.note(`${before} of ${all.length} questions are answered already; going on with the others.`);
  if (failed > 0) terminal.note(`${failed} of ${all.length} questions failed before; they are asked again.`);
  return answerQuestions(orderByVideo(open), {
    backend,
    ...options,
    seed: seedOf(loaded.spec),
    stop,
    onProgress: (done) => terminal.showLive(progressLine(before + done, all.length)),
    onAnswers: async (batch) => {
      for (const { name, answers } of variants) {
        const own = batch
          .filter(({ question }) => question.variant === name)
          .map(({ question, answer }) => ({ ...answer, asked: fingerprintOf(question) }));
        if (own.length > 0) await answers.append(own);
      }
      const failure = batch.map(({ answer }) => answer.failure).find((one) => one !== undefined);
      if (failure !== undefined && loaded.spec.video.onBadVideo === "fail") throw new UserError(failure);
    },
  });
}

function progressLine(done: number, total: number): string {
  return `${formatBar(total === 0 ? 1 : done / total, 24)}  question ${done}/${total}`;
}

async function scoreVariants(job: EvaluationJob, variants: readonly VariantRun[]): Promise<NamedEvaluation[]> {
  const evaluations: NamedEvaluation[] = [];
  for (const { name, settings, answers, questions } of variants) {
    const seen = questions.flatMap(({ example }) => answers.get(example)?.seen ?? []);
    const record = await makeEvaluationRecord({
      step: 0,
      data: job.data,
      datasets: job.loaded.spec.evaluate.data,
      answerTo: (example) => answers.get(example),
      parser: job.options.parser,
      judge: judgeOf(job.loaded.spec),
      settings: { ...settings, seen: rangesOf(seen) },
    });
    evaluations.push({ name, record });
  }
  return evaluations;
}

/** Least and most of what the policy saw: frames, pixels of a frame, visual tokens. */
function rangesOf(seen: readonly NonNullable<Answer["seen"]>[]): Record<string, readonly [number, number]> | null {
  if (seen.length === 0) return null;
  const range = (values: readonly number[]): [number, number] => [
    values.reduce((a, b) => Math.min(a, b)),
    values.reduce((a, b) => Math.max(a, b)),
  ];
  return {
    frames: range(seen.map(({ frames }) => frames)),
    framePixels: range(seen.map(({ widthPx, heightPx }) => widthPx * heightPx)),
    visualTokens: range(seen.map(({ visualTokens }) => visualTokens)),
    promptTokens: range(seen.map(({ promptTokens }) => promptTokens)),
  };
}

function inMemory(): AnswerStore {
  const answers = new Map<string, Answer>();
  return {
    name: "answers",
    get: ({ datasetId, id }) => answers.get(answerKey({ datasetId, exampleId: id })),
    append: async (added) => {
      for (const answer of added) answers.set(answerKey(answer), answer);
    },
  };
}

async function onDisk(file: string, settings: EvaluationSettings): Promise<AnswerStore> {
  // The header went through JSON; so must what it is compared with.
  const present = JSON.parse(JSON.stringify(settings)) as EvaluationSettings; // SAFETY: an object stays one
  const opened = await openAnswers(file, present, (stored) =>
    settingDifferences(stored, present).map((difference) => describeDifference(difference, ["there", "now"])),
  );
  return {
    name: file,
    get: ({ datasetId, id }) => opened.answers.get(answerKey({ datasetId, exampleId: id })),
    append: (added) => opened.append(added),
  };
}

function watchInterrupts(terminal: Terminal, outDir: string | null, onSecond: () => void) {
  const stop = new AbortController();
  const listener = (): void => {
    // Without a folder nothing of the batch would be kept.
    if (stop.signal.aborted || outDir === null) onSecond();
    else terminal.note("Stopping after this batch. Press Ctrl+C again to stop at once.");
    stop.abort();
  };
  process.on("SIGINT", listener);
  return { stop: stop.signal, dispose: () => void process.off("SIGINT", listener) };
}

function cancelled(outDir: string | null): UserError {
  return new UserError({
    code: "cancelled",
    message: "The evaluation was interrupted.",
    ...(outDir === null
      ? { hint: "Its answers are gone; with --out DIR they are kept, and the same command goes on." }
      : { hint: `Its answers are in ${outDir}; the same command goes on from there.` }),
  });
}

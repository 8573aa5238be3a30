import os from "node:os";
import type {
  AskChatParams,
  ChatAnswer,
  ChatExample,
  ChatInput,
  ChatPolicy,
  ChatProgress,
  ChatSource,
} from "../../protocol/chat.ts";
import { UserError } from "../../protocol/errors.ts";
import { shownVideo } from "../../protocol/video.ts";
import type { Dataset, Example } from "../data/example.ts";
import { readDataset } from "../data/readDataset.ts";
import { readTemplates } from "../data/templates.ts";
import { requireMemoryBeside } from "../embedded/policyMemory.ts";
import type { BackendInfo, CompletionProgress, GroupProgress, SampledGroup } from "../run/backend.ts";
import { spawnBackend, type BackendClient } from "../run/backendClient.ts";
import { promptOf, type TemplateTexts } from "../tasks/prompt.ts";
import { tasks } from "../tasks/tasks.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import { openFrameFiles } from "../video/frameCache.ts";
import { probeVideo } from "../video/probe.ts";
import { exampleOfQuestion, promptOfExample, type ChatPrompt } from "./chatPrompt.ts";
import { findChatTarget, type ChatTarget } from "./chatSource.ts";

export interface ChatContext {
  /** The backend's program. */
  readonly modulePath: string;
  readonly cacheDir: string;
  readonly ffmpegPath: string | null;
  readonly onLog: (line: string) => void;
}

export interface ChatWatch {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: ChatProgress) => void;
}

/** Examples that are offered of each dataset. */
const mostExamples = 300;

/** A policy that is held to be talked to: the backend of a run, which only samples. */
export class ChatSession {
  readonly policy: ChatPolicy;
  readonly #target: ChatTarget;
  readonly #context: ChatContext;
  readonly #backend: BackendClient;
  readonly #templates: TemplateTexts;
  #datasets: Promise<readonly Dataset[]> | null = null;

  private constructor(policy: ChatPolicy, target: ChatTarget, context: ChatContext, backend: BackendClient) {
    this.policy = policy;
    this.#target = target;
    this.#context = context;
    this.#backend = backend;
    this.#templates = readTemplates(target.spec.prompts, target.baseDir);
  }

  /**
   * @param heldBytes memory of the policies that are open already
   * @throws UserError as findChatTarget and Backend.open; "cancelled"
   */
  static async open(
    id: string,
    source: ChatSource,
    context: ChatContext,
    { heldBytes, signal }: { readonly heldBytes: number; readonly signal: AbortSignal },
  ): Promise<ChatSession> {
    const target = await findChatTarget(source);
    const { modulePath, onLog, cacheDir, ffmpegPath } = context;
    if (heldBytes > 0) await requireMemoryBeside(target.spec, target.baseDir, heldBytes);
    signal.throwIfAborted();
    const backend = spawnBackend({ modulePath, onLog });
    const end = (): void => void backend.kill();
    signal.addEventListener("abort", end);
    try {
      const { spec, baseDir, checkpointDir } = target;
      const threads = os.availableParallelism();
      const params = { spec, baseDir, checkpointDir, cacheDir, ffmpegPath, threads, trains: false };
      const policy = describePolicy(id, source, target, await backend.open(params));
      return new ChatSession(policy, target, context, backend);
    } catch (error) {
      await backend.kill();
      signal.throwIfAborted();
      throw explainDeath(error);
    } finally {
      signal.removeEventListener("abort", end);
    }
  }

  get rssBytes(): number {
    return this.#backend.rssBytes;
  }

  onDidDie(listener: () => void): void {
    this.#backend.onDidDie(listener);
  }

  async examples(): Promise<{ examples: readonly ChatExample[]; total: number }> {
    const datasets = await this.#read();
    const usable = datasets.map((dataset) => dataset.examples.filter(isThere(dataset)));
    return {
      examples: usable.flatMap((examples) => spread(examples, mostExamples).map(offered)),
      total: usable.reduce((sum, { length }) => sum + length, 0),
    };
  }

  /** @throws UserError bad-video, bad-data, not-found, backend-died */
  async ask(params: AskChatParams, watch: ChatWatch): Promise<ChatAnswer> {
    const { example, text } = await this.#promptOf(params);
    const { topP, topK } = this.#target.spec.grpo;
    const { samples: groupSize, seed, sampling } = params;
    const earlier = params.question.kind === "free" ? params.question.earlier : undefined;
    const prompt = { key: params.ask, text, earlier, ...shownVideo(example), seed };
    let seen: Promise<ChatInput> | null = null;
    const see = (progress: GroupProgress): Promise<ChatInput> => (seen ??= this.#inputOf(text, progress));
    const onProgress = ([progress]: readonly GroupProgress[]): void => {
      if (progress === undefined) return;
      if (seen === null) {
        const tell = (input: ChatInput): void => watch.onProgress({ kind: "seen", ...input });
        see(progress).then(tell, () => undefined); // what went wrong is thrown below
      }
      watch.onProgress({ kind: "texts", texts: progress.completions });
    };
    const sampleParams = { prompts: [prompt], groupSize, sampling: { ...sampling, topP, topK }, forTraining: false };
    const [group] = await this.#backend.sample(sampleParams, { signal: watch.signal, onProgress }).catch(rethrow);
    if (group === undefined) throw new Error("internal: the backend did not answer");
    const { sampled, isCancelled } = sampledOf(group);
    if (sampled === null) return { input: null, completions: [], isCancelled };
    const completions = sampled.completions.map((completion) => ({
      ...completion,
      parsed: tasks[example.task].parse(completion.text, example),
    }));
    return { input: await see(sampled), completions, isCancelled };
  }

  close(): Promise<void> {
    return this.#backend.kill();
  }

  async #promptOf({ question, think }: AskChatParams): Promise<ChatPrompt> {
    const { prompts } = this.#target.spec;
    if (question.kind === "example") {
      const example = (await this.#read())
        .find(({ id }) => id === question.dataset)
        ?.examples.find(({ id }) => id === question.example);
      if (example !== undefined) return promptOfExample(example, think, prompts, this.#templates);
      const where = `${question.dataset}/${question.example}`;
      throw new UserError({ code: "not-found", where, message: `${this.policy.name} has no such example in its data` });
    }
    const example = exampleOfQuestion(question, await this.#durationFor(question));
    // What is asked freely is asked as it stands.
    if (question.kind === "free") return { example, text: example.question };
    return promptOfExample(example, think, prompts, this.#templates);
  }

  /** Seconds of the video where the prompt may say them: only a template does. */
  async #durationFor(question: Exclude<AskChatParams["question"], { kind: "example" }>): Promise<number | null> {
    if (question.kind === "free" || this.#templates[question.task] === undefined) return null;
    const { videoPath, clip, frameRate } = question.video;
    if (clip !== undefined) return clip.endSec - clip.startSec;
    return (await probeVideo(videoPath, await this.#ffmpeg(), { frameRate })).durationSec;
  }

  async #inputOf(prompt: string, { promptTokens, video }: GroupProgress): Promise<ChatInput> {
    const input = { prompt, promptTokens, video };
    try {
      const { cacheDir } = this.#context;
      return { ...input, frames: await openFrameFiles({ seen: video, ffmpeg: () => this.#ffmpeg(), cacheDir }) };
    } catch (error) {
      // The answer stands without its pictures.
      if (UserError.is(error)) return { ...input, frames: [], framesReason: error.message };
      throw error;
    }
  }

  #ffmpeg(): ReturnType<typeof locateFfmpeg> {
    return locateFfmpeg({ settingPath: this.#context.ffmpegPath });
  }

  /** Held-out data, else that of training. */
  #read(): Promise<readonly Dataset[]> {
    const { spec, baseDir } = this.#target;
    const specs = spec.evaluate.data.length > 0 ? spec.evaluate.data : spec.data;
    this.#datasets ??= Promise.all(specs.map((dataset) => readDataset(dataset, baseDir)));
    this.#datasets.catch(() => (this.#datasets = null)); // once it is mended, it is read again
    return this.#datasets;
  }
}

function describePolicy(
  id: string,
  source: ChatSource,
  { name, dir, spec }: ChatTarget,
  { parameters, provider }: BackendInfo,
): ChatPolicy {
  const used = [...new Set([...spec.evaluate.data, ...spec.data].map(({ task }) => task))];
  const { maxCompletionLength = spec[spec.method].maxCompletionLength } = spec.evaluate.sampling;
  return {
    id,
    source,
    name,
    dir,
    parameters,
    provider,
    tasks: used,
    think: Object.fromEntries(used.map((task) => [task, promptOf(spec.prompts, task).think])),
    sampling: { temperature: spec.grpo.temperature, maxCompletionLength },
    video: spec.video,
  };
}

interface Sampled extends Omit<GroupProgress, "completions"> {
  readonly completions: readonly CompletionProgress[];
}

/** What was sampled, whether it was cancelled or not; null when it was before anything was. */
function sampledOf(group: SampledGroup): { readonly sampled: Sampled | null; readonly isCancelled: boolean } {
  if (group.ok) {
    const completions = group.completions.map(({ text, tokens_T, finishReason }) => {
      return { text, tokenCount: tokens_T.length, finishReason };
    });
    return { sampled: { ...group, completions }, isCancelled: false };
  }
  if (group.failure.code !== "cancelled") throw new UserError(group.failure);
  return { sampled: group.partial ?? null, isCancelled: true };
}

function isThere({ problems }: Dataset): (example: Example) => boolean {
  const missing = new Set(problems.flatMap(({ code, example }) => (code === "missing-video" ? [example] : [])));
  return ({ id }) => !missing.has(id);
}

function offered({ datasetId, id, task, question, options, truth, ...shown }: Example): ChatExample {
  return { dataset: datasetId, example: id, task, question, options, truth, ...shownVideo(shown) };
}

/** At most `most` of them, at equal distances. */
function spread<T>(items: readonly T[], most: number): T[] {
  const step = Math.max(1, items.length / most);
  const count = Math.min(items.length, most);
  return Array.from({ length: count }, (_, i) => items[Math.floor(i * step)]).filter((item) => item !== undefined);
}

function rethrow(error: unknown): never {
  throw explainDeath(error);
}

/** A backend's death is told with what to do about a run; here there is none. */
function explainDeath(error: unknown): unknown {
  if (!UserError.is(error, "backend-died")) return error;
  return new UserError({
    ...error.toData(),
    hint: "Open it again to go on. If memory was lacking, ask for fewer samples or tokens, or about a shorter video.",
  });
}

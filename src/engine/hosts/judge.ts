import { createHash } from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RewardItem, RewardOutput } from "../../protocol/reward.ts";
import type { JudgeSpec } from "../../protocol/rewardSpec.ts";
import { compareEvents, listEvents, readEntailed, readEvents, type ChatMessage } from "../rewards/events.ts";
import { eventRecallQuestion, readEventRecall, similarityOf, similarityTexts } from "../rewards/judged.ts";
import type { JudgedReward } from "../rewards/reward.ts";
import type { HostOutcome } from "./hostProtocol.ts";

/**
 * Asks an OpenAI-compatible server for the built-in rewards that need one, and for the scores of captions
 * (`/chat/completions`, `/embeddings`). Answers are kept on disk by what was asked, so that nothing is asked twice.
 * Temperature 0.
 */
export interface Judge {
  score(spec: JudgedReward, items: readonly RewardItem[]): Promise<HostOutcome[]>;
  /**
   * Recall and precision of the events of a caption (see rewards/events.ts).
   * @throws JudgeError
   */
  scoreEvents(spec: JudgeSpec, caption: JudgedCaption): Promise<EventScores>;
}

export interface JudgedCaption {
  readonly answer: string;
  readonly reference: string;
  /** Of the reference; where there are none, the judge lists them first. */
  readonly events: readonly string[];
}

/** Shares in [0, 1]. */
export interface EventScores {
  readonly recall: number;
  readonly precision: number;
}

export function createJudge(options: JudgeOptions): Judge {
  const spent = new Map<string, number>();
  const limiters = new Map<string, Limiter>();
  /** By cache file: completions of a group are compared with the same references, which are asked for once. */
  const inFlight = new Map<string, Promise<unknown>>();
  const post = async (spec: Server, route: string, body: object): Promise<unknown> => {
    const key = `${spec.name ?? ""} ${spec.endpoint}`;
    const limiter = limiters.get(key) ?? new Limiter(spec.concurrency);
    limiters.set(key, limiter);
    return limiter.run(async () => {
      const count = (spent.get(key) ?? 0) + 1;
      if (count > spec.maxRequests) throw new JudgeError(`the budget of ${spec.maxRequests} requests is spent`);
      spent.set(key, count);
      return postUntilAnswered(spec, route, body, options);
    });
  };
  const ask = async <T>(question: Question<T>): Promise<T> => {
    const { spec, route, body, read, problem } = question;
    const file = cacheFile(options.cacheDir, spec, route, body);
    const known = read(await readCache(file));
    if (known !== null) return known;
    const answered = async (): Promise<unknown> => {
      const json = await post(spec, route, body);
      if (read(json) === null) throw new JudgeError(`${problem}: ${shorten(JSON.stringify(json))}`);
      await writeCache(file, json); // what cannot be read is asked again
      return json;
    };
    const asked = inFlight.get(file) ?? answered().finally(() => inFlight.delete(file));
    inFlight.set(file, asked);
    const answer = read(await asked);
    if (answer === null) throw new Error("internal: two questions with one text have different answers");
    return answer;
  };
  return {
    score: (spec, items) => Promise.all(items.map((item) => scoreOne(spec, item, ask))),
    scoreEvents: (spec, caption) => eventScores(spec, caption, ask),
  };
}

/** Each name has a budget of its own. */
type Server = JudgeSpec & { readonly name?: JudgedReward["name"] };

export interface JudgeOptions {
  readonly cacheDir: string;
  readonly firstRetryMs?: number;
  /** Ends requests in flight. */
  readonly signal?: AbortSignal | undefined;
}

interface Question<T> {
  readonly spec: Server;
  readonly route: "chat/completions" | "embeddings";
  readonly body: object;
  /** null for what is not the answer that was asked for. */
  readonly read: (json: unknown) => T | null;
  readonly problem: string;
}

type Ask = <T>(question: Question<T>) => Promise<T>;

/** The server did not answer, or not what was asked for. */
export class JudgeError extends Error {}

async function scoreOne(spec: JudgedReward, item: RewardItem, ask: Ask): Promise<HostOutcome> {
  try {
    return await (spec.name === "event-recall" ? recallOf(spec, item, ask) : similarity(spec, item, ask));
  } catch (error) {
    if (!(error instanceof JudgeError)) throw error;
    return { ok: false, error: { kind: "judge", message: error.message } };
  }
}

async function recallOf(spec: JudgedReward, item: RewardItem, ask: Ask): Promise<HostOutcome> {
  const question = eventRecallQuestion(item);
  if (question === null) return withoutAnswer(item);
  const read = (text: string | null): RewardOutput | null => readEventRecall(text, question.events);
  return { ok: true, output: await ask(chatQuestion(spec, question.messages, read)) };
}

/** An answer without events claims nothing: its precision is 1 (AutoDQ). */
async function eventScores(
  spec: JudgeSpec,
  { answer, reference, events }: JudgedCaption,
  ask: Ask,
): Promise<EventScores> {
  const list = (text: string): Promise<readonly string[]> => ask(chatQuestion(spec, listEvents(text), readEvents));
  const entailedShare = async (listed: readonly string[], description: string): Promise<number> => {
    const read = (text: string | null) => readEntailed(text, listed.length);
    const found = await ask(chatQuestion(spec, compareEvents(listed, description), read));
    return found.entailed / found.events;
  };
  const [truth, claimed] = await Promise.all([events.length > 0 ? events : list(reference), list(answer)]);
  const [recall, precision] = await Promise.all([
    // A reference without an action is itself what has to be said.
    entailedShare(truth.length > 0 ? truth : [reference], answer),
    claimed.length === 0 ? 1 : entailedShare(claimed, reference),
  ]);
  return { recall, precision };
}

function chatQuestion<T>(
  spec: Server,
  messages: readonly ChatMessage[],
  read: (text: string | null) => T | null,
): Question<T> {
  return {
    spec,
    route: "chat/completions",
    body: { model: spec.model, temperature: 0, messages },
    read: (json) => read(contentOf(json)),
    problem: "the judge did not answer with the JSON that was asked for",
  };
}

async function similarity(spec: JudgedReward, item: RewardItem, ask: Ask): Promise<HostOutcome> {
  const texts = similarityTexts(item);
  if (texts === null) return withoutAnswer(item);
  const embed = (input: string): Promise<readonly number[]> =>
    ask({
      spec,
      route: "embeddings",
      body: { model: spec.model, input },
      read: embeddingOf,
      problem: "the server did not answer with an embedding",
    });
  const references = await Promise.all(texts.references.map(embed));
  return { ok: true, output: similarityOf(await embed(texts.answer), references) };
}

/** No answer is worth 0; where nothing is known to be right, the reward does not apply. */
function withoutAnswer({ completion: { parsed } }: RewardItem): HostOutcome {
  const output =
    parsed.text === undefined ? { value: 0, reason: parsed.failures[0] ?? "no-answer-tag" } : { value: null };
  return { ok: true, output };
}

async function postUntilAnswered(
  spec: Server,
  route: string,
  body: object,
  { firstRetryMs = 500, signal }: JudgeOptions,
): Promise<unknown> {
  const url = `${spec.endpoint.replace(/\/$/, "")}/${route}`;
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted();
    const result = await postOnce(spec, url, body, signal);
    if (result.ok) return result.json;
    if (!result.isWorthRepeating || attempt === spec.retries) throw new JudgeError(`${url}: ${result.problem}`);
    await delay(result.waitMs ?? firstRetryMs * 2 ** attempt, undefined, { signal });
  }
}

type PostResult =
  | { readonly ok: true; readonly json: unknown }
  | { readonly ok: false; readonly problem: string; readonly isWorthRepeating: boolean; readonly waitMs?: number };

async function postOnce(spec: Server, url: string, body: object, signal: AbortSignal | undefined): Promise<PostResult> {
  const key = spec.apiKeyVariable === undefined ? undefined : process.env[spec.apiKeyVariable];
  if (spec.apiKeyVariable !== undefined && key === undefined) {
    return {
      ok: false,
      problem: `the environment variable ${spec.apiKeyVariable} is not set`,
      isWorthRepeating: false,
    };
  }
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...(key === undefined ? {} : { authorization: `Bearer ${key}` }) },
      body: JSON.stringify(body),
      signal: AbortSignal.any([AbortSignal.timeout(spec.requestTimeoutMs), ...(signal === undefined ? [] : [signal])]),
    });
    if (response.ok) return { ok: true, json: await response.json() };
    const waitSec = Number(response.headers.get("retry-after") ?? NaN);
    return {
      ok: false,
      problem: `status ${response.status}: ${shorten(await response.text())}`,
      isWorthRepeating: response.status === 408 || response.status === 429 || response.status >= 500,
      ...(Number.isFinite(waitSec) ? { waitMs: 1000 * Math.min(60, waitSec) } : {}),
    };
  } catch (error) {
    signal?.throwIfAborted();
    return { ok: false, problem: reasonOf(error), isWorthRepeating: true };
  }
}

/** fetch hides the reason in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

function contentOf(json: unknown): string | null {
  const content = at(at(at(at(json, "choices"), 0), "message"), "content");
  return typeof content === "string" ? content : null;
}

function embeddingOf(json: unknown): readonly number[] | null {
  const embedding = at(at(at(json, "data"), 0), "embedding");
  return Array.isArray(embedding) && embedding.every((v): v is number => typeof v === "number") ? embedding : null;
}

function at(value: unknown, key: string | number): unknown {
  // SAFETY: an object or array, read by key.
  return typeof value === "object" && value !== null ? (value as Record<string | number, unknown>)[key] : undefined;
}

function shorten(text: string | null): string {
  return text === null ? "nothing" : text.length > 200 ? `${text.slice(0, 199)}…` : text;
}

function cacheFile(cacheDir: string, spec: Server, route: string, body: object | ChatMessage): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([spec.endpoint, route, body]))
    .digest("hex");
  return path.join(cacheDir, "judge", hash.slice(0, 2), `${hash}.json`);
}

async function readCache(file: string): Promise<unknown> {
  try {
    return JSON.parse(await fs.readFile(file, "utf8")) as unknown;
  } catch {
    return undefined; // not asked yet, or torn: asked again
  }
}

async function writeCache(file: string, answer: unknown): Promise<void> {
  const draft = `${file}.${process.pid}.tmp`;
  await fs.mkdir(path.dirname(file), { recursive: true });
  await fs.writeFile(draft, JSON.stringify(answer));
  await fs.rename(draft, file);
}

/** Lets so many through at once. */
class Limiter {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free--;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

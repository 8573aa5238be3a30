import { createHash } from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { RewardItem } from "../../protocol/reward.ts";
import {
  eventRecallMessages,
  readEventRecall,
  similarityOf,
  similarityTexts,
  type ChatMessage,
} from "../rewards/judged.ts";
import type { JudgedReward } from "../rewards/reward.ts";
import type { HostOutcome } from "./hostProtocol.ts";

/**
 * Asks an OpenAI-compatible server for the built-in rewards that need one (`/chat/completions`, `/embeddings`). Answers are
 * kept on disk by what was asked, so that a re-score asks nothing twice. Temperature 0.
 */
export interface Judge {
  score(spec: JudgedReward, items: readonly RewardItem[]): Promise<HostOutcome[]>;
}

export function createJudge(options: { readonly cacheDir: string; readonly firstRetryMs?: number }): Judge {
  const spent = new Map<string, number>();
  const asking = new Map<string, Limiter>();
  const ask = async (spec: JudgedReward, route: string, body: object): Promise<unknown> => {
    const file = cacheFile(options.cacheDir, spec, route, body);
    const known = await readCache(file);
    if (known !== undefined) return known;
    const key = `${spec.name} ${spec.endpoint}`;
    const limiter = asking.get(key) ?? new Limiter(spec.concurrency);
    asking.set(key, limiter);
    return limiter.run(async () => {
      const count = (spent.get(key) ?? 0) + 1;
      if (count > spec.maxRequests) throw new JudgeError(`the budget of ${spec.maxRequests} requests is spent`);
      spent.set(key, count);
      const answer = await post(spec, route, body, options.firstRetryMs ?? 500);
      await writeCache(file, answer);
      return answer;
    });
  };
  return {
    score: (spec, items) => Promise.all(items.map((item) => scoreOne(spec, item, ask))),
  };
}

type Ask = (spec: JudgedReward, route: string, body: object) => Promise<unknown>;

class JudgeError extends Error {}

async function scoreOne(spec: JudgedReward, item: RewardItem, ask: Ask): Promise<HostOutcome> {
  try {
    return await (spec.name === "event-recall" ? recallOf(spec, item, ask) : similarity(spec, item, ask));
  } catch (error) {
    if (!(error instanceof JudgeError)) throw error;
    return { ok: false, error: { kind: "judge", message: error.message } };
  }
}

async function recallOf(spec: JudgedReward, item: RewardItem, ask: Ask): Promise<HostOutcome> {
  const messages = eventRecallMessages(item);
  if (messages === null) return withoutAnswer(item);
  const text = contentOf(await ask(spec, "chat/completions", { model: spec.model, temperature: 0, messages }));
  const output = text === null ? null : readEventRecall(text);
  if (output === null)
    throw new JudgeError(`the judge did not answer with the JSON that was asked for: ${shorten(text)}`);
  return { ok: true, output };
}

async function similarity(spec: JudgedReward, item: RewardItem, ask: Ask): Promise<HostOutcome> {
  const texts = similarityTexts(item);
  if (texts === null) return withoutAnswer(item);
  const embed = async (input: string): Promise<readonly number[]> => {
    const embedding = embeddingOf(await ask(spec, "embeddings", { model: spec.model, input }));
    if (embedding === null) throw new JudgeError("the server did not answer with an embedding");
    return embedding;
  };
  const references = await Promise.all(texts.references.map(embed));
  return { ok: true, output: similarityOf(await embed(texts.answer), references) };
}

/** No answer is worth 0; where nothing is known to be right, the reward does not apply. */
function withoutAnswer({ completion: { parsed } }: RewardItem): HostOutcome {
  const output =
    parsed.text === undefined ? { value: 0, reason: parsed.failures[0] ?? "no-answer-tag" } : { value: null };
  return { ok: true, output };
}

async function post(spec: JudgedReward, route: string, body: object, firstRetryMs: number): Promise<unknown> {
  const url = `${spec.endpoint.replace(/\/$/, "")}/${route}`;
  for (let attempt = 0; ; attempt++) {
    const result = await postOnce(spec, url, body);
    if (result.ok) return result.json;
    if (!result.isWorthRepeating || attempt === spec.retries) throw new JudgeError(`${url}: ${result.problem}`);
    await delay(result.waitMs ?? firstRetryMs * 2 ** attempt);
  }
}

type PostResult =
  | { readonly ok: true; readonly json: unknown }
  | { readonly ok: false; readonly problem: string; readonly isWorthRepeating: boolean; readonly waitMs?: number };

async function postOnce(spec: JudgedReward, url: string, body: object): Promise<PostResult> {
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
      signal: AbortSignal.timeout(spec.requestTimeoutMs),
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

function cacheFile(cacheDir: string, spec: JudgedReward, route: string, body: object | ChatMessage): string {
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

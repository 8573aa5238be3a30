import type { RewardError } from "../../../protocol/records.ts";
import type { RewardItem, RewardOutput } from "../../../protocol/reward.ts";
import { resultExpected, type HostGroup, type HostOutcome } from "../hostProtocol.ts";
import { userStack } from "./userStack.ts";

/** Calls reward functions of JavaScript, and makes an outcome of whatever they do. */

type AnyFunction = (...args: unknown[]) => unknown;

export interface CallOptions {
  /** One call after the other; else calls that wait for something wait together. */
  readonly isCareful: boolean;
  /** Gets the outcome of the i-th completion, counted through all groups. */
  readonly tell: (index: number, outcome: HostOutcome) => void;
}

/** Asynchronous calls that are under way at once. */
const mostWaiting = 16;

/** (completion, example) → result, once for each completion. */
export async function callForEach(
  reward: AnyFunction,
  groups: readonly HostGroup[],
  options: CallOptions,
): Promise<void> {
  const waiting = new Set<Promise<void>>();
  for (const [index, { completion, example }] of itemsOf(groups).entries()) {
    const result = attempt(() => reward(completion, example));
    if (!result.ok || !isPromise(result.value)) {
      options.tell(index, result.ok ? outcomeOf(result.value) : result);
      continue;
    }
    const settled = settle(result.value).then((outcome) => {
      waiting.delete(settled);
      options.tell(index, outcome);
    });
    waiting.add(settled);
    if (options.isCareful || waiting.size >= mostWaiting) await Promise.race(waiting);
  }
  await Promise.all(waiting);
}

/** (items) → results, in one call for all groups; a call that fails has failed for each of them. */
export async function callForBatch(
  reward: AnyFunction,
  groups: readonly HostGroup[],
  options: CallOptions,
): Promise<void> {
  const items = itemsOf(groups);
  const called = attempt(() => reward(items));
  const results = called.ok && isPromise(called.value) ? await settleRaw(called.value) : called;
  const outcomes = results.ok ? outcomesOf(results.value, items.length) : items.map(() => results);
  outcomes.forEach((outcome, index) => options.tell(index, outcome));
}

function itemsOf(groups: readonly HostGroup[]): RewardItem[] {
  return groups.flatMap(({ example, completions }) => completions.map((completion) => ({ completion, example })));
}

function outcomesOf(value: unknown, count: number): HostOutcome[] {
  const results: unknown[] | null = Array.isArray(value) ? value : null;
  if (results?.length === count) return results.map(outcomeOf);
  const found = results === null ? describe(value) : `${results.length} results`;
  return Array.from({ length: count }, () =>
    failed("not-a-number", `expected a list of ${count} results, found ${found}`),
  );
}

/** What a function has returned for one completion, as an outcome. */
export function outcomeOf(value: unknown): HostOutcome {
  if (value === null || typeof value === "number") return valueOutcome(value, {});
  if (typeof value !== "object" || !("value" in value)) return notANumber(value);
  const number = value.value;
  if (number !== null && typeof number !== "number") return notANumber(number);
  const parts = "parts" in value ? value.parts : undefined;
  const reason = "reason" in value ? value.reason : undefined;
  if (parts !== undefined && !isNumberRecord(parts)) {
    return failed("not-a-number", `expected "parts" to hold finite numbers, found ${describe(parts)}`);
  }
  return valueOutcome(number, {
    ...(parts === undefined ? {} : { parts }),
    ...(typeof reason === "string" ? { reason } : {}),
  });
}

function valueOutcome(value: number | null, rest: Omit<RewardOutput, "value">): HostOutcome {
  return value === null || Number.isFinite(value) ? { ok: true, output: { value, ...rest } } : notANumber(value);
}

function notANumber(value: unknown): HostOutcome {
  return failed("not-a-number", `expected ${resultExpected}, found ${describe(value)}`);
}

export function failed(kind: RewardError["kind"], message: string, stack?: string): { ok: false; error: RewardError } {
  return { ok: false, error: { kind, message, ...(stack === undefined || stack === "" ? {} : { stack }) } };
}

export function thrown(error: unknown): { ok: false; error: RewardError } {
  return error instanceof Error
    ? failed("exception", `${error.name}: ${error.message}`, userStack(error.stack ?? ""))
    : failed("exception", `threw ${describe(error)}`);
}

function attempt(call: () => unknown): { ok: true; value: unknown } | { ok: false; error: RewardError } {
  try {
    return { ok: true, value: call() };
  } catch (error) {
    return thrown(error);
  }
}

async function settle(promise: PromiseLike<unknown>): Promise<HostOutcome> {
  const settled = await settleRaw(promise);
  return settled.ok ? outcomeOf(settled.value) : settled;
}

async function settleRaw(promise: PromiseLike<unknown>) {
  try {
    return { ok: true as const, value: await promise };
  } catch (error) {
    return thrown(error);
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function isNumberRecord(value: unknown): value is Readonly<Record<string, number>> {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((v) => typeof v === "number" && Number.isFinite(v))
  );
}

function describe(value: unknown): string {
  if (value === undefined) return "undefined";
  if (typeof value === "number") return String(value);
  if (typeof value === "function") return "a function";
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

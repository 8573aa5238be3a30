import { createHash } from "node:crypto";
import type { RewardError, RewardPart } from "../../protocol/records.ts";
import { isFailedGroup, recordVersion, type GroupRecord, type RolloutLine } from "../../protocol/records.ts";
import type { RescoredRollout, RescoreSummary, ScoresLine, Spread } from "../../protocol/rescore.ts";
import { rewardKey, type RewardSpec } from "../../protocol/rewardSpec.ts";
import type { GrpoSpec } from "../../protocol/spec.ts";
import { computeAdvantages } from "../rewards/advantages.ts";
import { sumOf } from "../rewards/rewards.ts";
import { recordedGroup } from "./recorded.ts";
import type { Scored, ScoreGroup } from "./scorer.ts";

export interface RescoreParams {
  readonly reward: RewardSpec;
  /** Text of the files that score; see Scorer.open. */
  readonly sources: Readonly<Record<string, string>>;
  /** Steps in the order in which they are scored: those on the screen first. */
  readonly steps: readonly number[];
  readonly readStep: (step: number) => Promise<readonly RolloutLine[]>;
  readonly scaleRewards: GrpoSpec["scaleRewards"];
  readonly score: (groups: readonly ScoreGroup[]) => Promise<Scored[][]>;
  readonly signal?: AbortSignal | undefined;
  /** Called after each lot, with what has come of it so far. */
  readonly onProgress?: ((summary: RescoreSummary) => void) | undefined;
}

export interface RescoreResult {
  readonly summary: RescoreSummary;
  /** Sorted by step and group. */
  readonly lines: readonly ScoresLine[];
}

/** Completions that are sent to a reward at once. Whole steps: advantages may be scaled by the step. */
const lotSize = 512;
const stepsAhead = 8;
const listed = 100;

/**
 * Scores recorded rollouts again with one reward, and compares with what was recorded. The other parts of a reward stay
 * as they were; advantages are those of the new sums. Nothing is written.
 * @throws the signal's reason, between two lots
 */
export async function rescore(params: RescoreParams): Promise<RescoreResult> {
  const tally = new Tally(params);
  let lot: (readonly GroupRecord[])[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    if (size === 0) return;
    params.signal?.throwIfAborted();
    const scored = await params.score(lot.flat().map(recordedGroup));
    let at = 0;
    for (const groups of lot) tally.add(groups, scored.slice(at, (at += groups.length)));
    lot = [];
    size = 0;
    params.onProgress?.(tally.summary());
  };
  for await (const lines of readAhead(params.steps, params.readStep)) {
    params.signal?.throwIfAborted();
    const groups = lines.flatMap((line) => (isFailedGroup(line) ? [] : [line]));
    lot.push(groups);
    size += groups.reduce((sum, { completions }) => sum + completions.length, 0);
    if (size >= lotSize) await flush();
  }
  await flush();
  return { summary: tally.summary(), lines: tally.lines() };
}

/** Results in the order of the items, a few of which are read at once: one file after the other, the disk is waited for. */
async function* readAhead<T, R>(items: readonly T[], read: (item: T) => Promise<R>): AsyncGenerator<R> {
  const reading: Promise<R>[] = [];
  for (const item of items) {
    const next = read(item);
    next.catch(() => undefined); // its turn comes below
    reading.push(next);
    const oldest = reading.length > stepsAhead ? reading.shift() : undefined;
    if (oldest !== undefined) yield await oldest;
  }
  for (const next of reading) yield await next;
}

/** Short name of what scores: the text of its files, and its row of the specification without its weight in the sum. */
export function scoreVersion(reward: RewardSpec, sources: Readonly<Record<string, string>>): string {
  const files = Object.entries(sources).sort(([a], [b]) => a.localeCompare(b));
  return createHash("sha256")
    .update(JSON.stringify([reward, files]))
    .digest("hex")
    .slice(0, 12);
}

/** What re-scoring comes to. */
class Tally {
  readonly #reward: RewardSpec;
  readonly #version: string;
  readonly #scaleRewards: GrpoSpec["scaleRewards"];
  readonly #before = new Moments();
  readonly #after = new Moments();
  readonly #lines: ScoresLine[] = [];
  readonly #counts = { rollouts: 0, changed: 0, flips: 0, gaining: 0, losing: 0, errors: 0 };
  readonly #gaining: string[] = [];
  readonly #losing: string[] = [];
  readonly #errorExamples: { id: string; error: RewardError }[] = [];
  readonly #largest = new Top<RescoredRollout>(({ before, after }) => Math.abs((after ?? 0) - (before ?? 0)));
  readonly #worst = new Top<RescoredRollout>(({ after }) => -(after ?? Infinity));

  constructor({ reward, sources, scaleRewards }: RescoreParams) {
    this.#reward = reward;
    this.#version = scoreVersion(reward, sources);
    this.#scaleRewards = scaleRewards;
  }

  /** Groups of one step, with the parts of the reward by completion; a group that it does not apply to has none. */
  add(groups: readonly GroupRecord[], scored: readonly (readonly Scored[])[]): void {
    const name = rewardKey(this.#reward);
    const rewards_P_G = groups.map(({ completions }, p) =>
      completions.map(({ rewards, reward }, k) => {
        const [part] = scored[p]?.[k]?.parts ?? [];
        return part === undefined ? reward : sumOf(withPart(rewards, part));
      }),
    );
    const advantages_P_G = computeAdvantages(rewards_P_G, this.#scaleRewards);
    groups.forEach((group, p) => {
      const parts = scored[p]?.map(({ parts: [part] }) => part) ?? [];
      if (parts.every((part) => part === undefined)) return;
      this.#addGroup(group, name, parts, rewards_P_G[p] ?? [], advantages_P_G[p] ?? []);
    });
  }

  summary(): RescoreSummary {
    const { rollouts, changed, flips, gaining, losing, errors } = this.#counts;
    return {
      reward: rewardKey(this.#reward),
      version: this.#version,
      rollouts,
      total: null,
      before: this.#before.spread(),
      after: this.#after.spread(),
      changed,
      advantageSignFlips: flips,
      groupsGainingVariance: this.#gaining,
      groupsLosingVariance: this.#losing,
      gainingCount: gaining,
      losingCount: losing,
      errors,
      errorExamples: this.#errorExamples,
      largest: this.#largest.items().filter(({ before, after }) => before !== after),
      worst: this.#worst.items().filter(({ after }) => after !== null),
    };
  }

  lines(): ScoresLine[] {
    return [...this.#lines].sort((a, b) => a.step - b.step || a.group - b.group);
  }

  #addGroup(
    group: GroupRecord,
    name: string,
    parts: readonly (RewardPart | undefined)[],
    rewards: readonly (number | null)[],
    advantages: readonly (number | null)[],
  ): void {
    group.completions.forEach((completion, k) => {
      const part = parts[k];
      if (part === undefined) return;
      const before = completion.rewards.find((recorded) => recorded.name === name)?.value ?? null;
      const { value: after, error } = part;
      this.#counts.rollouts++;
      if (before !== null) this.#before.add(before);
      if (after !== null) this.#after.add(after);
      if (isOther(before, after)) this.#counts.changed++;
      if (Math.sign(completion.advantage) !== Math.sign(advantages[k] ?? 0)) this.#counts.flips++;
      if (error !== undefined) this.#addError(completion.id, error);
      this.#largest.offer({ id: completion.id, before, after });
      this.#worst.offer({ id: completion.id, before, after });
    });
    this.#addVariance(group, rewards);
    this.#lines.push({
      version: recordVersion,
      step: group.step,
      group: group.group,
      values: parts.map((part) => part?.value ?? null),
      rewards,
      advantages: advantages.map((advantage) => advantage ?? 0),
      errors: parts.map((part) => part?.error ?? null),
    });
  }

  #addVariance(group: GroupRecord, rewards: readonly (number | null)[]): void {
    const before = varies(group.completions.map(({ reward }) => reward));
    const after = varies(rewards);
    if (before === after) return;
    const place = `${group.step}/${group.group}`;
    if (after) this.#counts.gaining++;
    else this.#counts.losing++;
    const list = after ? this.#gaining : this.#losing;
    if (list.length < listed) list.push(place);
  }

  #addError(id: string, error: RewardError): void {
    this.#counts.errors++;
    if (this.#errorExamples.length < listed) this.#errorExamples.push({ id, error });
  }
}

/** The recorded parts with one in place of that of its name, or added where there was none. */
function withPart(recorded: readonly RewardPart[], part: RewardPart): RewardPart[] {
  const isThere = recorded.some(({ name }) => name === part.name);
  return isThere ? recorded.map((old) => (old.name === part.name ? part : old)) : [...recorded, part];
}

/** Values come back from JSON as they were, so only what is really another value differs. */
function isOther(before: number | null, after: number | null): boolean {
  return before === null || after === null ? before !== after : Math.abs(before - after) > 1e-9;
}

function varies(rewards: readonly (number | null)[]): boolean {
  const known = rewards.filter((reward) => reward !== null);
  return known.some((reward) => reward !== known[0]);
}

/** Mean and spread of a stream of numbers (Welford). */
class Moments {
  #count = 0;
  #mean = 0;
  #squares = 0;

  add(value: number): void {
    this.#count++;
    const difference = value - this.#mean;
    this.#mean += difference / this.#count;
    this.#squares += difference * (value - this.#mean);
  }

  spread(): Spread | null {
    if (this.#count === 0) return null;
    return { mean: this.#mean, std: this.#count < 2 ? 0 : Math.sqrt(this.#squares / (this.#count - 1)) };
  }
}

/** The items of the largest keys, of any number that are offered. */
class Top<T> {
  readonly #key: (item: T) => number;
  #kept: { item: T; key: number }[] = [];
  #least = -Infinity;

  constructor(key: (item: T) => number) {
    this.#key = key;
  }

  offer(item: T): void {
    const key = this.#key(item);
    if (this.#kept.length >= 2 * listed && key <= this.#least) return;
    this.#kept.push({ item, key });
    if (this.#kept.length > 4 * listed) this.#shrink();
  }

  items(): T[] {
    this.#shrink();
    return this.#kept.slice(0, listed).map(({ item }) => item);
  }

  #shrink(): void {
    this.#kept = this.#kept.sort((a, b) => b.key - a.key).slice(0, 2 * listed);
    this.#least = this.#kept.at(-1)?.key ?? -Infinity;
  }
}

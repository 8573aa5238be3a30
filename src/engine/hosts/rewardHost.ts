import fs from "node:fs/promises";
import type { RewardError } from "../../protocol/records.ts";
import type { RewardSignature } from "../../protocol/rewardSpec.ts";
import { HostProcess, RewardLoadError, type HostLimits } from "./hostProcess.ts";
import type { HostProgram } from "./hostProgram.ts";
import type { HostCompletion, HostGroup, HostOutcome, LoadedFile, SourceFiles } from "./hostProtocol.ts";

export interface HostCall {
  readonly function: string;
  readonly signature: RewardSignature;
  readonly groups: readonly HostGroup[];
  readonly limits: HostLimits;
}

/** So many calls of one request may end their process; the rest is then not tried any more. */
const mostDeaths = 20;

/**
 * The functions of one reward file, in a process of their own beside a warm spare. Whatever a call does, throws, loops,
 * leaks, or ends its process, becomes an error of its own rollout (of its group, for functions that get batches); the
 * spare goes on with the others. Calls wait for each other.
 */
export class RewardHost {
  readonly #start: (sources: SourceFiles | null) => Promise<HostProcess>;
  #current: Promise<HostProcess>;
  #spare: Promise<HostProcess> | undefined;
  readonly #sources: Promise<SourceFiles>;
  #turn: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** @param sources text of its files, in place of what they hold now */
  constructor(program: HostProgram, file: string, sources: SourceFiles | null, onLog: (line: string) => void) {
    this.#start = (texts) => HostProcess.start(program, file, texts, onLog);
    this.#current = this.#start(sources);
    this.#current.catch(() => undefined); // told to whoever calls
    this.#sources =
      sources === null ? this.#current.then((process) => readSources(process.file.files)) : Promise.resolve(sources);
    this.#sources.catch(() => undefined);
  }

  /** @throws RewardLoadError */
  async loaded(): Promise<LoadedFile> {
    return (await this.#current).file;
  }

  /** What its processes have loaded: every later one loads the same, whatever becomes of the files. @throws RewardLoadError */
  async sources(): Promise<SourceFiles> {
    return this.#sources;
  }

  /** Outcomes by group and completion. Rejects only when the host is closed meanwhile. */
  score(call: HostCall): Promise<HostOutcome[][]> {
    const result = this.#turn.then(() => this.#scoreNow(call));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const process of [this.#current, this.#spare]) await process?.then((p) => p.kill()).catch(() => undefined);
  }

  async #scoreNow(call: HostCall): Promise<HostOutcome[][]> {
    const job = new Job(call.groups);
    try {
      if (call.signature === "each") await this.#scoreEach(call, job);
      else await this.#scoreBatch(call, job, job.all);
    } catch (error) {
      if (!(error instanceof RewardLoadError)) throw error;
      job.failRest(error.data);
    }
    return job.outcomes();
  }

  /** The process dies with the completion that it was at. Which one that was is known once it goes carefully. */
  async #scoreEach(call: HostCall, job: Job): Promise<void> {
    let isCareful = false;
    for (let deaths = 0; ;) {
      const rest = job.rest();
      if (rest.length === 0) return;
      const error = await this.#run(call, job, rest, isCareful);
      if (error === null) return;
      if (!isCareful) {
        isCareful = true;
        continue;
      }
      job.tell(job.rest()[0] ?? -1, { ok: false, error });
      if (++deaths === mostDeaths) return job.failRest(gaveUp(error));
    }
  }

  /** A batch that fails is called again group by group, so that it costs no other group. */
  async #scoreBatch(call: HostCall, job: Job, places: readonly number[]): Promise<void> {
    const error = await this.#run(call, job, places, false);
    const groups = job.groupsOf(places);
    if (error === null && !(groups.length > 1 && job.hasFailed(places))) return;
    if (groups.length > 1) {
      job.forget(places);
      for (const group of groups) await this.#scoreBatch(call, job, group);
    } else if (error !== null) {
      for (const place of places) job.tell(place, { ok: false, error });
    }
  }

  /** Null when the request came to its end; else the process is gone, and the spare has taken its place. */
  async #run(call: HostCall, job: Job, places: readonly number[], isCareful: boolean): Promise<RewardError | null> {
    if (this.#isClosed) throw new Error("internal: a closed reward host was called");
    const current = await this.#current;
    this.#spare ??= this.#warm();
    const { function: name, signature, limits } = call;
    const request = { function: name, signature, groups: job.select(places, current.file, name), isCareful };
    const end = await current.score(request, limits, (from, outcomes) =>
      outcomes.forEach((outcome, i) => job.tell(places[from + i] ?? -1, outcome)),
    );
    if (end.kind === "refused") job.failRest(end.error);
    if (end.kind !== "died") return null;
    if (this.#isClosed) throw new Error("the reward host was closed during a call");
    this.#current = this.#spare;
    this.#spare = this.#warm();
    return end.error;
  }

  #warm(): Promise<HostProcess> {
    const process = this.#sources.then((sources) => this.#start(sources));
    process.catch(() => undefined); // told when it is needed
    return process;
  }
}

async function readSources(files: readonly string[]): Promise<SourceFiles> {
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await fs.readFile(file, "utf8")] as const)),
  );
}

function gaveUp(error: RewardError): RewardError {
  return { ...error, message: `not called: ${mostDeaths} calls before it ended their process (${error.message})` };
}

/** The completions of one request, counted through its groups, and what has come of them. */
class Job {
  readonly #groups: readonly HostGroup[];
  readonly #places: readonly { readonly group: number; readonly completion: HostCompletion }[];
  readonly #outcomes: (HostOutcome | undefined)[];

  constructor(groups: readonly HostGroup[]) {
    this.#groups = groups;
    this.#places = groups.flatMap(({ completions }, group) => completions.map((completion) => ({ group, completion })));
    this.#outcomes = this.#places.map(() => undefined);
  }

  get all(): number[] {
    return this.#places.map((_, place) => place);
  }

  rest(): number[] {
    return this.all.filter((place) => this.#outcomes[place] === undefined);
  }

  tell(place: number, outcome: HostOutcome): void {
    if (this.#places[place] === undefined) throw new Error(`internal: outcome of an unknown completion ${place}`);
    this.#outcomes[place] ??= outcome;
  }

  forget(places: readonly number[]): void {
    for (const place of places) this.#outcomes[place] = undefined;
  }

  failRest(error: RewardError): void {
    for (const place of this.rest()) this.tell(place, { ok: false, error });
  }

  hasFailed(places: readonly number[]): boolean {
    return places.every((place) => this.#outcomes[place]?.ok === false);
  }

  /** The places of each group apart. */
  groupsOf(places: readonly number[]): number[][] {
    const byGroup = new Map<number, number[]>();
    for (const place of places) {
      const group = this.#places[place]?.group ?? -1;
      byGroup.set(group, [...(byGroup.get(group) ?? []), place]);
    }
    return [...byGroup.values()];
  }

  /** Groups that hold the completions at these places only. */
  select(places: readonly number[], file: LoadedFile, name: string): HostGroup[] {
    const wantsTokenIds = file.wantsTokenIds.includes(name);
    return this.groupsOf(places).map((own) => {
      const first = this.#places[own[0] ?? -1];
      const group = this.#groups[first?.group ?? -1];
      if (group === undefined) throw new Error("internal: group missing");
      const completions = own.flatMap((place) => this.#places[place]?.completion ?? []);
      return { example: group.example, completions: wantsTokenIds ? completions : completions.map(withoutTokenIds) };
    });
  }

  outcomes(): HostOutcome[][] {
    const flat = this.#outcomes.map((outcome) => {
      if (outcome === undefined) throw new Error("internal: a completion without an outcome");
      return outcome;
    });
    let at = 0;
    return this.#groups.map(({ completions }) => flat.slice(at, (at += completions.length)));
  }
}

function withoutTokenIds({ tokenIds: _, ...completion }: HostCompletion): HostCompletion {
  return completion;
}

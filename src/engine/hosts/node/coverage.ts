import fs from "node:fs";
import { Session, type Profiler } from "node:inspector";
import { fileURLToPath } from "node:url";
import type { CoveredFile, CoveredLine } from "../hostProtocol.ts";
import { stripTypes, typescriptFile } from "./typescriptHooks.ts";

/** Which lines of the workspace's files each call takes, by V8's block coverage. Slow: for a sample, not for every score. */
export class CallCoverage {
  readonly #session = new Session();
  readonly #texts = new Map<string, string | null>();
  readonly #taken = new Map<string, FileTally>();
  readonly #isUsers: (file: string) => boolean;

  /** Has to be made before the calls; what ran until now does not count. */
  constructor(files: readonly string[]) {
    const known = new Set(files);
    this.#isUsers = (file) => known.has(file);
    this.#session.connect();
    this.#post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
    this.#take();
  }

  /** Counts what has run since the last call of this for these completions. */
  count(completions: readonly number[]): void {
    for (const { url, functions } of this.#take()) {
      const file = fileURLToPath(url);
      const text = this.#textOf(file);
      if (text === null) continue;
      const tally = this.#taken.get(file) ?? new FileTally(text);
      this.#taken.set(file, tally);
      tally.add(functions, completions);
    }
  }

  end(): CoveredFile[] {
    this.#session.disconnect();
    return [...this.#taken].map(([file, tally]) => ({ file, lines: tally.lines() }));
  }

  #take(): Profiler.ScriptCoverage[] {
    let result: Profiler.ScriptCoverage[] = [];
    // In the same thread the answer comes before post returns.
    this.#session.post("Profiler.takePreciseCoverage", (_error, answer) => (result = answer.result));
    return result.filter(({ url }) => url.startsWith("file:") && this.#isUsers(fileURLToPath(url)));
  }

  #post(method: string): void {
    this.#session.post(method);
  }

  /** Null where the text that runs has other places than the file: TypeScript that had to be rewritten. */
  #textOf(file: string): string | null {
    const known = this.#texts.get(file);
    if (known !== undefined) return known;
    const text = fs.readFileSync(file, "utf8");
    const isPlaced = !typescriptFile.test(file) || stripTypes(text, file) !== null;
    const placed = isPlaced ? text : null;
    this.#texts.set(file, placed);
    return placed;
  }
}

/** What calls took of a file: for each line the patterns of its characters that ran, and the completions behind each. */
class FileTally {
  readonly #text: string;
  readonly #starts: readonly number[];
  readonly #patterns: (Map<string, Set<number>> | undefined)[] = [];

  constructor(text: string) {
    this.#text = text;
    let start = 0;
    this.#starts = text.split("\n").map((line) => {
      start += line.length + 1;
      return start - line.length - 1;
    });
  }

  add(functions: readonly Profiler.FunctionCoverage[], completions: readonly number[]): void {
    const ran = ranOffsets(functions, this.#text.length);
    this.#starts.forEach((start, line) => {
      const end = (this.#starts[line + 1] ?? this.#text.length + 1) - 1;
      const pattern = patternOf(ran, this.#text, start, end);
      const isPassedBy = pattern.includes(didNot); // its function ran, and no call has come here yet
      if (!pattern.includes(didRun) && !isPassedBy) return;
      const patterns = (this.#patterns[line] ??= new Map<string, Set<number>>());
      if (!pattern.includes(didRun)) return;
      const known = patterns.get(pattern) ?? new Set<number>();
      patterns.set(pattern, known);
      for (const completion of completions) known.add(completion);
    });
  }

  lines(): CoveredLine[] {
    return this.#patterns.flatMap((patterns, line) => {
      if (patterns === undefined) return [];
      const taken = sorted(new Set([...patterns.values()].flatMap((of) => [...of])));
      return [{ line: line + 1, taken, branches: branchesOf(patterns, taken.length) }];
    });
  }
}

const didRun = "+";
const didNot = "-";
const noCode = " ";

/** A sign for each character of a line. Brackets and separators belong to no branch. */
function patternOf(ran: Uint8Array, text: string, start: number, end: number): string {
  let pattern = "";
  for (let at = start; at < end; at++) {
    const isCode = ran[at] !== 0 && !/[\s{}();,?:]/.test(text[at] ?? "");
    pattern += !isCode ? noCode : ran[at] === 1 ? didRun : didNot;
  }
  return pattern;
}

/** Stretches of a line that fewer calls took than the line itself. */
function branchesOf(patterns: ReadonlyMap<string, ReadonlySet<number>>, ofLine: number): CoveredLine["branches"] {
  const length = Math.max(0, ...[...patterns.keys()].map((pattern) => pattern.length));
  const branches: { start: number; end: number; taken: number[] }[] = [];
  for (let at = 0; at < length; at++) {
    const isCode = [...patterns.keys()].some((pattern) => pattern[at] !== noCode);
    const taken = sorted(new Set([...patterns].flatMap(([pattern, of]) => (pattern[at] === didRun ? [...of] : []))));
    const last = branches.at(-1);
    if (!isCode || taken.length === ofLine) continue;
    const goesOn = last !== undefined && last.taken.join() === taken.join() && isOneStretch(patterns, last.end, at);
    if (goesOn) last.end = at + 1;
    else branches.push({ start: at, end: at + 1, taken });
  }
  return branches;
}

/** Nothing but separators between two places. */
function isOneStretch(patterns: ReadonlyMap<string, unknown>, from: number, to: number): boolean {
  return [...patterns.keys()].every((pattern) => pattern.slice(from, to).trim() === "");
}

/** Whether each offset was inside code that ran: the innermost range that holds it decides. 0 unknown, 1 ran, 2 did not. */
function ranOffsets(functions: readonly Profiler.FunctionCoverage[], length: number): Uint8Array {
  const ran = new Uint8Array(length);
  const ranges = functions.flatMap((fn) => fn.ranges);
  const outerFirst = [...ranges].sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  for (const { startOffset, endOffset, count } of outerFirst) ran.fill(count > 0 ? 1 : 2, startOffset, endOffset);
  return ran;
}

function sorted(numbers: ReadonlySet<number>): number[] {
  return [...numbers].sort((a, b) => a - b);
}

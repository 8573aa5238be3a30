import type { ImportProblem } from "../../protocol/records.ts";

/** Problems that are kept with their places; the others are counted. */
const listed = 100;

/** What a reader says beside the rollouts: what it took for what, and what it could not read. */
export class LogReport {
  readonly #notes = new Set<string>();
  readonly #problems: ImportProblem[] = [];
  #unread = 0;

  /** Said once, however often. */
  note(text: string): void {
    this.#notes.add(text);
  }

  /** A line or row that is left out. */
  problem(where: string, message: string): void {
    this.#unread++;
    if (this.#problems.length < listed) this.#problems.push({ where, message });
  }

  get notes(): readonly string[] {
    return [...this.#notes];
  }

  get problems(): readonly ImportProblem[] {
    return this.#problems;
  }

  get unread(): number {
    return this.#unread;
  }
}

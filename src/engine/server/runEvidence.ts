import fs from "node:fs/promises";
import { UserError } from "../../protocol/errors.ts";
import type { EvaluationRecord, MetricsRecord, RunRecord } from "../../protocol/records.ts";
import { decodeIndex } from "../../protocol/rolloutIndex.ts";
import type { RunEvidence } from "../lint/run/evidence.ts";
import { groupsOfBlock, type GroupStats } from "../lint/run/groupStats.ts";
import { textStatsOf, type TextStats } from "../lint/run/textStats.ts";
import { fileSize } from "../store/lineFile.ts";
import { readEvaluations, readMetrics, readRunRecord } from "../store/readRun.ts";
import { openIndexFile } from "../store/rolloutIndex.ts";
import { listSteps, openRollouts } from "../store/rollouts.ts";
import { runFiles } from "../store/runPaths.ts";

/** Steps whose texts are read, at most. */
const mostTextSteps = 64;

/** What is kept of a value that rests on a file: it is read again when the file's size is another one. */
interface Kept<T> {
  readonly bytes: number;
  readonly value: T;
}

/**
 * Reads what the linter of runs looks at, and keeps it: the next reading of a run that goes on reads only what is new. A step
 * is a few numbers a group, so that 200,000 rollouts take some 10 MB.
 */
export class RunEvidenceReader {
  readonly #runDir: string;
  #record: RunRecord | undefined;
  readonly #groups = new Map<number, Kept<readonly GroupStats[]>>();
  readonly #texts = new Map<number, Kept<TextStats>>();
  readonly #evaluations = new Map<number, Kept<Omit<EvaluationRecord, "examples">>>();
  #metrics: Kept<readonly MetricsRecord[]> = { bytes: 0, value: [] };

  constructor(runDir: string) {
    this.#runDir = runDir;
  }

  /** @throws UserError not-found, bad-record; the signal's reason */
  async record(): Promise<RunRecord> {
    return (this.#record ??= await readRunRecord(this.#runDir));
  }

  /** Everything but repeated rewards. @throws as `record` */
  async read(cacheDir: string, signal?: AbortSignal): Promise<Omit<RunEvidence, "repeats">> {
    const { spec, imported } = await this.record();
    await this.#readGroups(cacheDir);
    const groups = [...this.#groups].sort(([a], [b]) => a - b).flatMap(([, { value }]) => value);
    await this.#readTexts(signal);
    const texts = [...this.#texts].sort(([a], [b]) => a - b).map(([, { value }]) => value);
    await this.#readMetrics();
    await this.#readEvaluations();
    const evaluations = [...this.#evaluations].sort(([a], [b]) => a - b).map(([, { value }]) => value);
    return { spec, isImported: imported !== undefined, groups, texts, metrics: this.#metrics.value, evaluations };
  }

  async #readGroups(cacheDir: string): Promise<void> {
    const { spec } = await this.record();
    const { file, bytes } = await openIndexFile(this.#runDir, cacheDir);
    const blocks = decodeIndex((await fs.readFile(file)).subarray(0, bytes));
    const steps = new Set(blocks.map(({ header }) => header.step));
    forgetOthers(this.#groups, steps); // a resume has gone back behind them
    for (const block of blocks) {
      const { step, fileBytes } = block.header;
      if (this.#groups.get(step)?.bytes === fileBytes) continue;
      this.#groups.set(step, { bytes: fileBytes, value: groupsOfBlock(block, spec) });
    }
  }

  async #readTexts(signal: AbortSignal | undefined): Promise<void> {
    const steps = spreadSteps([...this.#groups.keys()].sort((a, b) => a - b));
    forgetOthers(this.#texts, new Set(steps));
    const rollouts = openRollouts(this.#runDir);
    for (const step of steps) {
      signal?.throwIfAborted();
      const bytes = this.#groups.get(step)?.bytes ?? 0;
      if (this.#texts.get(step)?.bytes === bytes) continue;
      try {
        this.#texts.set(step, { bytes, value: textStatsOf(step, await rollouts.readStep(step)) });
      } catch (error) {
        if (!UserError.is(error, "not-found")) throw error; // a resume has just gone back behind it
      }
    }
  }

  async #readMetrics(): Promise<void> {
    const bytes = await fileSize(runFiles.metrics(this.#runDir));
    if (bytes !== this.#metrics.bytes) this.#metrics = { bytes, value: await readMetrics(this.#runDir) };
  }

  async #readEvaluations(): Promise<void> {
    const steps = await listSteps(runFiles.evaluationDir(this.#runDir), ".json");
    forgetOthers(this.#evaluations, new Set(steps));
    for (const step of steps) {
      const bytes = await fileSize(runFiles.evaluation(this.#runDir, step));
      if (this.#evaluations.get(step)?.bytes === bytes) continue;
      for (const { examples: _, ...value } of await readEvaluations(this.#runDir, [step])) {
        this.#evaluations.set(step, { bytes, value });
      }
    }
  }
}

/**
 * At most so many steps, spread over all: every 1st, 2nd, 4th, … one of them. A run that goes on keeps half of its choice when
 * it has outgrown it, so that no step is read twice.
 */
export function spreadSteps(steps: readonly number[], most: number = mostTextSteps): number[] {
  let stride = 1;
  while (Math.ceil(steps.length / stride) > most) stride *= 2;
  return steps.filter((_, i) => i % stride === 0);
}

function forgetOthers(known: Map<number, unknown>, steps: ReadonlySet<number>): void {
  for (const step of known.keys()) if (!steps.has(step)) known.delete(step);
}

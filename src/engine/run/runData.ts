import { createHash } from "node:crypto";
import { UserError } from "../../protocol/errors.ts";
import type { RunRecord } from "../../protocol/records.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { TaskId } from "../../protocol/tasks.ts";
import type { DataProblem, Dataset, Example } from "../data/example.ts";
import { readDataset } from "../data/readDataset.ts";
import { readTemplates } from "../data/templates.ts";
import { buildPrompt, promptFingerprint, promptOf } from "../tasks/prompt.ts";
import type { WeightedExamples } from "./promptOrder.ts";

/** Everything that a run reads from its dataset and prompt files, read once at its start. */
export interface RunData {
  readonly training: readonly WeightedExamples[];
  readonly evaluation: readonly Dataset[];
  readonly problems: readonly DataProblem[];
  readonly hashes: Pick<RunRecord["hashes"], "datasets" | "prompts">;
  /** Text of the user turn. */
  readonly promptText: (example: Example) => string;
}

export interface ReadRunDataOptions {
  /**
   * An evaluation looks at training data only to fit baselines, so there it may be missing: what cannot be read is told
   * and left out.
   */
  readonly onUnreadableTraining?: ((error: UserError) => void) | undefined;
}

/** @throws UserError bad-data, bad-spec, not-found; bad-data too when no training example is left. */
export async function readRunData(
  spec: RunSpec,
  baseDir: string,
  { onUnreadableTraining }: ReadRunDataOptions = {},
): Promise<RunData> {
  const prompts = readPrompts(spec, baseDir);
  const training: (WeightedExamples & Dataset)[] = [];
  for (const dataset of spec.data) {
    try {
      training.push({ ...(await readDataset(dataset, baseDir)), weight: dataset.weight });
    } catch (error) {
      if (onUnreadableTraining === undefined || !UserError.is(error)) throw error;
      onUnreadableTraining(error);
    }
  }
  const evaluation: Dataset[] = [];
  for (const dataset of spec.evaluate.data) evaluation.push(await readDataset(dataset, baseDir));
  if (onUnreadableTraining === undefined && training.every((dataset) => dataset.examples.length === 0))
    throw noExamples(spec);
  const hashes = {
    datasets: Object.fromEntries([
      ...training.map(({ id, hash }) => [id, hash] as const),
      ...evaluation.map(({ id, hash }) => [`evaluate/${id}`, hash] as const),
    ]),
    prompts: prompts.hashes,
  };
  const problems = [...training, ...evaluation].flatMap((dataset) => dataset.problems);
  return { training, evaluation, problems, hashes, promptText: prompts.textOf };
}

/** The prompts of a specification with their templates. */
export interface Prompts {
  /** sha256 of the wording, hex, by task. */
  readonly hashes: RunRecord["hashes"]["prompts"];
  /** Text of the user turn. */
  readonly textOf: (example: Example) => string;
}

/** @throws UserError not-found for a template. */
export function readPrompts(spec: Pick<RunSpec, "prompts" | "data" | "evaluate">, baseDir: string): Prompts {
  const templates = readTemplates(spec.prompts, baseDir);
  return {
    hashes: hashPrompts(spec, templates),
    textOf: (example) => buildPrompt(example, promptOf(spec.prompts, example.task), templates[example.task]),
  };
}

/**
 * A run that goes on must go on with the same data: its cursor counts rows.
 * @throws UserError bad-data naming the dataset that has changed since the run was started.
 * @returns tasks whose prompt has changed, by an edited template or by another version of this program.
 */
export function checkUnchanged(data: RunData, record: RunRecord): TaskId[] {
  for (const [id, hash] of Object.entries(data.hashes.datasets)) {
    const before = record.hashes.datasets[id];
    if (before === undefined || before === hash) continue;
    throw new UserError({
      code: "bad-data",
      where: id,
      message: "the annotation file of this dataset has changed since the run was started",
      hint: "Put the old file back to resume this run, or start a new run.",
    });
  }
  const { prompts } = data.hashes;
  // SAFETY: the keys were made from task ids by hashPrompts.
  return (Object.keys(prompts) as TaskId[]).filter((task) => prompts[task] !== record.hashes.prompts[task]);
}

function hashPrompts(
  spec: Pick<RunSpec, "prompts" | "data" | "evaluate">,
  templates: Partial<Record<TaskId, string>>,
): Record<string, string> {
  const tasks = new Set([...spec.data, ...spec.evaluate.data].map((dataset) => dataset.task));
  const hashOf = (task: TaskId): string => {
    const text = promptFingerprint(task, promptOf(spec.prompts, task), templates[task]);
    return createHash("sha256").update(text).digest("hex");
  };
  return Object.fromEntries([...tasks].sort().map((task) => [task, hashOf(task)]));
}

function noExamples(spec: RunSpec): UserError {
  return new UserError({
    code: "bad-data",
    where: spec.data.map((dataset) => dataset.path).join(", "),
    message: "expected training examples, found none that can be used",
    hint: 'The log names each row that was left out; "video-rft data check" lists them too.',
  });
}

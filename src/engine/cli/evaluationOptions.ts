import type { RunSpec } from "../../protocol/spec.ts";
import { parserNames, type ParserName } from "../tasks/parseAnswer.ts";
import { promptOf } from "../tasks/prompt.ts";
import { evaluationSampling } from "../run/evaluation.ts";
import type { SamplingOptions } from "../run/backend.ts";
import { integerOption, listOption, textOption, UsageError, type CommandInput } from "./command.ts";

/** What the command line of `eval` says, checked. */
export interface EvaluationOptions {
  readonly sampling: SamplingOptions;
  readonly samples: number;
  readonly batch: number;
  readonly parser: ParserName;
  readonly variants: readonly PromptVariant[];
}

/** The evaluation's prompts, with or without reasoning. */
export interface PromptVariant {
  /** "" for the prompts as the specification has them, else "think" or "no-think". */
  readonly name: string;
  readonly prompts: RunSpec["prompts"];
}

/** Questions of one call of the backend: what a kill can lose, and what is decoded together. */
const defaultBatch = 16;

/** The specification with the datasets that --dataset names; all of them without it. Throws UsageError. */
export function withChosenDatasets(input: CommandInput, spec: RunSpec): RunSpec {
  const chosen = listOption(input, "dataset");
  if (chosen.length === 0) return spec;
  const known = spec.evaluate.data.map(({ id }) => id);
  const unknown = chosen.find((id) => !known.includes(id));
  if (unknown !== undefined) {
    throw new UsageError(`--dataset: expected one of ${known.join(", ")} (evaluate.data), found "${unknown}"`);
  }
  const data = spec.evaluate.data.filter(({ id }) => chosen.includes(id));
  return { ...spec, evaluate: { ...spec.evaluate, data } };
}

/** @throws UsageError */
export function evaluationOptions(input: CommandInput, spec: RunSpec): EvaluationOptions {
  const samples = integerOption(input, "samples", 1) ?? 1;
  const sampling = { ...evaluationSampling(spec), ...temperatureOf(input) };
  if (samples > 1 && sampling.temperature === 0) {
    throw new UsageError("--samples: greedy decoding gives the same answer each time; add --temperature, e.g. 1");
  }
  const batch = integerOption(input, "batch", 1) ?? Math.max(1, Math.floor(defaultBatch / samples));
  return { sampling, samples, batch, parser: parserOf(input), variants: variantsOf(input, spec) };
}

function temperatureOf(input: CommandInput): { temperature?: number } {
  const text = textOption(input, "temperature");
  if (text === undefined) return {};
  const temperature = Number(text);
  if (text.trim() === "" || !Number.isFinite(temperature) || temperature < 0) {
    throw new UsageError(`--temperature: expected a number of at least 0, found "${text}"`);
  }
  return { temperature };
}

function parserOf(input: CommandInput): ParserName {
  const text = textOption(input, "parser") ?? "tagged";
  const parser = parserNames.find((name) => name === text);
  if (parser === undefined) {
    throw new UsageError(`--parser: expected ${parserNames.join(" or ")}, found "${text}"`);
  }
  return parser;
}

function variantsOf({ options }: CommandInput, spec: RunSpec): PromptVariant[] {
  const tasks = [...new Set(spec.evaluate.data.map(({ task }) => task))];
  const withThink = (think: boolean): RunSpec["prompts"] =>
    Object.fromEntries(tasks.map((task) => [task, { ...promptOf(spec.prompts, task), think }]));
  const variants = [
    ...(options["think"] === true ? [{ name: "think", prompts: withThink(true) }] : []),
    ...(options["no-think"] === true ? [{ name: "no-think", prompts: withThink(false) }] : []),
  ];
  return variants.length === 0 ? [{ name: "", prompts: spec.prompts }] : variants;
}

import assert from "node:assert/strict";
import path from "node:path";
import type { RunSpecInput } from "../../../src/protocol/spec.ts";
import type { ScoredGroup } from "../../../src/engine/grpo/grpoStep.ts";
import { prepareTokens } from "../../../src/engine/policy/preparedPrompt.ts";
import type { PolicyConfig } from "../../../src/engine/policy/config.ts";
import { SafetensorsFile } from "../../../src/engine/policy/safetensors.ts";
import { readJson, relativeError, tinyContent, visualsIn, type TinyPart } from "../policy/tinyPolicy.ts";

type LoraTarget = NonNullable<NonNullable<NonNullable<RunSpecInput["policy"]["lora"]>["targets"]>>[number];

/** What PyTorch computed, each completion with its own copy of the prompt: test/python/makeGrpoFixture.py. */
export interface Expected {
  readonly options: {
    readonly epsilon: number;
    readonly epsilonHigh: number;
    readonly temperature: number;
    readonly maxCompletionLength: number;
  };
  readonly lora: { readonly rank: number; readonly alpha: number; readonly targets: LoraTarget[] };
  readonly adamw: {
    readonly learningRate: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly weightDecay: number;
    readonly maxGradNorm: number;
  };
  /** By "<loss type>/<importance sampling level>/<beta>", "sft", "lora". */
  readonly losses: Readonly<Record<string, number>>;
  readonly clipped: Readonly<Record<string, number>>;
  readonly groups: readonly ExpectedGroup[];
}

export interface ExpectedGroup {
  readonly visuals: readonly TinyPart[];
  readonly promptIds: readonly number[];
  readonly completions: readonly (readonly number[])[];
  readonly advantages: readonly number[];
  readonly logprobs: readonly (readonly number[])[];
  readonly oldLogprobs: readonly (readonly number[])[];
  readonly refLogprobs: readonly (readonly number[])[];
  readonly loraLogprobs: readonly (readonly number[])[];
}

/** The fixture with all losses, or the folder in it of one architecture. */
export type GrpoFixture = "" | "qwen2-vl" | "qwen2.5-vl" | "qwen3-vl";

function pathIn(fixture: GrpoFixture, name: string): string {
  return path.resolve("test", "fixtures", "grpo", fixture, name);
}

export function readExpected(fixture: GrpoFixture = ""): Expected {
  return readJson<Expected>(pathIn(fixture, "expected.json"));
}

/** Tensors of `<prefix>/…`, by the rest of their names. */
export async function readTensors(prefix: string, fixture: GrpoFixture = ""): Promise<Map<string, Float32Array>> {
  return readAll(pathIn(fixture, "expected.safetensors"), (name) =>
    name.startsWith(`${prefix}/`) ? name.slice(prefix.length + 1) : undefined,
  );
}

/** The adapter of the fixture as peft wrote it, by our names. */
export async function readAdapter(fixture: GrpoFixture = ""): Promise<Map<string, Float32Array>> {
  return readAll(pathIn(fixture, "adapter.safetensors"), (name) =>
    name.replace("base_model.model.model.language_model.", "model."),
  );
}

export function scoredGroups(expected: Expected, config: PolicyConfig): ScoredGroup[] {
  return expected.groups.map((group) => ({
    prompt: prepareTokens(group.promptIds, visualsIn(tinyContent(group.visuals)), config),
    tokens_G_T: group.completions.map((tokens) => Int32Array.from(tokens)),
    oldLogprobs_G_T: floatRows(group.oldLogprobs),
    advantages_G: group.advantages,
    isMasked_G: group.completions.map(() => false),
  }));
}

export function floatRows(rows: readonly (readonly number[])[]): Float32Array[] {
  return rows.map((row) => Float32Array.from(row));
}

export function compareGradients(
  what: string,
  found: ReadonlyMap<string, Float32Array>,
  known: ReadonlyMap<string, Float32Array>,
): void {
  assert.deepEqual([...found.keys()].sort(), [...known.keys()].sort());
  const errors = [...known].map(([name, gradient]) => ({
    name,
    error: relativeError(found.get(name) ?? [], gradient),
  }));
  const [worst] = errors.sort((a, b) => b.error - a.error);
  console.log(`worst gradient of ${what}: ${worst?.name} ${worst?.error.toExponential(1)}`);
  for (const { name, error } of errors) assert.ok(error < 1e-4, `the gradient of ${name} is off by ${error}`);
}

async function readAll(path: string, keyOf: (name: string) => string | undefined): Promise<Map<string, Float32Array>> {
  const file = await SafetensorsFile.open(path);
  try {
    const found = new Map<string, Float32Array>();
    for (const tensor of file.names) {
      const key = keyOf(tensor);
      if (key !== undefined) found.set(key, await file.read(tensor));
    }
    return found;
  } finally {
    await file.close();
  }
}

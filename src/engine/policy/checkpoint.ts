import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import fs from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import { sameShape } from "../graph/types.ts";
import { rememberedHash, stateOf } from "../video/hashMemo.ts";
import { readPolicyConfig, type PolicyConfig } from "./config.ts";
import { canonicalName, parameterSpecs, savedName } from "./parameters.ts";
import { findAdapters, modelDirOf } from "./peftAdapter.ts";
import { SafetensorsFile, writeSafetensors } from "./safetensors.ts";

/** Weights by parameter name, float32, in the order of `parameterSpecs`. */
export type Weights = Map<string, Float32Array>;

export interface Checkpoint {
  /** As it was named: the model's folder, or that of an adapter, which `weights` have in them. */
  readonly dir: string;
  /** Where config.json and the tokenizer are. */
  readonly modelDir: string;
  readonly config: PolicyConfig;
  readonly weights: Weights;
}

/** Files beside the weights that belong to a checkpoint; copied when one is written. */
const companions = [
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  "chat_template.json",
  "generation_config.json",
  "preprocessor_config.json",
  "video_preprocessor_config.json",
];

/** The architecture of a checkpoint, without its weights. @throws UserError "bad-checkpoint" naming the file */
export async function readCheckpointConfig(dir: string): Promise<PolicyConfig> {
  const modelDir = modelDirOf(dir);
  const file = path.join(modelDir, "config.json");
  return withGenerationEnds(readPolicyConfig(await readJson(file), file), modelDir);
}

/**
 * Reads a Hugging Face checkpoint directory: config.json, model.safetensors or its shards.
 * @throws UserError "bad-checkpoint" naming the file and the tensor
 */
export async function readCheckpoint(dir: string): Promise<Checkpoint> {
  const config = await readCheckpointConfig(dir);
  const { files: paths, table } = await findWeights(dir);
  const files: SafetensorsFile[] = [];
  try {
    // One by one: those that are open are closed again when another cannot be.
    for (const file of paths) files.push(await SafetensorsFile.open(file));
    const owners = new Map(files.flatMap((file) => file.names.map((name) => [canonicalName(name), { file, name }])));
    const weights: Weights = new Map();
    for (const { name, shape } of parameterSpecs(config)) {
      const owner = owners.get(name);
      if (owner === undefined)
        throw badTensor(table, `tensor ${name} is missing; expected shape [${shape.join(", ")}]`);
      const found = owner.file.shapeOf(owner.name) ?? [];
      if (!sameShape(found, shape)) {
        throw badTensor(
          owner.file.path,
          `tensor ${name} has shape [${found.join(", ")}]; config.json asks for [${shape.join(", ")}]`,
        );
      }
      weights.set(name, await owner.file.read(owner.name));
    }
    return { dir, modelDir: dir, config, weights };
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

/** A completion also ends at the tokens of generation_config.json, as with transformers' `generate`. */
async function withGenerationEnds(config: PolicyConfig, dir: string): Promise<PolicyConfig> {
  const file = path.join(dir, "generation_config.json");
  if (!(await exists(file))) return config;
  // SAFETY: what is not a number is left out below.
  const ends = (await readJson(file)) as { eos_token_id?: unknown } | null;
  const more = [ends?.eos_token_id].flat().filter((id) => typeof id === "number");
  return { ...config, eosTokenIds: [...new Set([...config.eosTokenIds, ...more])] };
}

/** Writes a full checkpoint that transformers loads, with the tokenizer of the checkpoint it came from. */
export async function writeCheckpoint(
  dir: string,
  checkpoint: Checkpoint,
  dtype: "float32" | "bfloat16",
): Promise<void> {
  await fs.mkdir(dir, { recursive: true });
  const tensors = parameterSpecs(checkpoint.config).map(({ name, shape }) => ({
    name: savedName(name, checkpoint.config),
    shape,
    data: weightOf(checkpoint.weights, name),
  }));
  await writeSafetensors(path.join(dir, "model.safetensors"), tensors, dtype);
  await fs.writeFile(path.join(dir, "config.json"), JSON.stringify(checkpoint.config.raw, null, 2) + "\n");
  for (const name of companions) {
    await fs.copyFile(path.join(checkpoint.modelDir, name), path.join(dir, name)).catch(ignoreMissing);
  }
}

/**
 * Hash of everything that decides what the policy answers: weights, adapter, config, tokenizer. Hex sha256.
 * @param cacheDir remembers it there for as long as the files do not change: 3B parameters take seconds to read
 */
export async function hashCheckpoint(dir: string, cacheDir?: string): Promise<string> {
  const files = await filesOf(dir);
  if (cacheDir === undefined) return sha256Of(files);
  return rememberedHash(cacheDir, path.resolve(dir), await stateOf(files), () => sha256Of(files));
}

async function filesOf(dir: string): Promise<string[]> {
  const { adapters, modelDir } = findAdapters(dir);
  const { files } = await findWeights(modelDir);
  return [
    ...adapters.flatMap(({ weightsFile, configFile }) => [weightsFile, configFile]),
    ...files,
    ...["config.json", "tokenizer.json"].map((name) => path.join(modelDir, name)),
  ];
}

async function sha256Of(files: readonly string[]): Promise<string> {
  const hash = createHash("sha256");
  for (const file of files) {
    // SAFETY: a stream without encoding gives buffers. (A file of over 2 GiB cannot be read at once.)
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  }
  return hash.digest("hex");
}

export function weightOf(weights: Weights, name: string): Float32Array {
  const data = weights.get(name);
  if (data === undefined) throw new Error(`internal: no weight ${name}`);
  return data;
}

/** Files of the weights, and the one that says what they hold. */
async function findWeights(dir: string): Promise<{ files: readonly string[]; table: string }> {
  const indexFile = path.join(dir, "model.safetensors.index.json");
  const single = path.join(dir, "model.safetensors");
  if (await exists(single)) return { files: [single], table: single };
  if (!(await exists(indexFile))) {
    throw new UserError({
      code: "bad-checkpoint",
      where: dir,
      message: "found neither model.safetensors nor model.safetensors.index.json.",
      hint: 'Set "policy.model" to a Hugging Face checkpoint directory.',
    });
  }
  const index = await readJson(indexFile);
  // SAFETY: a file list that is not one gives no files, and the missing tensors are reported by name.
  const map = (index as { weight_map?: Record<string, string> }).weight_map ?? {};
  const files = [...new Set(Object.values(map))].sort().map((file) => path.join(dir, path.basename(file)));
  return { files, table: indexFile };
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await fs.readFile(file, "utf8"));
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT"; // SAFETY: fs and JSON errors only
    throw new UserError(
      {
        code: "bad-checkpoint",
        where: file,
        message: missing ? "the file is missing." : "the file is not readable JSON.",
        hint: 'Set "policy.model" to a Hugging Face checkpoint directory.',
      },
      { cause },
    );
  }
}

async function exists(file: string): Promise<boolean> {
  return fs.access(file).then(
    () => true,
    () => false,
  );
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== "ENOENT") throw error;
}

function badTensor(file: string, message: string): UserError {
  return new UserError({
    code: "bad-checkpoint",
    where: file,
    message: `${message}.`,
    hint: "Use a complete checkpoint, with the config.json that belongs to it.",
  });
}

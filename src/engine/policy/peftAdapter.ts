import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { z } from "zod";
import { UserError } from "../../protocol/errors.ts";

/** A LoRA adapter by itself, as PEFT, ms-swift and TRL write it. */
export interface PeftAdapter {
  readonly configFile: string;
  readonly weightsFile: string;
  /** Folder of what it adapts: a model, or another adapter. */
  readonly baseDir: string;
  readonly config: AdapterConfig;
}

/** Keys of PEFT's LoraConfig with which an adapter is more than W + scale B A: DoRA, activated LoRA, repeated layers and so on. */
const otherKinds =
  /^(use_(?!rslora$).+|alora_invocation_tokens|layer_replication|lora_bias|fan_in_fan_out|target_parameters|trainable_token_indices|(arrow|kasa|velora|monteclora)_config)$/;

/** Those that decide the scale; `alpha_pattern` holds regular expressions of module names. */
const adapterSchema = z
  .looseObject({
    peft_type: z.literal("LORA"),
    base_model_name_or_path: z.string().min(1),
    revision: z.string().nullish(),
    lora_alpha: z.number().positive(),
    use_rslora: z.boolean().default(false),
    bias: z.literal("none").default("none"),
    // PiSSA, OLoRA and others change the weights of the model too, and an adapter does not say how.
    init_lora_weights: z.union([z.boolean(), z.literal("gaussian")]).nullish(),
    alpha_pattern: z.record(z.string().refine(isExpression), z.number().positive()).nullish(),
  })
  .superRefine((config, context) => {
    for (const [key, value] of Object.entries(config)) {
      if (!otherKinds.test(key) || value === false || value === null) continue;
      context.addIssue({ code: "custom", path: [key], message: `found ${JSON.stringify(value)}` });
    }
  })
  .transform((config) => ({
    baseName: config.base_model_name_or_path,
    revision: config.revision ?? "main",
    alpha: config.lora_alpha,
    isRankStabilised: config.use_rslora,
    alphaOfModules: Object.entries(config.alpha_pattern ?? {}).map(([key, alpha]) => ({
      modules: moduleExpression(key),
      alpha,
    })),
  }));
export type AdapterConfig = z.output<typeof adapterSchema>;

/** As PEFT matches the keys of its patterns: the end of a module's name. */
function moduleExpression(key: string): RegExp {
  return new RegExp(`^(.*\\.)?(${key})$`);
}

/** Python knows some that JavaScript does not. */
function isExpression(key: string): boolean {
  try {
    moduleExpression(key);
    return true;
  } catch {
    return false;
  }
}

const adapterConfigName = "adapter_config.json";

/** Whether a folder holds an adapter and no model of its own. */
function isAdapterFolder(dir: string): boolean {
  return fs.existsSync(path.join(dir, adapterConfigName)) && !fs.existsSync(path.join(dir, "config.json"));
}

/**
 * The adapter of a folder, and where its model is: at the path that it names, or in Hugging Face's cache.
 * @param above folders of the adapters that stand on this one
 * @returns null for a folder that holds a model, or nothing of either
 * @throws UserError "bad-checkpoint"; "unsupported" for adapters of other kinds
 */
function findAdapter(dir: string, above: readonly string[] = []): PeftAdapter | null {
  if (!isAdapterFolder(dir)) return null;
  const configFile = path.join(dir, adapterConfigName);
  if (above.includes(dir)) {
    const hint = 'Set "base_model_name_or_path" there to the folder of a model.';
    throw bad(configFile, "the adapter stands on itself, and on no model.", hint);
  }
  const weightsFile = path.join(dir, "adapter_model.safetensors");
  const config = readConfig(configFile);
  if (!fs.existsSync(weightsFile)) {
    throw bad(weightsFile, "the adapter's weights are missing.", "Complete the folder, or save them as safetensors.");
  }
  return { configFile, weightsFile, baseDir: findBase(dir, configFile, config), config };
}

/** The adapters of a folder, the uppermost first, and the folder of the model under them. @throws UserError "bad-checkpoint"; "unsupported" */
export function findAdapters(dir: string): { readonly adapters: readonly PeftAdapter[]; readonly modelDir: string } {
  const adapters: PeftAdapter[] = [];
  const above: string[] = [];
  let modelDir = path.resolve(dir);
  for (let next = findAdapter(modelDir); next !== null; next = findAdapter(modelDir, above)) {
    adapters.push(next);
    above.push(modelDir);
    modelDir = path.resolve(next.baseDir);
  }
  return { adapters, modelDir };
}

/** Folder of config.json and of the tokenizer: the checkpoint's own, or that of the model under its adapters. @throws as findAdapters */
export function modelDirOf(dir: string): string {
  const { adapters, modelDir } = findAdapters(dir);
  return adapters.length === 0 ? dir : modelDir;
}

function readConfig(file: string): AdapterConfig {
  let json: unknown;
  try {
    json = JSON.parse(fs.readFileSync(file, "utf8"));
  } catch (cause) {
    throw bad(file, "the file is not readable JSON.", "Copy the adapter again.", cause);
  }
  const result = adapterSchema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new UserError({
    code: "unsupported",
    where: file,
    message: `"${issue?.path.join(".") ?? ""}": ${issue?.message ?? "not as PEFT writes it"}. Only plain LoRA is read.`,
    hint: "Merge the adapter into its model with PEFT (merge_and_unload), and take the merged checkpoint.",
  });
}

/** PEFT takes a path as it stands; a name of the hub is looked for where huggingface_hub keeps its downloads. */
function findBase(dir: string, configFile: string, { baseName: name, revision }: AdapterConfig): string {
  const cache = process.env["HF_HUB_CACHE"] ?? path.join(process.env["HF_HOME"] ?? userCache(), "hub");
  const model = path.join(cache, `models--${name.replaceAll("/", "--")}`);
  const places = [path.resolve(dir, name)];
  if (!path.isAbsolute(name)) places.push(path.join(model, "snapshots", snapshotOf(model, revision)));
  const found = places.find((place) => fs.existsSync(path.join(place, "config.json")) || isAdapterFolder(place));
  if (found !== undefined) return found;
  throw bad(
    configFile,
    `expected the model that the adapter belongs to, "${name}", found none at ${places.join(" and at ")}.`,
    'Set "base_model_name_or_path" there to the folder of the model.',
  );
}

function userCache(): string {
  return path.join(process.env["XDG_CACHE_HOME"] ?? path.join(os.homedir(), ".cache"), "huggingface");
}

/** A branch is a file that holds the commit; a commit stands for itself. */
function snapshotOf(model: string, revision: string): string {
  const file = path.join(model, "refs", revision);
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim() : revision;
}

function bad(where: string, message: string, hint: string, cause?: unknown): UserError {
  return new UserError({ code: "bad-checkpoint", where, message, hint }, { cause });
}

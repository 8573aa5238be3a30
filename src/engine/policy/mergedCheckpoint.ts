import os from "node:os";
import { UserError } from "../../protocol/errors.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { sameShape, type Graph } from "../graph/types.ts";
import { GraphCache } from "../runtime/graphCache.ts";
import { readCheckpoint, type Checkpoint } from "./checkpoint.ts";
import { canonicalName, parameterSpecs } from "./parameters.ts";
import { findAdapters, type AdapterConfig, type PeftAdapter } from "./peftAdapter.ts";
import { SafetensorsFile } from "./safetensors.ts";

/**
 * Reads a model's directory, or that of an adapter, which is merged into its model after those that it stands on.
 * @throws UserError as readCheckpoint and findAdapters
 */
export async function readMergedCheckpoint(dir: string): Promise<Checkpoint> {
  const { adapters, modelDir } = findAdapters(dir);
  if (adapters.length === 0) return readCheckpoint(dir);
  const model = await readCheckpoint(modelDir);
  for (const adapter of [...adapters].reverse()) await mergeAdapter(adapter, model);
  return { ...model, dir };
}

/**
 * *Merge*: W + scale B A for every module that the adapter has matrices of; modules that were trained as a whole
 * (`modules_to_save`) take the place of the model's. In place. The scale is PEFT's: alpha / rank, with rsLoRA alpha / sqrt(rank).
 * @throws UserError "bad-checkpoint" when its tensors are not those of the model
 */
async function mergeAdapter(
  { weightsFile, config: adapter }: PeftAdapter,
  { config, weights }: Checkpoint,
): Promise<void> {
  const specs = parameterSpecs(config);
  const file = await SafetensorsFile.open(weightsFile);
  const graphs = new GraphCache({ threads: os.availableParallelism(), hasArena: false });
  try {
    for (const { name, module, a, b } of placesOf(file)) {
      const spec = specs.find((one) => one.name === name);
      const weight = weights.get(name);
      if (spec === undefined || weight === undefined) throw bad(weightsFile, `the model has no ${name}.`, ownModel);
      if (a === null) {
        expectShape(file, b, spec.shape);
        weight.set(await file.read(b));
        continue;
      }
      const [out = 0, width = 0] = spec.shape;
      const [rank = 0] = file.shapeOf(a) ?? [];
      expectShape(file, a, [rank, width]);
      expectShape(file, b, [out, rank]);
      const scale = scaleOf(adapter, [module, name.replace(/\.weight$/, "")], rank);
      const graph = await graphs.get(`${out}x${width}x${rank}`, () => buildMerge(out, width, rank));
      const feeds = { weight, a: await file.read(a), b: (await file.read(b)).map((x) => scale * x) };
      await graph.run(feeds, { merged: weight });
    }
  } finally {
    await graphs.dispose();
    await file.close();
  }
}

const ownModel = 'Correct "base_model_name_or_path": an adapter fits the model only that it was trained on.';

/** A parameter's name, and the tensors that change it: A and B, or with A null one that replaces it. */
interface AdaptedPlace {
  readonly name: string;
  /** The module as the adapter's library names it. */
  readonly module: string;
  readonly a: string | null;
  readonly b: string;
}

function placesOf(file: SafetensorsFile): AdaptedPlace[] {
  const places: AdaptedPlace[] = [];
  for (const tensor of file.names) {
    const [, inModel] = /^base_model\.model\.(.+)$/.exec(tensor) ?? [];
    const [, module, matrix] = /^(.+)\.lora_([AB])\.weight$/.exec(inModel ?? "") ?? [];
    if (inModel === undefined || (module === undefined && inModel.includes("lora_")))
      throw bad(file.path, `tensor ${tensor} is none of a layer's LoRA.`, "Merge the adapter with PEFT.");
    if (module === undefined) places.push({ name: canonicalName(inModel), module: inModel, a: null, b: tensor });
    if (module === undefined || matrix === "A") continue; // A comes with its B
    const a = tensor.replace(/\.lora_B\.weight$/, ".lora_A.weight");
    if (file.shapeOf(a) === undefined) throw bad(file.path, `tensor ${a} is missing.`, complete);
    places.push({ name: canonicalName(`${module}.weight`), module, a, b: tensor });
  }
  return places;
}

const complete = "Copy the adapter again.";

/** @param names of the module: its own, and that of older releases, which older adapters' patterns are of */
function scaleOf(
  { alpha, alphaOfModules, isRankStabilised }: AdapterConfig,
  names: readonly string[],
  rank: number,
): number {
  const own = alphaOfModules.find(({ modules }) => names.some((name) => modules.test(name)));
  return (own?.alpha ?? alpha) / (isRankStabilised ? Math.sqrt(rank) : rank);
}

function buildMerge(out: number, width: number, rank: number): Graph {
  const g = new GraphBuilder("merge");
  const update = g.matmul(g.input("b", [out, rank]), g.input("a", [rank, width]));
  g.output("merged", g.add(g.input("weight", [out, width]), update));
  return g;
}

function expectShape(file: SafetensorsFile, tensor: string, shape: readonly number[]): void {
  const found = file.shapeOf(tensor) ?? [];
  if (sameShape(found, shape)) return;
  throw bad(
    file.path,
    `tensor ${tensor} has shape [${found.join(", ")}]; the model asks for [${shape.join(", ")}].`,
    ownModel,
  );
}

function bad(where: string, message: string, hint: string): UserError {
  return new UserError({ code: "bad-checkpoint", where, message, hint });
}

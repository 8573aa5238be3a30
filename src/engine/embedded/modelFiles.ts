import fs from "node:fs";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import { modelDirOf } from "../policy/peftAdapter.ts";

const wanted = [["config.json"], ["tokenizer.json"], ["model.safetensors", "model.safetensors.index.json"]] as const;

/** What the folder of a policy lacks, a sentence each: files of a model, an adapter's weights, or the model under it. */
export function missingModelFiles(dir: string): string[] {
  let modelDir: string;
  try {
    modelDir = modelDirOf(dir);
  } catch (error) {
    if (!UserError.is(error)) throw error;
    return [`${error.message} ${error.hint ?? ""}`.trim()];
  }
  const isThere = (name: string): boolean =>
    fs.statSync(path.join(modelDir, name), { throwIfNoEntry: false })?.isFile() === true;
  return wanted
    .filter((names) => !names.some(isThere))
    .map(
      (names) =>
        `expected ${names.join(" or ")} in the checkpoint directory ${modelDir}, found none. Complete its download.`,
    );
}

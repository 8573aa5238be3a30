import fs from "node:fs";
import path from "node:path";
import type { ChatSource } from "../../protocol/chat.ts";
import { UserError } from "../../protocol/errors.ts";
import { validateSpec, type RunSpec } from "../../protocol/spec.ts";
import { loadSpec } from "../data/specFile.ts";
import { findNewestCheckpoint } from "../store/checkpoints.ts";
import { readRunRecord } from "../store/readRun.ts";
import { runFiles, stepName, stepOfName } from "../store/runPaths.ts";

/** A policy as a backend opens it. */
export interface ChatTarget {
  readonly name: string;
  /** Folder of its weights, or of its adapter. */
  readonly dir: string;
  readonly spec: RunSpec;
  readonly baseDir: string;
  /** null: the specification's model as it is. */
  readonly checkpointDir: string | null;
}

/** @throws UserError not-found, bad-spec, no-checkpoint, unsupported */
export async function findChatTarget(source: ChatSource): Promise<ChatTarget> {
  switch (source.kind) {
    case "checkpoint":
      return checkpointOfRun(source.runDir, source.step);
    case "spec": {
      const { spec, baseDir } = loadSpec(source.specPath);
      const dir = path.resolve(baseDir, spec.policy.model);
      return { name: `${spec.name}, ${path.basename(dir)}`, dir, spec, baseDir, checkpointDir: null };
    }
    case "folder":
      return targetInFolder(path.resolve(source.dir));
  }
}

async function targetInFolder(dir: string): Promise<ChatTarget> {
  const has = (name: string): boolean => fs.existsSync(path.join(dir, name));
  const step = stepOfName(path.basename(dir), "");
  const runDir = path.dirname(path.dirname(dir));
  if (step !== null && fs.existsSync(runFiles.run(runDir))) return checkpointOfRun(runDir, step);
  if (has("run.json")) {
    const { checkpoint } = await findNewestCheckpoint(dir);
    if (checkpoint !== null) return checkpointOfRun(dir, checkpoint.step);
    throw new UserError({
      code: "no-checkpoint",
      where: dir,
      message: "this run has no checkpoint yet",
      hint: "Talk to the model of its specification, or wait for its first checkpoint.",
    });
  }
  if (has("config.json") || has("adapter_config.json"))
    return { name: path.basename(dir), dir, ...specOfFolder(dir), checkpointDir: null };
  throw new UserError({
    code: "not-found",
    where: dir,
    message:
      "expected a checkpoint (config.json), an adapter (adapter_config.json), a checkpoint of a run, or a run; found none of them",
    hint: "Choose the folder that holds config.json, model.safetensors and tokenizer.json.",
  });
}

async function checkpointOfRun(runDir: string, step: number): Promise<ChatTarget> {
  const { spec, baseDir, name } = await readRunRecord(runDir);
  const dir = runFiles.checkpoint(runDir, step);
  if (fs.existsSync(dir)) return { name: `${name}, step ${step}`, dir, spec, baseDir, checkpointDir: dir };
  throw new UserError({
    code: "not-found",
    where: dir,
    message: `the run has no checkpoint ${stepName(step)} any more`,
    hint: 'Older checkpoints are deleted as new ones come: see "checkpoints.keep" in its specification.',
  });
}

/** Frames of a model that no specification says anything of: few enough to be answered on a CPU. */
const folderVideo = { fps: 2, minFrames: 4, maxFrames: 32, maxPixels: 128 * 28 * 28 };

/** The specification of a bare checkpoint: defaults, and no data. */
function specOfFolder(dir: string): Pick<ChatTarget, "spec" | "baseDir"> {
  const result = validateSpec({
    name: "chat",
    method: "sft",
    policy: { model: dir, training: "full" },
    video: folderVideo,
    data: [{ id: "none", task: "open", format: "jsonl", path: "none", videos: "." }],
  });
  if (!result.ok) throw new Error(`internal: ${JSON.stringify(result.problems)}`);
  return { spec: { ...result.spec, data: [] }, baseDir: dir };
}

import { execFile } from "node:child_process";
import os from "node:os";
import type { RunSpec } from "../../protocol/spec.ts";
import type { NewRunRecord } from "../store/runFolder.ts";
import { readRunData } from "./runData.ts";

/**
 * What run.json says of a run that starts now. Reads datasets and templates, so that mistakes in them show before a
 * folder is made.
 * @throws UserError bad-data, bad-spec, not-found.
 */
export async function describeNewRun(params: {
  readonly spec: RunSpec;
  readonly specPath: string;
  readonly baseDir: string;
  readonly videoRftVersion: string;
  readonly threads: number;
}): Promise<NewRunRecord> {
  const { spec, baseDir } = params;
  const { hashes } = await readRunData(spec, baseDir);
  return {
    name: spec.name,
    createdAt: new Date().toISOString(),
    specPath: params.specPath,
    spec,
    baseDir,
    // Empty until the backend has been opened: RunFolder.completeRecord.
    versions: { videoRft: params.videoRftVersion, onnxruntime: "", node: process.versions.node, ffmpeg: "" },
    gitCommit: await readGitCommit(baseDir),
    hashes: { policy: "", ...hashes },
    seed: seedOf(spec),
    device: {
      provider: "",
      platform: `${process.platform}-${process.arch}`,
      cpu: os.cpus()[0]?.model.trim() ?? "unknown",
      threads: params.threads,
    },
  };
}

/** Seed of the method that the specification uses. */
export function seedOf(spec: RunSpec): number {
  return spec.method === "sft" ? spec.sft.seed : spec.grpo.seed;
}

/** null without git, or outside of a repository. */
function readGitCommit(dir: string): Promise<string | null> {
  return new Promise((resolve) => {
    execFile("git", ["rev-parse", "HEAD"], { cwd: dir, timeout: 10_000, windowsHide: true }, (error, stdout) =>
      resolve(error === null ? stdout.trim() : null),
    );
  });
}

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { ProviderTrials } from "../../../src/engine/runtime/chooseProvider.ts";
import { locateFfmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { validateSpec, type RunSpec, type RunSpecInput } from "../../../src/protocol/spec.ts";
import { checkpointDir } from "../policy/tinyPolicy.ts";
import { writeClip } from "../video/barcodeClips.ts";

/** A folder with real videos, one broken, and a tiny policy to train on them. */
export interface RealWorkspace {
  readonly dir: string;
  readonly videos: { readonly first: string; readonly second: string; readonly broken: string };
}

export async function makeRealWorkspace(): Promise<RealWorkspace> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-embedded-"));
  const at = (name: string): string => path.join(dir, "videos", name);
  fs.mkdirSync(path.join(dir, "videos"));
  const ffmpeg = await locateFfmpeg();
  const first = await writeClip(ffmpeg, at("first.mp4"), { frames: 60, fps: "30" });
  const second = await writeClip(ffmpeg, at("second.mp4"), { frames: 90, fps: "30" });
  fs.writeFileSync(at("broken.mp4"), "this is no video");
  fs.cpSync(checkpointDir("policy/untied"), path.join(dir, "policy"), { recursive: true });
  const moments = (names: readonly string[]) =>
    Object.fromEntries(
      names.map((name) => [name, { duration: 2, timestamps: [[0, 1]], sentences: [`${name} moves`] }]),
    );
  fs.writeFileSync(path.join(dir, "train.json"), JSON.stringify(moments(["first", "second"])));
  fs.writeFileSync(path.join(dir, "test.json"), JSON.stringify(moments(["second"])));
  return { dir, videos: { first, second, broken: at("broken.mp4") } };
}

/** A machine without a graphics card. */
export const cpuOnly: ProviderTrials = {
  attempt: (provider) => Promise.resolve({ ok: false, reason: `no test has ${provider}`, fix: "None." }),
  isWorthTrying: () => true,
  graphicsMemoryBytes: () => Promise.resolve(null),
};

export function realSpec(change: Partial<RunSpecInput> = {}): RunSpec {
  const dataset = { task: "temporal-grounding", format: "charades-sta", videos: "videos" } as const;
  const input: RunSpecInput = {
    name: "real",
    policy: { model: "policy", training: "full", dtype: "float32", device: "cpu" },
    video: { fps: 2, minFrames: 2, maxFrames: 4, maxPixels: 8 * 784 },
    data: [{ ...dataset, id: "grounding", path: "train.json" }],
    rewards: [{ name: "format" }, { name: "tiou" }],
    evaluate: { data: [{ ...dataset, id: "grounding", path: "test.json" }], everySteps: 0, atEnd: true },
    ...change,
    grpo: {
      steps: 4,
      promptsPerStep: 2,
      groupSize: 3,
      learningRate: 0.01,
      maxCompletionLength: 12,
      beta: 0.04,
      seed: 7,
      ...change.grpo,
    },
  };
  const result = validateSpec(input);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.spec;
}

/** Bytes of every file under a folder, by path. */
export function filesIn(dir: string): Record<string, string> {
  const names = fs.readdirSync(dir, { recursive: true }).map(String);
  const files = names.filter((name) => fs.statSync(path.join(dir, name)).isFile()).sort();
  return Object.fromEntries(files.map((name) => [name, fs.readFileSync(path.join(dir, name), "latin1")]));
}

/** Names of the files that are not the same in both. */
export function different(a: Record<string, string>, b: Record<string, string>): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name]);
}

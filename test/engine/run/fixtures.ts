import { randomBytes } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { validateSpec } from "../../../src/protocol/spec.ts";
import type { RunSpec, RunSpecInput } from "../../../src/protocol/spec.ts";
import type { RunEvents } from "../../../src/engine/run/events.ts";
import { describeNewRun } from "../../../src/engine/run/newRunRecord.ts";
import { stepsOf } from "../../../src/engine/run/schedule.ts";
import { runTraining } from "../../../src/engine/run/training.ts";
import type { TrainingParams } from "../../../src/engine/run/training.ts";
import type { RunResult } from "../../../src/engine/run/runResult.ts";
import type { FileIo } from "../../../src/engine/store/fileIo.ts";
import { RunFolder, type NewRunRecord } from "../../../src/engine/store/runFolder.ts";
import { Scorer } from "../../../src/engine/score/scorer.ts";
import { BanditBackend } from "./banditBackend.ts";

export interface Workspace {
  readonly dir: string;
  readonly spec: RunSpec;
}

/** A folder with two datasets for training and one for evaluation; the videos are files, nobody decodes them. */
export function makeWorkspace(change: Partial<RunSpecInput> = {}): Workspace {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "video-rft-run-"));
  fs.mkdirSync(path.join(dir, "videos"));
  for (const name of ["a", "b", "c", "d"]) fs.writeFileSync(path.join(dir, "videos", `${name}.mp4`), `video ${name}`);
  const moments = (videos: readonly string[]) =>
    Object.fromEntries(
      videos.map((v) => [v, { duration: 10, timestamps: [[4, 8]], sentences: [`${v} falls`] }] as const),
    );
  const questions = ["a", "b", "c"].map((video) => ({
    video,
    question: `what colour is ${video}?`,
    options: ["red", "blue"],
    answer: "(B)",
  }));
  write(dir, "grounding.json", moments(["a", "b", "c", "d"]));
  write(dir, "choice.json", questions);
  write(dir, "test.json", moments(["a", "d"]));
  return { dir, spec: makeSpec(change) };
}

export function makeSpec(change: Partial<RunSpecInput>): RunSpec {
  const grounding = { id: "grounding", task: "temporal-grounding", format: "charades-sta", videos: "videos" } as const;
  const input: RunSpecInput = {
    name: "bandit",
    policy: { model: "policy", training: "full" },
    data: [
      { ...grounding, path: "grounding.json", weight: 2 },
      { id: "choice", task: "multiple-choice", format: "multiple-choice", path: "choice.json", videos: "videos" },
    ],
    rewards: [{ name: "format", weight: 0.5 }, { name: "tiou" }, { name: "accuracy" }],
    grpo: { steps: 5, promptsPerStep: 3, groupSize: 4, learningRate: 0.3, seed: 7 },
    evaluate: { everySteps: 2, data: [{ ...grounding, path: "test.json" }] },
    checkpoints: { everySteps: 2, keep: 2 },
    ...change,
  };
  const result = validateSpec(input);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.spec;
}

export interface RunOptions {
  readonly io?: FileIo;
  readonly backend?: BanditBackend;
  readonly stop?: AbortSignal;
  readonly events?: Partial<RunEvents>;
  /** Folder of the built host programs, for rewards of the workspace. */
  readonly engineDir?: string;
  readonly sources?: Readonly<Record<string, string>>;
}

/** Starts a run in `<workspace>/runs/<name>` and trains to its end. */
export async function startRun(workspace: Workspace, runDir: string, options: RunOptions = {}): Promise<RunResult> {
  const folder = await createFolder(workspace, runDir, options.io);
  return trainAndRelease(folder, workspace, options);
}

export async function createFolder(workspace: Workspace, runDir: string, io?: FileIo): Promise<RunFolder> {
  return RunFolder.create({
    at: { kind: "named", runDir },
    record: await newRecord(workspace),
    lock: newLock(),
    steps: stepsOf(workspace.spec),
    ...(io === undefined ? {} : { io }),
  });
}

export function newRecord(workspace: Workspace): Promise<NewRunRecord> {
  const { dir, spec } = workspace;
  const specPath = path.join(dir, "bandit.rft.json");
  const made =
    records.get(spec) ?? describeNewRun({ spec, specPath, baseDir: dir, videoRftVersion: "0.0.0", threads: 1 });
  records.set(spec, made);
  return made;
}
const records = new Map<RunSpec, Promise<NewRunRecord>>(); // it asks git, which hundreds of runs need not do

export async function resumeRun(workspace: Workspace, runDir: string, options: RunOptions = {}): Promise<RunResult> {
  const { io } = options;
  const folder = await RunFolder.open({ runDir, lock: newLock(), ...(io === undefined ? {} : { io }) });
  return trainAndRelease(folder, workspace, options);
}

export function newLock(): { socket: string; token: string } {
  return { socket: "none", token: randomBytes(8).toString("hex") };
}

async function trainAndRelease(folder: RunFolder, { dir }: Workspace, options: RunOptions): Promise<RunResult> {
  const scorer = scorerOf(folder.record.spec, dir, options);
  const params: TrainingParams = {
    folder,
    backend: options.backend ?? new BanditBackend(),
    scorer,
    cacheDir: path.join(dir, "cache"),
    ffmpegPath: null,
    threads: 1,
    events: { ...silentEvents, ...options.events },
    stop: options.stop ?? new AbortController().signal,
    measureBackendRssBytes: async () => 0,
  };
  try {
    return await runTraining(params);
  } finally {
    await scorer.close();
    await folder.release();
  }
}

/** Scores with the rewards of a specification; those of the workspace need `engineDir`. */
export function scorerOf(
  { rewards }: RunSpec,
  baseDir: string,
  { engineDir = "", sources }: Pick<RunOptions, "engineDir" | "sources"> = {},
): Scorer {
  const cacheDir = path.join(baseDir, "cache");
  const onLog = (): undefined => undefined;
  return new Scorer({ rewards, baseDir, cacheDir, engineDir, pythonPath: null, sources: sources ?? null, onLog });
}

const silentEvents: RunEvents = {
  stateChanged: () => undefined,
  progress: () => undefined,
  stepFinished: () => undefined,
  groupsWritten: () => undefined,
  evaluationWritten: () => undefined,
  log: () => undefined,
};

/** Every byte that must not depend on interruptions, by path within the run folder. */
export function lastingFiles(runDir: string): Record<string, string> {
  const files: Record<string, string> = { "metrics.jsonl": read(path.join(runDir, "metrics.jsonl")) };
  for (const folder of ["rollouts", "tokens", "evaluation"]) {
    for (const name of fs.readdirSync(path.join(runDir, folder)).sort()) {
      files[`${folder}/${name}`] = read(path.join(runDir, folder, name));
    }
  }
  const checkpoint = fs.readdirSync(path.join(runDir, "checkpoints")).sort().at(-1) ?? "none";
  files[`checkpoints/${checkpoint}`] = read(path.join(runDir, "checkpoints", checkpoint, "weights.json"));
  return files;
}

function read(file: string): string {
  return fs.readFileSync(file, "latin1");
}

function write(dir: string, name: string, content: unknown): void {
  fs.writeFileSync(path.join(dir, name), JSON.stringify(content));
}

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { writeMovingShapes } from "../../src/engine/samples/workspace.ts";
import { runFiles } from "../../src/engine/store/runPaths.ts";
import { locateFfmpeg } from "../../src/engine/video/ffmpeg.ts";
import { isFailedGroup, type GroupRecord, type LockRecord, type RunState } from "../../src/protocol/records.ts";

/** Name of the specification and of its runs. */
export const tinyName = "tiny";
export const tinyGroupSize = 8;

const policyDir = path.resolve("examples", "moving-shapes", "policy");

/** A workspace with a few clips and a specification whose steps take about a second, with the bundled policy. */
export async function makeTinyWorkspace(): Promise<string> {
  const dir = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "rft-workspace-")));
  await writeMovingShapes({ dir, ffmpeg: await locateFfmpeg(), trainClips: 6, testClips: 2 });
  fs.writeFileSync(path.join(dir, `${tinyName}.rft.json`), JSON.stringify(tinySpec(), null, 2));
  return dir;
}

function tinySpec(): unknown {
  const data = (id: string, task: string, format: string): unknown => ({
    id,
    task,
    format,
    path: `annotations/${id}.train.json`,
    videos: "videos",
  });
  return {
    name: tinyName,
    policy: { model: policyDir, training: "full" },
    video: { fps: 2, minFrames: 4, maxFrames: 16, maxPixels: 12544 },
    data: [data("grounding", "temporal-grounding", "charades-sta"), data("tracking", "tracking", "got10k-sampled")],
    rewards: [{ name: "format" }, { name: "tiou" }, { name: "box-iou" }],
    // More steps than the test waits for: it stops the run itself.
    grpo: { steps: 400, promptsPerStep: 2, groupSize: tinyGroupSize, learningRate: 1e-5, maxCompletionLength: 96 },
    evaluate: { atStart: false, atEnd: false },
    checkpoints: { everySteps: 0, keep: 1 },
  };
}

/** The folder of the one run of a workspace; null before there is one. */
export function onlyRunDir(workspace: string): string | null {
  const runs = path.join(workspace, "runs");
  const names = fs.existsSync(runs) ? fs.readdirSync(runs).filter((name) => name.endsWith(tinyName)) : [];
  if (names.length > 1) throw new Error(`expected one run, found ${names.join(", ")}`);
  return names[0] === undefined ? null : path.join(runs, names[0]);
}

export function readState(runDir: string): RunState | null {
  return readJson<RunState>(runFiles.state(runDir));
}

/** Groups of a step that are on disk. */
export function readGroups(runDir: string, step: number): readonly GroupRecord[] {
  const lines = fs.readFileSync(runFiles.rollouts(runDir, step), "utf8").trim().split("\n");
  const records = lines.map((line) => JSON.parse(line) as GroupRecord);
  return records.filter((record) => !isFailedGroup(record));
}

/** Ends the run process of a folder, when one is left. */
export function endRun(runDir: string | null): void {
  const lock = runDir === null ? null : readJson<LockRecord>(runFiles.lock(runDir));
  if (lock === null) return;
  try {
    process.kill(lock.pid, "SIGTERM");
  } catch {
    // it has ended
  }
}

/** null while there is no such file, or half of one. */
function readJson<T>(file: string): T | null {
  try {
    return JSON.parse(fs.readFileSync(file, "utf8")) as T;
  } catch {
    return null;
  }
}

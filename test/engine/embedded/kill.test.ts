import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { createEmbeddedBackend } from "../../../src/engine/embedded/embeddedBackend.ts";
import { createUniform } from "../../../src/engine/metrics/random.ts";
import { SafetensorsFile } from "../../../src/engine/policy/safetensors.ts";
import type { Backend } from "../../../src/engine/run/backend.ts";
import { describeNewRun } from "../../../src/engine/run/newRunRecord.ts";
import { stepsOf } from "../../../src/engine/run/schedule.ts";
import { runTraining } from "../../../src/engine/run/training.ts";
import { RunFolder } from "../../../src/engine/store/runFolder.ts";
import { readMetrics } from "../../../src/engine/store/readRun.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import type { RunSpecInput } from "../../../src/protocol/spec.ts";
import { cpuOnly, different, filesIn, makeRealWorkspace, realSpec, type RealWorkspace } from "./realRun.ts";
import { scorerOf } from "../run/fixtures.ts";

/** This file is its own child: a process that trains with the real policy and tells where it is, until it is killed. */
interface ChildTask {
  readonly dir: string;
  readonly runDir: string;
  readonly kind: RunKind;
}
const childTask = process.env["VIDEO_RFT_TEST_CHILD"];

const kinds = {
  "GRPO of all weights": {
    checkpoints: { everySteps: 1, keep: 2 },
    grpo: { steps: 3, numIterations: 2, learningRate: 1e-3 },
  },
  "SFT of an adapter": {
    method: "sft",
    policy: { model: "policy", lora: { rank: 4, alpha: 8 } },
    sft: { steps: 4, promptsPerStep: 2, learningRate: 0.01, warmupSteps: 2, lrSchedule: "cosine" },
    checkpoints: { everySteps: 2, keep: 2 },
  },
} as const satisfies Record<string, Partial<RunSpecInput>>;
type RunKind = keyof typeof kinds;

if (childTask !== undefined) {
  // SAFETY: written by startChild below.
  void trainAsChild(JSON.parse(childTask) as ChildTask);
} else {
  declareTests();
}

function declareTests(): void {
  let workspace: RealWorkspace;
  let killed = 0;
  before(async () => {
    workspace = await makeRealWorkspace();
  });
  after(() => fs.rmSync(workspace.dir, { recursive: true, force: true }));

  for (const [kind, rounds] of [
    ["GRPO of all weights", 2],
    ["SFT of an adapter", 2],
  ] as const) {
    test(`a run killed with SIGKILL at random moments ends with the bytes of one that was not: ${kind}`, async () => {
      const whole = path.join(workspace.dir, "runs", `${kind} whole`);
      const signs = await train(whole, kind, null);
      const expected = lastingFiles(whole);
      await assertThatItLearnt(whole, kind);
      const uniform = createUniform(11);
      killed = 0;
      for (let round = 0; round < rounds; round++) {
        const runDir = path.join(workspace.dir, "runs", `${kind} killed ${round}`);
        // Twice: the second time while it takes the folder back, or shortly after.
        const moments = [Math.floor(uniform() * signs), Math.floor(uniform() * 6)];
        for (const sign of moments) await train(runDir, kind, { sign, delayMs: uniform() * 150 });
        await train(runDir, kind, null);
        assert.deepEqual(different(lastingFiles(runDir), expected), [], `killed at signs ${moments.join(" and ")}`);
      }
      assert.ok(killed >= rounds, `${killed} of ${2 * rounds} children were killed before their end`);
    });
  }

  /**
   * Starts or resumes a run in a child, which is killed so long after a sign of life where that is asked for.
   * @returns how many signs of life it gave
   */
  async function train(
    runDir: string,
    kind: RunKind,
    kill: { readonly sign: number; readonly delayMs: number } | null,
  ): Promise<number> {
    const child = startChild({ dir: workspace.dir, runDir, kind });
    let signs = 0;
    let timer: NodeJS.Timeout | undefined;
    child.on("message", () => {
      if (signs++ === kill?.sign) timer = setTimeout(() => child.kill("SIGKILL"), kill.delayMs);
    });
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.on("error", reject);
      child.on("exit", (exitCode, exitSignal) => resolve([exitCode, exitSignal]));
    });
    clearTimeout(timer);
    // A child may come to its end before the signal does.
    assert.ok(code === 0 || (kill !== null && signal === "SIGKILL"), `the child ended with ${code ?? signal}`);
    if (signal !== null) killed++;
    return signs;
  }

  async function assertThatItLearnt(runDir: string, kind: RunKind): Promise<void> {
    const metrics = (await readMetrics(runDir)).map((record) => record.metrics);
    assert.ok(
      metrics.every((m) => (m["grad_norm"] ?? 0) > 0),
      "every step has a gradient",
    );
    if (kind === "GRPO of all weights") {
      const start = await readTensor(path.join(workspace.dir, "policy"), "model.norm.weight");
      const end = await readTensor(newestCheckpoint(runDir), "model.norm.weight");
      assert.notDeepEqual(end, start);
      assert.ok((metrics.at(-1)?.["kl"] ?? 0) > 1e-4, JSON.stringify(metrics));
    }
  }
}

async function trainAsChild({ dir, runDir, kind }: ChildTask): Promise<void> {
  const folder = await openOrCreate(dir, runDir, kind);
  const sign = (): void => void process.send?.("alive");
  await runTraining({
    folder,
    backend: withReadableAnswers(createEmbeddedBackend(cpuOnly)),
    scorer: scorerOf(folder.record.spec, dir),
    cacheDir: path.join(dir, "cache"),
    ffmpegPath: null,
    threads: 1,
    events: {
      stateChanged: sign,
      progress: sign,
      stepFinished: sign,
      groupsWritten: sign,
      evaluationWritten: sign,
      log: () => undefined,
    },
    stop: new AbortController().signal,
    measureBackendRssBytes: async () => 0,
  });
  await folder.release();
  process.disconnect();
}

/** Where the child died before there was a run, it is a start again. */
async function openOrCreate(dir: string, runDir: string, kind: RunKind): Promise<RunFolder> {
  const lock = { socket: "none", token: randomBytes(8).toString("hex") };
  try {
    return await RunFolder.open({ runDir, lock });
  } catch (error) {
    if (!UserError.is(error, "not-found")) throw error;
    const spec = realSpec(kinds[kind]);
    const specPath = path.join(dir, "real.rft.json");
    const record = await describeNewRun({ spec, specPath, baseDir: dir, videoRftVersion: "0.0.0", threads: 1 });
    return RunFolder.create({ at: { kind: "named", runDir }, record, lock, steps: stepsOf(spec) });
  }
}

/** The real policy knows only noise: a reading of its tokens that rewards tell apart, so that there is a gradient. */
function withReadableAnswers(backend: Backend): Backend {
  const read = (tokens_T: Int32Array): string => {
    const sum = tokens_T.reduce((a, b) => a + b, 0);
    return sum % 3 === 0 ? "<think>so</think><answer>0.0 to 1.0</answer>" : `<answer>${sum % 2}.0 to 2.0</answer>`;
  };
  return {
    ...backend,
    sample: async (params) => {
      const groups = await backend.sample(params);
      return groups.map((group) => {
        if (!group.ok) return group;
        return { ...group, completions: group.completions.map((c) => ({ ...c, text: read(c.tokens_T) })) };
      });
    },
  };
}

function startChild(task: ChildTask): ChildProcess {
  const env = { ...process.env, VIDEO_RFT_TEST_CHILD: JSON.stringify(task) };
  return fork(__filename, [], { env, stdio: ["ignore", "inherit", "inherit", "ipc"], execArgv: [] });
}

/** Every byte that must not depend on interruptions. */
function lastingFiles(runDir: string): Record<string, string> {
  const parts = ["rollouts", "tokens", "evaluation"].filter((part) => fs.existsSync(path.join(runDir, part)));
  const files = parts.map((part) => [part, filesIn(path.join(runDir, part))] as const);
  const all = [...files, ["weights", filesIn(newestCheckpoint(runDir))] as const].flatMap(([part, found]) =>
    Object.entries(found).map(([name, bytes]) => [`${part}/${name}`, bytes] as const),
  );
  const metrics = fs.readFileSync(path.join(runDir, "metrics.jsonl"), "latin1");
  const found: Record<string, string> = { ...Object.fromEntries(all), "metrics.jsonl": metrics };
  // It tells the length of timings.jsonl too, which the clock decides.
  const progress = found["weights/progress.json"] ?? "";
  return { ...found, "weights/progress.json": progress.replace(/("timings":\s*)\d+/, "$1") };
}

function newestCheckpoint(runDir: string): string {
  const name = fs.readdirSync(path.join(runDir, "checkpoints")).sort().at(-1);
  assert.ok(name !== undefined, "there is a checkpoint");
  return path.join(runDir, "checkpoints", name);
}

async function readTensor(dir: string, name: string): Promise<Float32Array> {
  const file = await SafetensorsFile.open(path.join(dir, "model.safetensors"));
  try {
    return await file.read(name);
  } finally {
    await file.close();
  }
}

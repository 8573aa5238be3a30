import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import * as esbuild from "esbuild";
import type { EngineSettings } from "../../../src/engine/server/launcher.ts";
import type { LockRecord } from "../../../src/protocol/records.ts";
import { buildHostPrograms } from "../hosts/rewardWorkspace.ts";

/** The engine's own programs beside a scripted backend, in a folder of their own; sockets, queue and cache too. */
export interface TestEngine {
  readonly root: string;
  readonly settings: EngineSettings;
  /** Keeps the backend inside its next `sample` call until it is released. */
  readonly hold: () => void;
  readonly release: () => void;
  /** Lines that the backends of all runs have written: "<pid> <call> …". */
  readonly calls: () => string[];
  /** Waits for a call with this name after the first `skipped` lines; answers the pid of its backend. */
  readonly untilCalled: (name: string, skipped: number) => Promise<number>;
  readonly dispose: () => void;
}

/** @param backend the program of the backends; the project's own samples with a real policy */
export async function buildTestEngine(backend = "test/engine/server/scriptedBackendMain.ts"): Promise<TestEngine> {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-"));
  const engineDir = path.join(root, "dist", "engine");
  await esbuild.build({
    ...(await engineBuild()),
    entryPoints: {
      cli: "src/engine/cli/main.ts",
      service: "src/engine/server/serviceMain.ts",
      run: "src/engine/server/runMain.ts",
      backend,
    },
    outdir: engineDir,
    sourcemap: "inline",
  });
  await buildHostPrograms(path.join(root, "dist"));
  const control = path.join(root, "control");
  fs.mkdirSync(control);
  const log = path.join(control, "calls.log");
  fs.writeFileSync(log, "");
  process.env["SCRIPTED_BACKEND_DIR"] = control;
  process.env["VIDEO_RFT_RUNTIME_DIR"] = path.join(root, "rt");
  process.env["VIDEO_RFT_CACHE"] = path.join(root, "cache");
  const calls = (): string[] => fs.readFileSync(log, "utf8").split("\n").filter(Boolean);
  return {
    root,
    settings: { engineDir, cacheDir: path.join(root, "cache"), ffmpegPath: null, pythonPath: null },
    hold: () => fs.writeFileSync(path.join(control, "hold"), ""),
    release: () => fs.rmSync(path.join(control, "hold"), { force: true }),
    calls,
    untilCalled: async (name, skipped) => {
      const find = (): string | undefined =>
        calls()
          .slice(skipped)
          .find((line) => line.split(" ")[1] === name);
      return Number((await until(`the backend is asked to ${name}`, find)).split(" ")[0]);
    },
    dispose: () => {
      // Only what a failed test has left: backends in a call that nobody ends.
      for (const pid of new Set(calls().map((line) => Number(line.split(" ")[0])))) {
        if (isProcessAlive(pid)) process.kill(pid, "SIGKILL");
      }
      fs.rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The program of the real backend, as the project builds it, in a folder. Answers its path. */
export async function buildBackend(dir: string): Promise<string> {
  const entryPoints = { backend: "src/engine/server/backendMain.ts" };
  await esbuild.build({ ...(await engineBuild()), entryPoints, outdir: dir, sourcemap: "inline" });
  return path.join(dir, "backend.cjs");
}

/** How the project builds its engine. */
async function engineBuild(): Promise<esbuild.BuildOptions> {
  const file = pathToFileURL(path.resolve("esbuild.mjs")).href;
  // SAFETY: what esbuild.mjs exports.
  const { builds } = (await import(file)) as { builds: () => esbuild.BuildOptions[] };
  const build = builds().find(({ entryPoints }) => entryPoints !== undefined && "run" in entryPoints);
  if (build === undefined) throw new Error("esbuild.mjs builds no run process");
  return build;
}

/** A workspace with a specification of `steps` steps over data without videos; the scripted backend opens none. */
export function writeWorkspace(engine: TestEngine, name: string, changes: Record<string, unknown> = {}): string {
  const dir = path.join(engine.root, name);
  for (const folder of ["videos", "policy"]) fs.mkdirSync(path.join(dir, folder), { recursive: true });
  for (const file of ["config.json", "tokenizer.json", "model.safetensors"]) {
    fs.writeFileSync(path.join(dir, "policy", file), "{}");
  }
  const row = (k: number): [string, unknown] => [
    `clip-${k}`,
    { duration: 8, timestamps: [[1, 5]], sentences: [`event ${k}`] },
  ];
  const rows = (from: number) => Object.fromEntries(Array.from({ length: 4 }, (_, k) => row(from + k)));
  fs.writeFileSync(path.join(dir, "train.json"), JSON.stringify(rows(0)));
  fs.writeFileSync(path.join(dir, "test.json"), JSON.stringify(rows(100)));
  const dataset = { id: "grounding", task: "temporal-grounding", format: "charades-sta", videos: "videos" };
  const spec = {
    name,
    policy: { model: "policy", training: "full" },
    data: [{ ...dataset, path: "train.json" }],
    rewards: [{ name: "format" }, { name: "tiou" }],
    grpo: { steps: 3, promptsPerStep: 2, groupSize: 3 },
    evaluate: { atStart: false, atEnd: false, data: [{ ...dataset, path: "test.json" }] },
    checkpoints: { everySteps: 1, keep: 2 },
    ...changes,
  };
  const specPath = path.join(dir, `${name}.rft.json`);
  fs.writeFileSync(specPath, `// a specification with a comment\n${JSON.stringify(spec, null, 2)}\n`);
  return specPath;
}

export function readLock(runDir: string): LockRecord {
  return JSON.parse(fs.readFileSync(path.join(runDir, "lock"), "utf8")) as LockRecord;
}

export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux") return true;
  // A dead child of a process that does not wait for it still has its pid.
  const stat = fs.existsSync(`/proc/${pid}/stat`) ? fs.readFileSync(`/proc/${pid}/stat`, "utf8") : ") Z";
  return !/\) [ZX] /.test(stat) && stat !== ") Z";
}

/** Waits for something to become true; the limit only ends a test that would wait for ever. */
export async function until<T>(what: string, check: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== null && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`);
    await delay(20);
  }
}

export async function untilDead(pid: number): Promise<void> {
  await until(`process ${pid} has ended`, () => !isProcessAlive(pid));
}

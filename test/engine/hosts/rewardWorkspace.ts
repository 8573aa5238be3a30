import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import * as esbuild from "esbuild";
import { rewardSchema, type RewardSpec } from "../../../src/protocol/rewardSpec.ts";
import { Scorer, type ScoreGroup } from "../../../src/engine/score/scorer.ts";
import { groundingExample, rewardItem } from "../examples.ts";

/** The host programs as the project builds them, and a folder for reward files. */
export interface RewardWorkspace {
  readonly engineDir: string;
  readonly dir: string;
  write(name: string, text: string): string;
  /** A scorer of these rewards; closed with the workspace. */
  scorer(rewards: readonly Record<string, unknown>[], changes?: { sources?: Record<string, string> }): Scorer;
  /** What rewards printed, and what their processes said at their end. */
  readonly log: string[];
  dispose(): Promise<void>;
}

export async function makeRewardWorkspace(): Promise<RewardWorkspace> {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-rewards-"));
  const engineDir = path.join(root, "dist", "engine");
  await buildHostPrograms(path.join(root, "dist"));
  const dir = path.join(root, "workspace");
  fs.mkdirSync(dir);
  const scorers: Scorer[] = [];
  const log: string[] = [];
  return {
    engineDir,
    dir,
    log,
    write(name, text) {
      const file = path.join(dir, name);
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text);
      return file;
    },
    scorer(rewards, changes = {}) {
      const scorer = new Scorer({
        rewards: rewards.map((reward): RewardSpec => rewardSchema.parse(reward)),
        baseDir: dir,
        engineDir,
        pythonPath: null,
        cacheDir: path.join(root, "cache"),
        sources: changes.sources ?? null,
        onLog: (line) => log.push(line),
      });
      scorers.push(scorer);
      return scorer;
    },
    async dispose() {
      for (const scorer of scorers) await scorer.close();
      fs.rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Builds the processes of rewards into `<outdir>/engine`. */
export async function buildHostPrograms(outdir: string): Promise<void> {
  const file = pathToFileURL(path.resolve("esbuild.mjs")).href;
  // SAFETY: what esbuild.mjs exports.
  const { builds } = (await import(file)) as { builds: (options: { outdir: string }) => esbuild.BuildOptions[] };
  for (const options of builds({ outdir })) {
    const own = Object.entries(options.entryPoints ?? {}).flatMap(([name, file]) =>
      /^reward(Host|Loader)$/.test(name) && typeof file === "string" ? [[name, file] as const] : [],
    );
    if (own.length > 0) await esbuild.build({ ...options, entryPoints: Object.fromEntries(own), sourcemap: false });
  }
}

/** A group of answers to the grounding question, whose truth is 5 s to 10 s. */
export function groupOf(texts: readonly string[], group = 0, changes: Partial<ScoreGroup["example"]> = {}): ScoreGroup {
  const items = texts.map((text, k) =>
    rewardItem(text, groundingExample, { ...changes, completion: { id: `1/${group}/${k}`, tokenCount: text.length } }),
  );
  const [first] = items;
  if (first === undefined) throw new Error("a group has at least one completion");
  return { example: first.example, completions: items.map(({ completion }) => completion) };
}

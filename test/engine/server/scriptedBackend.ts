import fs from "node:fs";
import path from "node:path";
import type { Backend, OpenBackend, SampledCompletion, SampledGroup } from "../../../src/engine/run/backend.ts";
import { locateFfmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { openClip } from "../../../src/engine/video/frameCache.ts";
import type { SeenVideo } from "../../../src/protocol/records.ts";

/**
 * A backend without a policy: completions are a function of the seed and of the updates so far. Files in the folder
 * SCRIPTED_BACKEND_DIR steer it: while `hold` is there, `sample` does not return and holds its event loop, as a graph that
 * runs does; `calls.log` gets a line a call.
 */
export function createScriptedBackend(): Backend {
  const dir = process.env["SCRIPTED_BACKEND_DIR"];
  if (dir === undefined) throw new Error("SCRIPTED_BACKEND_DIR is not set");
  const note = (line: string): void => fs.appendFileSync(path.join(dir, "calls.log"), `${process.pid} ${line}\n`);
  let updates = 0;
  let opened: OpenBackend | null = null;
  /** Videos that are there are really opened. */
  const seenVideo = async (file: string): Promise<SeenVideo> => {
    if (opened === null || !fs.existsSync(file)) return { ...video, path: file };
    const { spec, cacheDir } = opened;
    return (await openClip({ path: file, video: spec.video, ffmpeg: () => locateFfmpeg(), cacheDir })).seen;
  };
  return {
    async open(params) {
      const { checkpointDir } = params;
      opened = params;
      note(`open ${checkpointDir === null ? "start" : path.basename(checkpointDir)}`);
      console.error("scripted backend opened");
      if (checkpointDir !== null) updates = Number(fs.readFileSync(path.join(checkpointDir, "weights.txt"), "utf8"));
      return {
        provider: "cpu",
        onnxruntime: "0.0.0",
        ffmpeg: "0.0",
        policyHash: "scripted",
        pixelFactor: 28,
        parameters: 1,
        trainableParameters: 1,
      };
    },
    async sample({ prompts, groupSize }) {
      note(`sample ${updates}`);
      while (fs.existsSync(path.join(dir, "hold"))) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      const groups = prompts.map(async ({ key, videoPath, seed }): Promise<SampledGroup> => {
        const completions = Array.from({ length: groupSize }, (_, k) => complete(seed, k, updates));
        return { ok: true, key, video: await seenVideo(videoPath), promptTokens: 40, completions };
      });
      return Promise.all(groups);
    },
    async update({ groups }) {
      note("update");
      updates++;
      return {
        loss: 1 / updates,
        gradNorm: 1,
        metrics: {
          kl: 0,
          entropy: 1,
          "clip_ratio/low_mean": 0,
          "clip_ratio/high_mean": 0,
          "clip_ratio/region_mean": 0,
        },
        groups: groups.map(({ key, advantages_G }) => ({
          key,
          meanKl_G: advantages_G.map(() => 0),
          meanEntropy_G: advantages_G.map(() => 1),
        })),
      };
    },
    async updateOnTargets() {
      updates++;
      return { loss: 1 / updates, gradNorm: 1, tokens: 8, failures: [] };
    },
    async save({ dir: target }) {
      fs.mkdirSync(target, { recursive: true });
      fs.writeFileSync(path.join(target, "weights.txt"), String(updates));
      return {};
    },
    async close() {
      note("close");
    },
  };
}

const video = {
  path: "",
  hash: "0".repeat(64),
  durationSec: 8,
  videoFps: 8,
  frameIndices: [0, 21, 42, 63],
  timestampsSec: [0, 2.625, 5.25, 7.875],
  widthPx: 112,
  heightPx: 112,
  sourceWidthPx: 112,
  sourceHeightPx: 112,
  visualTokens: 32,
  frameSet: "0".repeat(40),
};

/** Two of three are well formed; the end of the segment moves with seed and updates. */
function complete(seed: number, k: number, updates: number): SampledCompletion {
  const endSec = 2 + (((seed % 7) + k + updates) % 6);
  const answer = k % 3 === 2 ? "no idea" : `<answer>1.0 to ${endSec}.0</answer>`;
  const tokens_T = Int32Array.from({ length: 6 }, (_, t) => t + k);
  return {
    text: `<think>look at ${k}</think>${answer}`,
    finishReason: "eos",
    tokens_T,
    logprobs_T: new Float32Array(6).fill(-0.5),
    entropies_T: new Float32Array(6).fill(1),
  };
}

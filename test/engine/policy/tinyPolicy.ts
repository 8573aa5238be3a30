import fs from "node:fs";
import path from "node:path";
import { openPolicy, type OpenedPolicy } from "../../../src/engine/embedded/openPolicy.ts";
import type { PolicyConfig } from "../../../src/engine/policy/config.ts";
import { prepareTokens, type ContentPart, type PreparedPrompt } from "../../../src/engine/policy/preparedPrompt.ts";
import type { Visual } from "../../../src/engine/policy/visuals.ts";
import type { Clip } from "../../../src/engine/video/clip.ts";
import { validateSpec, type RunSpec, type RunSpecInput } from "../../../src/protocol/spec.ts";

/** Checkpoints with random weights that test/python made with transformers. */
export type TinyCheckpoint = `policy/${(typeof policyFixtures)[number]}` | `grpo/${string}checkpoint`;

/** Folders of test/fixtures/policy: what each is about stands in makePolicyFixture.py. */
export const policyFixtures = [
  "tied",
  "untied",
  "two-videos",
  "image",
  "mixed",
  "qwen2-vl",
  "qwen3-vl",
  "qwen3-vl-untied",
] as const;

export function checkpointDir(name: TinyCheckpoint): string {
  return path.resolve("test", "fixtures", name);
}

export interface TinyVideo {
  readonly frames: number;
  readonly height: number;
  readonly width: number;
  /** Seconds. */
  readonly duration: number;
  /** Of the frames in their file, all of them by default; and the file's frames a second. */
  readonly indices?: readonly number[];
  readonly fps?: number;
}

/** A piece of a user turn as the fixtures have it. */
export type TinyPart =
  | (TinyVideo & { readonly type: "video" })
  | { readonly type: "image"; readonly height: number; readonly width: number }
  | { readonly type: "text"; readonly text: string };

export function tinyContent(parts: readonly TinyPart[]): ContentPart[] {
  return parts.map((part): ContentPart => {
    if (part.type === "text") return { kind: "text", text: part.text };
    if (part.type === "video") return { kind: "video", clip: tinyClip(part) };
    const { height: heightPx, width: widthPx } = part;
    const pixels_HWC = tinyPixels(1, heightPx, widthPx);
    return { kind: "image", picture: { key: `${heightPx}x${widthPx}`, heightPx, widthPx, pixels_HWC } };
  });
}

export function visualsIn(content: readonly ContentPart[]): Visual[] {
  return content.filter((part) => part.kind !== "text");
}

/** Frames by the formula of test/python/tinyPolicy.py, so that no pixels need to be stored. */
function tinyPixels(frames: number, height: number, width: number): Uint8Array {
  const pixels_FHWC = new Uint8Array(frames * height * width * 3);
  let i = 0;
  for (let f = 0; f < frames; f++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let c = 0; c < 3; c++)
          pixels_FHWC[i++] = (x * (3 + c) + y * (5 - c) + ((x * y * (f + 1)) >> 4) + 29 * f * (c + 1)) & 255;
  return pixels_FHWC;
}

export function tinyClip({ frames, height, width, duration, indices, fps }: TinyVideo): Clip {
  const videoFps = fps ?? frames / duration;
  const frameIndices = indices ?? Array.from({ length: frames }, (_, f) => f);
  return {
    pixels_FHWC: tinyPixels(frames, height, width),
    seen: {
      path: "tiny.mp4",
      hash: "0".repeat(64),
      durationSec: duration,
      videoFps,
      frameIndices,
      timestampsSec: frameIndices.map((index) => index / videoFps),
      widthPx: width,
      heightPx: height,
      sourceWidthPx: width,
      sourceHeightPx: height,
      visualTokens: 0,
      frameSet: `${frames}x${height}x${width}/${duration}`,
    },
  };
}

export interface TinySpec {
  readonly policy?: Omit<RunSpecInput["policy"], "model">;
  readonly grpo?: RunSpecInput["grpo"];
  readonly sft?: RunSpecInput["sft"];
  readonly method?: RunSpecInput["method"];
}

export function tinySpec(model: string, change: TinySpec = {}): RunSpec {
  const { policy = { training: "full" }, ...rest } = change;
  const data = { id: "data", task: "temporal-grounding", format: "charades-sta", path: "a.json", videos: "." } as const;
  const rewards = [{ name: "format" } as const];
  const result = validateSpec({
    name: "tiny",
    policy: { dtype: "float32", device: "cpu", ...policy, model },
    data: [data],
    rewards,
    ...rest,
  });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.spec;
}

/** Opens a checkpoint for the length of a piece of work. */
export async function withPolicy<T>(
  dir: string,
  change: TinySpec & { readonly threads?: number; readonly checkpoint?: string; readonly trains?: boolean },
  work: (opened: OpenedPolicy & { readonly spec: RunSpec }) => Promise<T>,
): Promise<T> {
  const { threads = 1, checkpoint = null, trains = true, ...specChange } = change;
  const spec = tinySpec(dir, specChange);
  const opened = await openPolicy(spec, "", checkpoint, threads, trains);
  try {
    return await work({ ...opened, spec });
  } finally {
    await opened.policy.graphs.dispose();
  }
}

/** A prompt of a video and some text tokens, for tests that need any prompt. */
export function tinyPrompt(config: PolicyConfig, clip: Clip, text: readonly number[]): PreparedPrompt {
  const { patchSize, temporalPatchSize, spatialMergeSize } = config.vision;
  const { seen } = clip;
  const side = patchSize * spatialMergeSize;
  const tokens = ((seen.frameIndices.length / temporalPatchSize) * seen.heightPx * seen.widthPx) / side ** 2;
  const video = [config.visionStartTokenId, ...new Array<number>(tokens).fill(config.videoTokenId)];
  return prepareTokens([...video, ...text], [{ kind: "video", clip }], config);
}

export function readJson<T>(file: string): T {
  return JSON.parse(fs.readFileSync(file, "utf8")) as T;
}

export function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers beside ${b.length}`);
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs((a[i] ?? NaN) - (b[i] ?? NaN));
    if (!(difference <= worst)) worst = difference;
  }
  return worst;
}

/** |a - b| / |b| in the Euclidean norm. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`${a.length} numbers beside ${b.length}`);
  let difference = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i++) {
    difference += ((a[i] ?? NaN) - (b[i] ?? NaN)) ** 2;
    norm += (b[i] ?? NaN) ** 2;
  }
  return norm === 0 ? Math.sqrt(difference) : Math.sqrt(difference / norm);
}

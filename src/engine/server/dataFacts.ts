import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { RunSpec, VideoSpec } from "../../protocol/spec.ts";
import type { Segment } from "../../protocol/tasks.ts";
import { shownKey, shownVideo, type ShownVideo } from "../../protocol/video.ts";
import type { Dataset } from "../data/example.ts";
import { readDataset } from "../data/readDataset.ts";
import { readPixelFactor } from "../embedded/pixelFactor.ts";
import type { VideoFacts } from "../lint/dataLint.ts";
import type { Ffmpeg } from "../video/ffmpeg.ts";
import { frameSize, pickFrames, pixelFactor as defaultPixelFactor } from "../video/pickFrames.ts";
import { probeVideo, type VideoProbe } from "../video/probe.ts";

/** Datasets of a list of the specification, one after the other. Throws UserError bad-data. */
export async function readDatasets(specs: RunSpec["data"], baseDir: string): Promise<Dataset[]> {
  const datasets: Dataset[] = [];
  for (const spec of specs) datasets.push(await readDataset(spec, baseDir));
  return datasets;
}

/** What is shown by the datasets and is there, each once; at most `most` of each dataset, at equal distances. */
export function videosOf(
  datasets: readonly Dataset[],
  most: number | null,
): { all: readonly ShownVideo[]; chosen: readonly ShownVideo[] } {
  const all = new Map<string, ShownVideo>();
  const chosen = new Map<string, ShownVideo>();
  for (const { examples, problems } of datasets) {
    const missing = new Set(problems.filter((p) => p.code === "missing-video").map((p) => p.example));
    const there = examples.filter((e) => !missing.has(e.id)).map(shownVideo);
    const own = [...new Map(there.map((shown) => [shownKey(shown), shown]))];
    const step = most === null ? 1 : Math.max(1, own.length / most);
    own.forEach(([key, shown]) => all.set(key, shown));
    for (let at = 0; at < own.length; at += step) {
      const picked = own[Math.floor(at)];
      if (picked !== undefined) chosen.set(...picked);
    }
  }
  return { all: [...all.values()], chosen: [...chosen.values()] };
}

/** Of the specification's policy; Qwen2.5-VL's where its configuration cannot be read, which checkSpec tells. */
export async function pixelFactorOfSpec(
  { policy }: { readonly policy: Pick<RunSpec["policy"], "model"> },
  baseDir: string,
): Promise<number> {
  return readPixelFactor(path.resolve(baseDir, policy.model)).catch(() => defaultPixelFactor);
}

export interface ProbeParams {
  readonly shown: readonly ShownVideo[];
  readonly video: VideoSpec;
  /** Side of a visual token of the policy in pixels. */
  readonly pixelFactor: number;
  readonly ffmpeg: () => Promise<Ffmpeg>;
  readonly known?: VideoMemory | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number) => void) | undefined;
}

type FrameRule = Pick<ProbeParams, "video" | "pixelFactor">;

/** What was found of files that have not changed since. */
export type VideoMemory = Map<string, { readonly key: string; readonly facts: VideoFacts }>;

/** Facts about videos by shownKey, a few files at a time, each file read once. Throws the signal's reason. */
export async function probeVideos(params: ProbeParams): Promise<ReadonlyMap<string, VideoFacts>> {
  const { known, signal, onProgress } = params;
  const byFile = groupByFile(params.shown);
  const facts = new Map<string, VideoFacts>();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let parts = byFile[next++]; parts !== undefined; parts = byFile[next++]) {
      signal?.throwIfAborted();
      const probe = onceRead(parts[0], params);
      for (const shown of parts) {
        const name = shownKey(shown);
        const key = keyOf(shown.videoPath, params);
        const remembered = known?.get(name);
        const found = remembered?.key === key ? remembered.facts : await probeOne(shown, probe, params);
        known?.set(name, { key, facts: found });
        facts.set(name, found);
        onProgress?.(facts.size);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(8, os.availableParallelism() * 2) }, work));
  return facts;
}

function groupByFile(all: readonly ShownVideo[]): (readonly ShownVideo[])[] {
  const groups = new Map<string, ShownVideo[]>();
  for (const shown of all) {
    const file = shownKey({ videoPath: shown.videoPath, frameRate: shown.frameRate });
    const group = groups.get(file);
    if (group === undefined) groups.set(file, [shown]);
    else group.push(shown);
  }
  return [...groups.values()];
}

/** The probe of a file, made when it is first asked for. */
function onceRead(shown: ShownVideo | undefined, { ffmpeg }: ProbeParams): () => Promise<VideoProbe> {
  let probe: Promise<VideoProbe> | undefined;
  return () => (probe ??= probeVideo(shown?.videoPath ?? "", ffmpeg, { frameRate: shown?.frameRate }));
}

async function probeOne({ clip }: ShownVideo, probe: () => Promise<VideoProbe>, rule: FrameRule): Promise<VideoFacts> {
  try {
    return factsOf(await probe(), rule, clip);
  } catch (error) {
    if (UserError.is(error, "bad-video") || error instanceof RangeError) return { ok: false, message: error.message };
    throw error;
  }
}

/** The frames that a policy would get, and their size. Throws RangeError for a video that Qwen's rules have none for. */
function factsOf(probe: VideoProbe, { video, pixelFactor }: FrameRule, clip: Segment | undefined): VideoFacts {
  const { timestampsSec, durationSec, widthPx, heightPx } = probe;
  const lastDurationSec = durationSec - (timestampsSec.at(-1) ?? 0);
  const picked = pickFrames(timestampsSec, lastDurationSec, video, clip);
  const startSec = clip?.startSec ?? 0;
  return {
    ok: true,
    durationSec: Math.min(durationSec, clip?.endSec ?? Infinity) - startSec,
    source: { widthPx, heightPx },
    seen: {
      timestampsSec: picked.map((index) => (timestampsSec[index] ?? 0) - startSec),
      size: frameSize(probe, picked.length, video, pixelFactor),
      tokenPx: pixelFactor,
    },
  };
}

/** Changes when the file or the rule of frames does. */
function keyOf(file: string, { video, pixelFactor }: FrameRule): string {
  const stats = fs.statSync(file, { throwIfNoEntry: false });
  return JSON.stringify([stats?.size, stats?.mtimeMs, video, pixelFactor]);
}

import fs from "node:fs";
import os from "node:os";
import { UserError } from "../../protocol/errors.ts";
import type { RunSpec, VideoSpec } from "../../protocol/spec.ts";
import type { Dataset } from "../data/example.ts";
import { readDataset } from "../data/readDataset.ts";
import type { VideoFacts } from "../lint/dataLint.ts";
import type { Ffmpeg } from "../video/ffmpeg.ts";
import { pickFrames, smartResize } from "../video/pickFrames.ts";
import { probeVideo, type VideoProbe } from "../video/probe.ts";

/** Datasets of a list of the specification, one after the other. Throws UserError bad-data. */
export async function readDatasets(specs: RunSpec["data"], baseDir: string): Promise<Dataset[]> {
  const datasets: Dataset[] = [];
  for (const spec of specs) datasets.push(await readDataset(spec, baseDir));
  return datasets;
}

/** Videos of the datasets that are there, each once; at most `most` of each dataset, at equal distances. */
export function videosOf(datasets: readonly Dataset[], most: number | null): { all: string[]; chosen: string[] } {
  const all = new Set<string>();
  const chosen = new Set<string>();
  for (const { examples, problems } of datasets) {
    const missing = new Set(problems.filter((p) => p.code === "missing-video").map((p) => p.example));
    const own = [...new Set(examples.filter((e) => !missing.has(e.id)).map((e) => e.videoPath))];
    const step = most === null ? 1 : Math.max(1, own.length / most);
    own.forEach((file) => all.add(file));
    for (let at = 0; at < own.length; at += step) chosen.add(own[Math.floor(at)] ?? "");
  }
  return { all: [...all], chosen: [...chosen] };
}

export interface ProbeParams {
  readonly files: readonly string[];
  readonly video: VideoSpec;
  readonly ffmpeg: () => Promise<Ffmpeg>;
  readonly known?: VideoMemory | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number) => void) | undefined;
}

/** What was found of files that have not changed since. */
export type VideoMemory = Map<string, { readonly key: string; readonly facts: VideoFacts }>;

/** Facts about videos by path, a few files at a time. Throws the signal's reason. */
export async function probeVideos(params: ProbeParams): Promise<ReadonlyMap<string, VideoFacts>> {
  const { files, known, signal, onProgress } = params;
  const facts = new Map<string, VideoFacts>();
  let next = 0;
  const work = async (): Promise<void> => {
    for (let file = files[next++]; file !== undefined; file = files[next++]) {
      signal?.throwIfAborted();
      const key = keyOf(file, params.video);
      const remembered = known?.get(file);
      const found = remembered?.key === key ? remembered.facts : await probeOne(file, params);
      known?.set(file, { key, facts: found });
      facts.set(file, found);
      onProgress?.(facts.size);
    }
  };
  await Promise.all(Array.from({ length: Math.min(8, os.availableParallelism() * 2) }, work));
  return facts;
}

async function probeOne(file: string, { video, ffmpeg }: ProbeParams): Promise<VideoFacts> {
  try {
    return factsOf(await probeVideo(file, ffmpeg), video);
  } catch (error) {
    if (UserError.is(error, "bad-video") || error instanceof RangeError) return { ok: false, message: error.message };
    throw error;
  }
}

/** The frames that a policy would get, and their size. Throws RangeError for a video that Qwen's rules have none for. */
function factsOf({ timestampsSec, durationSec, widthPx, heightPx }: VideoProbe, video: VideoSpec): VideoFacts {
  const lastDurationSec = durationSec - (timestampsSec.at(-1) ?? 0);
  const picked = pickFrames(timestampsSec, lastDurationSec, video);
  const { minPixels, maxPixels } = video;
  return {
    ok: true,
    durationSec,
    source: { widthPx, heightPx },
    seen: {
      timestampsSec: picked.map((index) => timestampsSec[index] ?? 0),
      size: smartResize(heightPx, widthPx, { minPixels, maxPixels }),
    },
  };
}

/** Changes when the file or the rule of frames does. */
function keyOf(file: string, video: VideoSpec): string {
  const stats = fs.statSync(file, { throwIfNoEntry: false });
  return JSON.stringify([stats?.size, stats?.mtimeMs, video]);
}

import { createHash } from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import { encodeH264, findVideoEncoder } from "../video/encode.ts";
import type { VideoEncoder } from "../video/encode.ts";
import type { Ffmpeg } from "../video/ffmpeg.ts";
import { clipFps, frameSidePx } from "./clip-format.ts";
import { describeScene } from "./describe.ts";
import type { SceneRows } from "./describe.ts";
import { renderScene } from "./render.ts";
import { makeScene } from "./scene.ts";
import type { Scene } from "./scene.ts";

export interface MovingShapesOptions {
  /** Folder that gets `videos/` and `annotations/`; made when it is missing. */
  readonly dir: string;
  readonly ffmpeg: Pick<Ffmpeg, "path">;
  readonly seed?: number | undefined;
  readonly trainClips?: number | undefined;
  readonly testClips?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after every finished clip. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface MovingShapesResult {
  /** False when everything was there already. */
  readonly written: boolean;
  readonly trainClips: number;
  readonly testClips: number;
}

/** Changes whenever the same parameters give other clips or other annotations. */
export const generatorVersion = 3;

export const movingShapesDefaults = { seed: 7, trainClips: 160, testClips: 80 } as const;

/** Scenes of the test split have numbers from here on, so that the size of one split does not change the other. */
export const testIndexOffset = 1_000_000;

/**
 * Writes the sample workspace's clips (`videos/train-0001.mp4` …) and annotations
 * (`annotations/{grounding,tracking,grounded-qa,choice}.{train,test}.json`).
 * A marker file with the version and parameters is written last: complete work is left alone, clips of an
 * interrupted call with the same parameters are kept, other clips are replaced.
 * Throws UserError "cancelled", "disk-full" or "no-ffmpeg".
 */
export async function writeMovingShapes(options: MovingShapesOptions): Promise<MovingShapesResult> {
  const seed = options.seed ?? movingShapesDefaults.seed;
  const trainClips = options.trainClips ?? movingShapesDefaults.trainClips;
  const testClips = options.testClips ?? movingShapesDefaults.testClips;
  const clips = [...splitClips(seed, "train", trainClips), ...splitClips(seed, "test", testClips)];
  const marker = markerOf({ seed, trainClips, testClips });
  const result = { trainClips, testClips };
  try {
    if (await isComplete(options.dir, marker, clips)) return { ...result, written: false };
    const videos = path.join(options.dir, "videos");
    const annotations = path.join(options.dir, "annotations");
    await fs.mkdir(videos, { recursive: true });
    await fs.mkdir(annotations, { recursive: true });
    await beginWork(options.dir, marker, clips);
    await encodeClips(clips, videos, options);
    await writeAnnotations(annotations, clips);
    await writeWhole(path.join(options.dir, markerName), JSON.stringify({ ...marker, complete: true }, null, 2) + "\n");
    return { ...result, written: true };
  } catch (error) {
    throw asUserError(error, options.dir);
  }
}

/** Names and scenes of one split, in order. */
export function splitClips(seed: number, split: "train" | "test", count: number): { name: string; scene: Scene }[] {
  const offset = split === "train" ? 0 : testIndexOffset;
  return Array.from({ length: count }, (_, k) => ({
    name: `${split}-${String(k + 1).padStart(4, "0")}`,
    scene: makeScene(seed, offset + k),
  }));
}

interface NamedClip {
  readonly name: string;
  readonly scene: Scene;
}

interface Marker {
  readonly generatorVersion: number;
  readonly parameters: string;
}

const markerName = ".moving-shapes.json";
const datasetNames = ["grounding", "tracking", "grounded-qa", "choice"] as const;
const encodersAtOnce = 2;

function markerOf(parameters: Readonly<Record<string, number>>): Marker {
  const text = JSON.stringify([generatorVersion, Object.entries(parameters)]);
  return { generatorVersion, parameters: createHash("sha256").update(text).digest("hex") };
}

async function readMarker(dir: string): Promise<Partial<Marker> & { complete?: boolean }> {
  try {
    const parsed: unknown = JSON.parse(await fs.readFile(path.join(dir, markerName), "utf8"));
    return typeof parsed === "object" && parsed !== null ? parsed : {};
  } catch {
    // No marker, or one that was cut short: nothing is known to be complete.
    return {};
  }
}

async function isComplete(dir: string, marker: Marker, clips: readonly NamedClip[]): Promise<boolean> {
  const found = await readMarker(dir);
  if (found.complete !== true || found.parameters !== marker.parameters) return false;
  const files = [
    ...clips.map((clip) => path.join("videos", `${clip.name}.mp4`)),
    ...datasetNames.flatMap((name) => ["train", "test"].map((s) => path.join("annotations", `${name}.${s}.json`))),
  ];
  const present = await Promise.all(files.map((file) => exists(path.join(dir, file))));
  return present.every(Boolean);
}

/** Removes clips of other parameters (only files that this generator names), and says what is being written. */
async function beginWork(dir: string, marker: Marker, clips: readonly NamedClip[]): Promise<void> {
  const found = await readMarker(dir);
  const videos = path.join(dir, "videos");
  const wanted = new Set(clips.map((clip) => `${clip.name}.mp4`));
  const isSameWork = found.parameters === marker.parameters;
  for (const file of await fs.readdir(videos)) {
    if (!/^(train|test)-\d{4,}(\.part)?\.mp4$/.test(file)) continue;
    if (!isSameWork || !wanted.has(file)) await fs.rm(path.join(videos, file), { force: true });
  }
  await writeWhole(path.join(dir, markerName), JSON.stringify({ ...marker, complete: false }, null, 2) + "\n");
}

async function encodeClips(clips: readonly NamedClip[], videos: string, options: MovingShapesOptions): Promise<void> {
  const encoder = await findVideoEncoder(options.ffmpeg, options.signal);
  // One failure stops the other worker too, and both are waited for: no process is left behind.
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let clip = clips[next++]; clip !== undefined; clip = clips[next++]) {
      const file = path.join(videos, `${clip.name}.mp4`);
      if (!(await exists(file))) await encodeClip(clip.scene, file, options.ffmpeg, encoder, signal);
      options.onProgress?.(++done, clips.length);
    }
  };
  const failures: unknown[] = [];
  const workers = Array.from({ length: encodersAtOnce }, () =>
    work().catch((error: unknown) => {
      failures.push(error);
      stop.abort();
    }),
  );
  await Promise.all(workers);
  if (failures.length > 0) throw failures[0];
}

async function encodeClip(
  scene: Scene,
  file: string,
  ffmpeg: Pick<Ffmpeg, "path">,
  encoder: VideoEncoder,
  signal: AbortSignal,
): Promise<void> {
  const partial = file.replace(/\.mp4$/, ".part.mp4");
  try {
    const frames = [renderScene(scene)];
    await encodeH264({
      ffmpeg,
      widthPx: frameSidePx,
      heightPx: frameSidePx,
      fps: clipFps,
      frames,
      output: partial,
      encoder,
      signal,
    });
    await fs.rename(partial, file);
  } catch (error) {
    await fs.rm(partial, { force: true });
    throw error;
  }
}

async function writeAnnotations(dir: string, clips: readonly NamedClip[]): Promise<void> {
  for (const split of ["train", "test"] as const) {
    const rows = clips
      .filter((clip) => clip.name.startsWith(`${split}-`))
      .map((clip) => [clip.name, describeScene(clip.scene, clip.name)] as const);
    const contents = annotationFiles(rows);
    for (const name of datasetNames) await writeWhole(path.join(dir, `${name}.${split}.json`), contents[name]);
  }
}

function annotationFiles(
  rows: readonly (readonly [string, SceneRows])[],
): Record<(typeof datasetNames)[number], string> {
  const grounding = rows.map(([name, row]) => `  ${JSON.stringify(name)}: ${JSON.stringify(row.grounding)}`);
  return {
    grounding: `{\n${grounding.join(",\n")}\n}\n`,
    tracking: listText(rows.flatMap(([, row]) => row.tracking)),
    "grounded-qa": listText(rows.flatMap(([, row]) => row.groundedQa)),
    choice: listText(rows.flatMap(([, row]) => row.choice)),
  };
}

/** A JSON list with a row a line: easy to read and to compare. */
function listText(rows: readonly unknown[]): string {
  return `[\n${rows.map((row) => `  ${JSON.stringify(row)}`).join(",\n")}\n]\n`;
}

async function writeWhole(file: string, text: string): Promise<void> {
  const partial = `${file}.part`;
  await fs.writeFile(partial, text);
  await fs.rename(partial, file);
}

async function exists(file: string): Promise<boolean> {
  return fs.stat(file).then(
    (stat) => stat.isFile() && stat.size > 0,
    () => false,
  );
}

function asUserError(error: unknown, dir: string): unknown {
  const isFull = error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT");
  if (!isFull) return error;
  return new UserError(
    { code: "disk-full", where: dir, message: "no space left on the disk", hint: "Free some space and start again." },
    { cause: error },
  );
}

// What the clips of a run cost: `node scripts/typescript.mjs test/bench/clips.ts` (after `npm run build`) decodes generated
// films of 1280 x 720 for the first time beside ffmpeg itself, opens them from the cache, and samples from the sample's
// policy with and without decoding the next clip meanwhile.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { validateSpec } from "../../src/protocol/spec.ts";
import { spawnBackend, type BackendClient } from "../../src/engine/run/backendClient.ts";
import { locateFfmpeg, runFfmpeg } from "../../src/engine/video/ffmpeg.ts";
import { openClip } from "../../src/engine/video/frameCache.ts";
import { summary, timed } from "./timing.ts";

const rounds = 5;
const films = 6;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-clips-"));
const ffmpeg = await locateFfmpeg();
const spec = makeSpec();
const { video } = spec;

interface Film {
  readonly name: string;
  readonly sec: number;
  /** Strength of the grain. */
  readonly grain: number;
  readonly encoder: readonly string[];
  /** Part of it that is asked about, in seconds; ffmpeg is told to seek there. */
  readonly clip?: { readonly startSec: number; readonly endSec: number };
}

/** 4.3 Mbit/s, and few frames that others do not need. */
const grainy: Film = {
  ...{ name: "H.264 of x264 veryfast, much grain", sec: 30, grain: 12 },
  encoder: ["-c:v", "libx264", "-preset", "veryfast", "-crf", "26"],
};
const decoded: readonly Film[] = [
  grainy,
  { name: "H.264 as ffmpeg makes it unasked", sec: 30, grain: 3, encoder: ["-c:v", "libx264"] },
  { name: "H.265 as ffmpeg makes it unasked", sec: 30, grain: 3, encoder: ["-c:v", "libx265"] },
  { name: "H.264, three minutes", sec: 180, grain: 3, encoder: ["-c:v", "libx264", "-preset", "veryfast"] },
  {
    ...{ name: "H.264, 20 s out of three minutes", sec: 180, grain: 3, clip: { startSec: 150, endSec: 170 } },
    encoder: ["-c:v", "libx264", "-preset", "veryfast"],
  },
];

try {
  console.log(
    "\n| 1280 x 720, 30 a second | to nothing | same frames | first opening | from the cache |\n|---|---|---|---|---|",
  );
  for (const film of decoded) await decoding(film, await writeFilm(film, 0));
  const files: string[] = [];
  for (let i = 0; i < films; i++) files.push(await writeFilm(grainy, i));
  await sampling(files);
} finally {
  fs.rmSync(dir, { recursive: true, force: true });
}

/** The first time, from the cache, and what ffmpeg alone takes: to decode the film, and to write the same frames as it scales. */
async function decoding(film: Film, file: string): Promise<void> {
  const times = { whole: [] as number[], alone: [] as number[], ours: [] as number[], cached: [] as number[] };
  let seen = "";
  for (let round = 0; round < rounds; round++) {
    const cacheDir = path.join(fs.mkdtempSync(path.join(dir, "round-")), "cache");
    // Alternating: a machine that slows down does so for all.
    times.whole.push(await timed(() => runFfmpeg(ffmpeg, [...inputOf(film, file), "-f", "null", "-"])));
    const alone = sameFrames(film, file, fs.mkdtempSync(path.join(dir, "alone-")));
    times.alone.push(await timed(() => runFfmpeg(ffmpeg, alone)));
    const params = { path: file, video, ffmpeg, cacheDir, clip: film.clip };
    times.ours.push(await timed(() => openClip(params)));
    for (let i = 0; i < 5; i++) times.cached.push(await timed(() => openClip(params)));
    const clip = (await openClip(params)).seen;
    seen = `${clip.frameIndices.length} frames of ${clip.widthPx} x ${clip.heightPx}`;
  }
  const columns = [times.whole, times.alone, times.ours, times.cached].map(summary).join(" | ");
  console.log(`| ${film.name}: ${seen} | ${columns} |`);
}

function inputOf({ clip }: Film, file: string): string[] {
  const part = clip === undefined ? [] : ["-ss", String(clip.startSec), "-to", String(clip.endSec)];
  return ["-loglevel", "error", ...part, "-i", file];
}

/** As many frames, raw at the policy's size, JPEGs at that of people; at most 32, and a second apart at least. */
function sameFrames(film: Film, file: string, to: string): string[] {
  const sec = film.clip === undefined ? film.sec : film.clip.endSec - film.clip.startSec;
  const every = Math.max(30, Math.floor((sec * 30) / 32));
  const graph = [
    `[0:v]select='not(mod(n,${every}))',split=2[a][b]`,
    "[a]scale=280:168:flags=bicubic,format=rgb24[p]",
    "[b]scale=640:360:flags=bicubic[j]",
  ];
  const frames = ["-fps_mode", "passthrough"];
  return [
    ...[...inputOf(film, file), "-filter_complex", graph.join(";")],
    ...["-map", "[p]", ...frames, "-f", "rawvideo", path.join(to, "pixels")],
    ...["-map", "[j]", ...frames, "-q:v", "3", path.join(to, "%06d.jpg")],
  ];
}

/** A clip a step, none of them seen before. */
async function sampling(files: readonly string[]): Promise<void> {
  console.log("\n| sampling 8 completions on each of the films | a step | of it waiting for the clip |\n|---|---|---|");
  for (const isAhead of [false, true, false, true]) {
    const backend = spawnBackend({ modulePath: path.resolve("dist/engine/backend.cjs"), onLog: () => undefined });
    const cacheDir = fs.mkdtempSync(path.join(dir, "cache-"));
    await backend.open({
      ...{ spec, baseDir: path.resolve("examples/moving-shapes"), checkpointDir: null, cacheDir, ffmpegPath: null },
      ...{ threads: os.availableParallelism(), trains: false },
    });
    const [steps, waits]: [number[], number[]] = [[], []];
    for (const [i, file] of files.entries()) {
      const next = isAhead ? files.slice(i + 1, i + 2) : [];
      let wait = NaN;
      steps.push(await timed(async () => (wait = await sampleOn(backend, file, next))));
      waits.push(wait * 1000);
    }
    await backend.close();
    // The first two of each: graphs are compiled, and nothing could be decoded ahead.
    const name = isAhead ? "the next one decoded meanwhile" : "each decoded when its turn comes";
    console.log(`| ${name} | ${summary(steps.slice(2))} | ${summary(waits.slice(2))} |`);
  }
}

async function sampleOn(backend: BackendClient, file: string, next: readonly string[]): Promise<number> {
  const [group] = await backend.sample({
    prompts: [{ key: "0", text: "What happens?", videoPath: file, seed: 1 }],
    groupSize: 8,
    sampling: { temperature: 1, topP: 1, topK: 0, maxCompletionLength: 96 },
    forTraining: false,
    next: next.map((videoPath) => ({ videoPath })),
  });
  if (group?.ok !== true) throw new Error(JSON.stringify(group));
  return group.decodeSec ?? NaN;
}

/** A film with motion and grain, as a camera's. */
async function writeFilm({ sec, grain, encoder }: Film, seed: number): Promise<string> {
  const file = path.join(fs.mkdtempSync(path.join(dir, "film-")), "film.mp4");
  const source = `testsrc2=size=1280x720:rate=30:duration=${sec},noise=alls=${grain}:allf=t:all_seed=${seed}`;
  const args = ["-loglevel", "error", "-f", "lavfi", "-i", source, ...encoder, "-pix_fmt", "yuv420p", file];
  await runFfmpeg(ffmpeg, args);
  return file;
}

function makeSpec() {
  const checked = validateSpec({
    name: "bench",
    policy: { model: "policy", training: "full" },
    video: { fps: 1, maxFrames: 32, maxPixels: 50176 },
    data: [{ id: "a", task: "tracking", format: "got10k-sampled", path: "a.json", videos: "." }],
    rewards: [{ name: "format" }],
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return checked.spec;
}

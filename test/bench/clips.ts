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

const rounds = 3;
const filmSec = 30;
const films = 6;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-clips-"));
const ffmpeg = await locateFfmpeg();
const spec = makeSpec();
const { video } = spec;

try {
  const files: string[] = [];
  for (let i = 0; i < films; i++) files.push(await writeFilm(i));
  await decoding(files[0] ?? "");
  await sampling(files);
} finally {
  fs.rmSync(dir, { recursive: true, force: true });
}

/** The first time, from the cache, and what ffmpeg alone takes: to decode the film, and to write the same frames as it scales. */
async function decoding(file: string): Promise<void> {
  const times = { whole: [] as number[], alone: [] as number[], ours: [] as number[], cached: [] as number[] };
  let seen = "";
  for (let round = 0; round < rounds; round++) {
    const cacheDir = path.join(dir, `cache-${round}`);
    // Alternating: a machine that slows down does so for all.
    times.whole.push(await timed(() => runFfmpeg(ffmpeg, ["-loglevel", "error", "-i", file, "-f", "null", "-"])));
    times.alone.push(await timed(() => runFfmpeg(ffmpeg, sameFrames(file, fs.mkdtempSync(path.join(dir, "alone-"))))));
    times.ours.push(await timed(() => openClip({ path: file, video, ffmpeg, cacheDir })));
    for (let i = 0; i < 5; i++) times.cached.push(await timed(() => openClip({ path: file, video, ffmpeg, cacheDir })));
    const clip = (await openClip({ path: file, video, ffmpeg, cacheDir })).seen;
    seen = `${clip.frameIndices.length} frames of ${clip.widthPx} x ${clip.heightPx}, ${clip.visualTokens} visual tokens`;
  }
  console.log(`\n| ${filmSec} s of 1280 x 720, H.264, 30 a second: ${seen} | median (range) |\n|---|---|`);
  console.log(`| ffmpeg decodes the whole film to nothing | ${summary(times.whole)} |`);
  console.log(`| ffmpeg alone writes the frames at both sizes, with its own scaler | ${summary(times.alone)} |`);
  console.log(`| first opening: probed, hashed, decoded, resized, stored with its images | ${summary(times.ours)} |`);
  console.log(`| from the cache | ${summary(times.cached)} |`);
}

/** A frame a second: raw at the policy's size, JPEGs at that of people. */
function sameFrames(file: string, to: string): string[] {
  const graph = [
    "[0:v]select='not(mod(n,30))',split=2[a][b]",
    "[a]scale=280:168:flags=bicubic,format=rgb24[p]",
    "[b]scale=640:360:flags=bicubic[j]",
  ];
  const frames = ["-fps_mode", "passthrough"];
  return [
    ...["-loglevel", "error", "-i", file, "-filter_complex", graph.join(";")],
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
async function writeFilm(index: number): Promise<string> {
  const file = path.join(dir, `film-${index}.mp4`);
  const source = `testsrc2=size=1280x720:rate=30:duration=${filmSec},noise=alls=12:allf=t:all_seed=${index}`;
  const encoder = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-pix_fmt", "yuv420p"];
  await runFfmpeg(ffmpeg, ["-loglevel", "error", "-f", "lavfi", "-i", source, ...encoder, file]);
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

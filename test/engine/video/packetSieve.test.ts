import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { decodeFrames } from "../../../src/engine/video/decode.ts";
import { locateFfmpeg, runFfmpeg } from "../../../src/engine/video/ffmpeg.ts";
import type { Ffmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { sievePackets } from "../../../src/engine/video/packetSieve.ts";
import { probeVideo } from "../../../src/engine/video/probe.ts";
import { writeRotated } from "./barcodeClips.ts";

let dir = "";
let ffmpeg: Ffmpeg;
before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-sieve-"));
  ffmpeg = await locateFfmpeg();
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

const frames = 120;

/** A film in colour with motion and grain, 30 frames a second. */
async function writeFilm(name: string, encoder: readonly string[]): Promise<string> {
  const file = path.join(dir, name);
  const source = `testsrc2=size=192x108:rate=30:duration=${frames / 30},noise=alls=20:allf=t`;
  await runFfmpeg(ffmpeg, ["-loglevel", "error", "-f", "lavfi", "-i", source, ...encoder, file]);
  return file;
}

/** Frames as ffmpeg gives them, one after the other. */
async function pixelsOf(file: string, indices: readonly number[], mode: "whole" | "sieved"): Promise<Uint8Array> {
  const probe = await probeVideo(file, ffmpeg);
  const found: Uint8Array[] = [];
  let calls = 0;
  const onFrame = (position: number, pixels: Uint8Array): void => {
    calls++;
    found[position] = pixels.slice();
  };
  await decodeFrames({ ffmpeg, file, probe, indices, jpegDir: null, onFrame, mode });
  // More: the sieve failed, and all of the file was decoded in its place.
  assert.equal(calls, indices.length);
  return Buffer.concat(found);
}

/** How many packets a sieve lets through, listed by ffmpeg; null when there is none. */
async function packetsThrough(file: string, indices: readonly number[]): Promise<number | null> {
  const { timestampsSec, startSec } = await probeVideo(file, ffmpeg);
  const wantedSec = indices.map((index) => (timestampsSec[index] ?? 0) + startSec);
  const sieve = await sievePackets(file, wantedSec);
  if (sieve === null) return null;
  const lines: Uint8Array[] = [];
  const args = ["-loglevel", "error", "-f", "matroska", "-i", "pipe:0", "-c", "copy", "-f", "framecrc", "-"];
  await runFfmpeg(ffmpeg, args, { input: sieve.bytes, onStdout: (chunk) => void lines.push(chunk) });
  sieve.dispose();
  const packets = Buffer.concat(lines).toString().match(/^0,/gm) ?? [];
  return packets.length;
}

const yuv = ["-pix_fmt", "yuv420p"];
const x264 = (params: string): string[] => ["-c:v", "libx264", "-x264-params", params, ...yuv];
const x265 = (params: string): string[] => ["-c:v", "libx265", "-x265-params", `log-level=error:${params}`, ...yuv];
const bt709 = ["-vf", "scale=out_range=full:out_color_matrix=bt709", "-color_range", "pc", "-colorspace", "bt709"];
const vp9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "30", ...yuv];
const often = [3, 17, 31, 44, 60, 77, 91, 119];
const rare = [7, 64, 66, 110];

interface Film {
  readonly name: string;
  readonly encoder: readonly string[];
  /** Packets that pass for the frames `often` and `rare`; where the encoder decides about B-frames, the most. */
  readonly passed?: readonly [number, number];
  readonly atMost?: readonly [number, number];
}

/** Of every key interval of 30, up to the last frame that is wanted of it: 18 + 15 + 18 + 30, and 8 + 7 + 21. */
const withoutTails = [81, 36] as const;
const films: readonly Film[] = [
  {
    name: "two-b.mp4",
    encoder: x264("bframes=2:b-adapt=0:b-pyramid=none:keyint=30:min-keyint=30:scenecut=0"),
    // IBBP: every third picture is a reference, and the last before a key frame. With the wanted ones that are none,
    // (7 + 1) + (6 + 2) + (7 + 1) + (11 + 1), and (4 + 1) + (3 + 1) + (8 + 1).
    passed: [36, 18],
  },
  { name: "pyramid.mkv", encoder: x264("bframes=3:b-adapt=0:keyint=48:scenecut=0"), atMost: [66, 30] },
  // Frames that come before their key frame need the ones before it, and a picture that is refreshed in parts has no key.
  { name: "open-gop.mp4", encoder: x264("open-gop=1:bframes=3:keyint=30:scenecut=0"), atMost: [90, 80] },
  { name: "intra-refresh.mp4", encoder: x264("intra-refresh=1:keyint=30"), atMost: [90, 80] },
  { name: "fields.mp4", encoder: x264("interlaced=1:slices=4:bframes=2:keyint=250"), atMost: [90, 80] },
  { name: "baseline.mov", encoder: x264("bframes=0:keyint=30:scenecut=0"), passed: withoutTails },
  { name: "full-range.mp4", encoder: [...bt709, ...x264("bframes=0:keyint=30:scenecut=0")], passed: withoutTails },
  { name: "h265.mp4", encoder: x265("bframes=3:keyint=30:scenecut=0:open-gop=0"), atMost: [60, 30] },
  { name: "h265-open.mkv", encoder: x265("bframes=3:keyint=30:scenecut=0:open-gop=1"), atMost: [90, 80] },
  // Two temporal layers with x265 3.5; newer ones take the number for none.
  { name: "h265-layers.mp4", encoder: x265("bframes=4:keyint=30:temporal-layers=1"), atMost: [120, 111] },
  { name: "vp9.webm", encoder: vp9, passed: withoutTails },
  { name: "av1.mp4", encoder: ["-c:v", "libsvtav1", "-preset", "10", "-g", "30", ...yuv], passed: withoutTails },
];

describe("what passes the sieve decodes to the same pixels", () => {
  for (const { name, encoder, passed, atMost } of films) {
    test(name, async () => {
      const file = await writeFilm(name, encoder);
      for (const [i, indices] of [often, rare].entries()) {
        const count = (await packetsThrough(file, indices)) ?? NaN;
        if (passed !== undefined) assert.equal(count, passed[i]);
        assert.ok(count >= indices.length && count <= (atMost ?? withoutTails)[i as 0 | 1], `${count} packets`);
        const whole = await pixelsOf(file, indices, "whole");
        assert.equal(whole.length, indices.length * 192 * 108 * 3);
        assert.ok(Buffer.from(whole).equals(await pixelsOf(file, indices, "sieved")));
      }
    });
  }
});

describe("a film that is turned or mirrored for display", () => {
  let upright = "";
  before(async () => {
    upright = await writeFilm("upright.mp4", x264("bframes=2"));
  });
  const quarters = [1, 0, -1]
    .flatMap((x) => [1, 0, -1].map((y) => [x, y] as const))
    .filter(([x, y]) => x * x !== y * y);
  for (const [a, b] of quarters)
    for (const [c, d] of quarters) {
      const determinant = a * d - b * c;
      if (determinant === 0) continue;
      test(`is shown as ffmpeg shows it: ${[a, b, c, d].join(" ")}`, async () => {
        const turned = writeRotated(upright, path.join(dir, "turned.mp4"), [a, b, c, d]);
        assert.ok(((await packetsThrough(turned, rare)) ?? frames) < frames);
        const pixels = Buffer.from(await pixelsOf(turned, rare, "sieved"));
        assert.ok(pixels.equals(await pixelsOf(turned, rare, "whole")));
        assert.equal(pixels.equals(await pixelsOf(upright, rare, "whole")), a === 1 && d === 1);
      });
    }
});

describe("where nothing can be left out", () => {
  for (const [name, ending, matrix, isSieved] of [
    ["a matrix that WebCodecs knows", "mp4", "bt709", true],
    ["one that it has no name for", "mp4", "smpte240m", false],
    ["one that it has no name for", "mov", "bt2020c", false],
    ["one that it has no name for", "mkv", "smpte240m", false],
  ] as const)
    test(`colours of the container alone, ${name}: ${matrix} in ${ending}`, async () => {
      const plain = await writeFilm(`plain-${matrix}-${ending}.mp4`, x264("bframes=2"));
      const file = path.join(dir, `${matrix}.${ending}`);
      const colours = ["-c", "copy", "-colorspace", matrix, ...(ending === "mkv" ? [] : ["-movflags", "write_colr"])];
      await runFfmpeg(ffmpeg, ["-loglevel", "error", "-i", plain, ...colours, file]);
      assert.equal((await packetsThrough(file, rare)) !== null, isSieved);
      const pixels = Buffer.from(await pixelsOf(file, rare, "sieved"));
      assert.ok(pixels.equals(await pixelsOf(file, rare, "whole")));
    });

  test("a film that is shown askew is given to ffmpeg whole", async () => {
    const upright = await writeFilm("straight.mp4", x264("bframes=2"));
    const askew = writeRotated(upright, path.join(dir, "askew.mp4"), [0.8, 0.6, -0.6, 0.8]);
    assert.equal(await packetsThrough(askew, rare), null);
  });

  test("a film whose packets are damaged gives what ffmpeg makes of all of it", async () => {
    const file = await writeFilm("damaged.mp4", x264("bframes=2:b-adapt=0:keyint=30"));
    const bytes = fs.readFileSync(file);
    // Lengths of units that lead out of their packets.
    for (let at = bytes.indexOf("mdat") + 5000; at < bytes.length - 5000; at += 3000) bytes.fill(0xff, at, at + 40);
    fs.writeFileSync(file, bytes);
    const outcome = async (mode: "whole" | "sieved"): Promise<string> =>
      await pixelsOf(file, rare, mode).then(
        (pixels) => createHash("sha256").update(pixels).digest("hex"),
        (error: unknown) => String(error),
      );
    assert.equal(await outcome("sieved"), await outcome("whole"));
  });
});

import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { UserError } from "../../../src/protocol/errors.ts";
import { cheaperMode, decodeFrames, jpegName } from "../../../src/engine/video/decode.ts";
import { passthroughArgs, selectFrames } from "../../../src/engine/video/decodeArgs.ts";
import { ffprobeBeside, locateFfmpeg, runFfmpeg } from "../../../src/engine/video/ffmpeg.ts";
import type { Ffmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { probeVideo } from "../../../src/engine/video/probe.ts";
import type { VideoProbe } from "../../../src/engine/video/probe.ts";
import { barcodeHeight, barcodeWidth, inFolder, readBarcode, writeClip, writeRotated, x264 } from "./barcodeClips.ts";

interface MadeClip {
  readonly file: string;
  /** Number in the first frame that is shown. */
  readonly first: number;
  readonly times: readonly number[];
  readonly container: string;
  readonly method: VideoProbe["method"];
  readonly isTurned?: boolean;
}

let dir = "";
let ffmpeg: Ffmpeg;
const clips = new Map<string, MadeClip>();
const clipOf = (name: string): MadeClip => clips.get(name) ?? assert.fail(`no clip ${name}`);
const every = (count: number, fps: number): number[] => Array.from({ length: count }, (_, n) => n / fps);

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-decode-"));
  ffmpeg = await locateFfmpeg();
  const at = inFolder(dir);
  const mp4 = { container: "mp4", method: "packets", first: 0 } as const;
  const cfr = await writeClip(ffmpeg, at("cfr30.mp4"), { frames: 90, withAudio: true });
  clips.set("constant 30", { ...mp4, file: cfr, times: every(90, 30) });
  const ntsc = await writeClip(ffmpeg, at("ntsc.mp4"), { frames: 61, fps: "30000/1001" });
  clips.set("constant 29.97", { ...mp4, file: ntsc, times: every(61, 30000 / 1001) });
  const setpts = "settb=1/90000,setpts='if(lt(N,40),N/30,40/30+(N-40)/5)/TB'";
  const vfr = await writeClip(ffmpeg, at("vfr.mp4"), {
    frames: 60,
    output: ["-vf", setpts, ...passthroughArgs(ffmpeg), "-enc_time_base", "1:90000", "-video_track_timescale", "90000"],
  });
  const vfrTimes = Array.from({ length: 60 }, (_, n) => (n < 40 ? n / 30 : 40 / 30 + (n - 40) / 5));
  clips.set("variable", { ...mp4, file: vfr, times: vfrTimes });
  const cut = at("edit-list.mp4");
  await runFfmpeg(ffmpeg, ["-loglevel", "error", "-ss", "1", "-i", cfr, "-an", "-c", "copy", cut]);
  clips.set("edit list", { ...mp4, file: cut, first: 30, times: every(60, 30) });
  const turned = writeRotated(ntsc, at("turned.mp4"));
  clips.set("rotated", { ...mp4, file: turned, times: every(61, 30000 / 1001), isTurned: true });
  const mkv = await writeClip(ffmpeg, at("clip.mkv"), { frames: 75, fps: "24" });
  clips.set("mkv", { ...mp4, file: mkv, container: "matroska", times: every(75, 24) });
  // The encoder's priming of the sound, 1024 samples, comes first: ffmpeg and players start the clock there.
  const tsTimes = every(75, 25).map((t) => t + 1024 / 48000);
  const ts = await writeClip(ffmpeg, at("clip.ts"), { frames: 75, fps: "25", withAudio: true });
  clips.set("mpeg-ts", { ...mp4, file: ts, container: "mpegts", times: tsTimes });
  const avi = await writeClip(ffmpeg, at("clip.avi"), {
    frames: 50,
    fps: "10",
    encoder: ["-c:v", "mjpeg", "-q:v", "2"],
  });
  clips.set("avi", {
    ...mp4,
    file: avi,
    container: "avi",
    method: ffprobeBeside(ffmpeg) === null ? "decoder" : "ffprobe",
    times: every(50, 10),
  });
  const encoders: Uint8Array[] = [];
  await runFfmpeg(ffmpeg, ["-encoders"], { onStdout: (chunk) => void encoders.push(chunk) });
  if (/libvpx-vp9/.test(Buffer.concat(encoders).toString())) {
    const encoder = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "20", "-b:v", "500k"];
    const webm = await writeClip(ffmpeg, at("clip.webm"), { frames: 45, encoder });
    clips.set("webm", { ...mp4, file: webm, container: "webm", times: every(45, 30) });
  }
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

const names = ["constant 30", "constant 29.97", "variable", "edit list", "rotated", "mkv", "mpeg-ts", "avi"];

async function numbersOf(
  clip: MadeClip,
  probe: VideoProbe,
  indices: readonly number[],
  mode: "whole" | "sieved",
): Promise<number[]> {
  const numbers: number[] = [];
  const onFrame = (position: number, pixels: Uint8Array): void => {
    const upright = clip.isTurned === true ? turnBack(pixels, probe.widthPx, probe.heightPx) : pixels;
    numbers[position] = readBarcode(upright, barcodeWidth, barcodeHeight);
  };
  await decodeFrames({ ffmpeg, file: clip.file, probe, indices, jpegDir: null, onFrame, mode });
  return numbers;
}

/** Undoes a turn by 90 degrees clockwise. */
function turnBack(pixels: Uint8Array, widthPx: number, heightPx: number): Uint8Array {
  const upright = new Uint8Array(pixels.length);
  for (let y = 0; y < widthPx; y++) {
    for (let x = 0; x < heightPx; x++) {
      const from = (x * widthPx + (widthPx - 1 - y)) * 3;
      upright.set(pixels.subarray(from, from + 3), (y * heightPx + x) * 3);
    }
  }
  return upright;
}

describe("times and contents of frames", () => {
  for (const name of [...names, "webm"]) {
    test(name, async () => {
      const clip = clips.get(name);
      if (clip === undefined && name === "webm") return; // this ffmpeg has no VP9 encoder
      assert.ok(clip !== undefined);
      const probe = await probeVideo(clip.file, ffmpeg);
      assert.equal(probe.container, clip.container);
      assert.equal(probe.method, clip.method);
      assert.equal(probe.timestampsSec.length, clip.times.length);
      probe.timestampsSec.forEach((time, n) =>
        assert.ok(Math.abs(time - (clip.times[n] ?? 0)) < 0.001, `${n}: ${time}`),
      );
      const size = [probe.widthPx, probe.heightPx];
      assert.deepEqual(size, clip.isTurned === true ? [barcodeHeight, barcodeWidth] : [barcodeWidth, barcodeHeight]);
      const indices = clip.times.map((_, n) => n).filter((n) => n % 7 !== 3);
      const expected = indices.map((n) => n + clip.first);
      assert.deepEqual(await numbersOf(clip, probe, indices, "whole"), expected);
      if (clip.container === "mpegts" || clip.container === "avi") return;
      const few = [Math.floor(clip.times.length / 2), clip.times.length - 1];
      assert.deepEqual(
        await numbersOf(clip, probe, few, "sieved"),
        few.map((n) => n + clip.first),
      );
    });
  }

  test("durations and rates", async () => {
    const constant = await probeVideo(clipOf("constant 30").file, ffmpeg);
    assert.equal(constant.averageFps, 30);
    assert.ok(Math.abs(constant.durationSec - 3) < 0.001);
    assert.equal(constant.codec, "avc");
    const ntsc = await probeVideo(clipOf("constant 29.97").file, ffmpeg);
    assert.equal(ntsc.averageFps, 30000 / 1001);
    assert.equal((await probeVideo(clipOf("mkv").file, ffmpeg)).averageFps, 24);
  });

  test("listing by decoding agrees with the packet table", async () => {
    for (const name of ["edit list", "mpeg-ts", "rotated", "variable"]) {
      const clip = clipOf(name);
      const packets = await probeVideo(clip.file, ffmpeg);
      const decoded = await probeVideo(clip.file, ffmpeg, { method: "decoder" });
      assert.equal(decoded.method, "decoder");
      assert.equal(decoded.timestampsSec.length, packets.timestampsSec.length);
      decoded.timestampsSec.forEach((time, n) => assert.ok(Math.abs(time - (packets.timestampsSec[n] ?? 0)) < 0.001));
      assert.deepEqual([decoded.widthPx, decoded.heightPx], [packets.widthPx, packets.heightPx]);
      assert.ok(Math.abs(decoded.startSec - packets.startSec) < 0.001);
    }
  });
});

describe("the table and the decoder disagree", () => {
  const mismatch = { name: "FrameTableMismatch" };
  test("a wrong time, a missing frame and a wrong size are noticed in either mode", async () => {
    const clip = clipOf("constant 30");
    const probe = await probeVideo(clip.file, ffmpeg);
    const late = { ...probe, timestampsSec: probe.timestampsSec.map((t) => t + 0.02) };
    const longer = { ...probe, timestampsSec: [...probe.timestampsSec, 3, 3.0333] };
    const wider = { ...probe, widthPx: 176 };
    for (const mode of ["whole", "sieved"] as const) {
      await assert.rejects(numbersOf(clip, late, [4, 80], mode), mismatch);
      await assert.rejects(numbersOf(clip, longer, [4, 91], mode), mismatch);
      await assert.rejects(numbersOf(clip, wider, [4, 80], mode), mismatch);
    }
  });
});

describe("how frames are asked for", () => {
  test("a graph too long for a command line goes through a file", async () => {
    const file = await writeClip(ffmpeg, path.join(dir, "long.avi"), { frames: 1000, encoder: ["-c:v", "mjpeg"] });
    const probe = await probeVideo(file, ffmpeg);
    const indices = probe.timestampsSec.map((_, n) => n).filter((n) => n % 10 !== 4);
    assert.ok(selectFrames(indices).length > 8_000);
    const clip = { ...clipOf("avi"), file };
    const variable = process.platform === "win32" ? "TEMP" : "TMPDIR";
    const former = process.env[variable];
    const temporary = path.join(dir, "temporary");
    fs.mkdirSync(temporary);
    try {
      process.env[variable] = temporary;
      assert.deepEqual(await numbersOf(clip, probe, indices, "whole"), indices);
    } finally {
      if (former === undefined) delete process.env[variable];
      else process.env[variable] = former;
    }
    assert.deepEqual(fs.readdirSync(temporary), []);
  });

  test("packets are left out where they can be told and it pays", async () => {
    const file = await writeClip(ffmpeg, path.join(dir, "sparse.mp4"), { frames: 300, fps: "5", output: ["-g", "10"] });
    const probe = await probeVideo(file, ffmpeg);
    assert.equal(probe.keyFrames?.length, 30);
    const rare = [0, 75, 150, 225, 299];
    assert.equal(cheaperMode(probe, rare), "sieved");
    assert.equal(cheaperMode({ ...probe, container: "mpegts" }, rare), "whole");
    assert.equal(cheaperMode({ ...probe, method: "decoder" }, rare), "whole");
    assert.equal(cheaperMode({ ...probe, timestampsSec: probe.timestampsSec.map((t) => t / 100) }, rare), "whole");
    assert.equal(cheaperMode(probe, [0, 1, 2, 4]), "whole");
    const vp9 = { ...probe, codec: "vp9" };
    assert.equal(cheaperMode(vp9, rare), "sieved");
    assert.equal(cheaperMode({ ...vp9, keyFrames: [0] }, rare), "whole");
    const clip = { ...clipOf("mkv"), file };
    assert.deepEqual(await numbersOf(clip, probe, rare, "sieved"), rare);
  });

  test("colours are those of ffmpeg's exact conversion to packed RGB", async () => {
    const size = "size=325x183:rate=5:duration=2";
    for (const [name, encoder] of [
      ["yuv420p.mp4", x264],
      ["10-bit.mp4", [...x264.slice(0, -1), "yuv422p10le"]],
      ["palette.gif", []],
    ] as const) {
      const file = path.join(dir, name);
      const source = `testsrc2=${size},noise=alls=40:allf=t`;
      await runFfmpeg(ffmpeg, ["-loglevel", "error", "-f", "lavfi", "-i", source, ...encoder, file]);
      const probe = await probeVideo(file, ffmpeg);
      const found: Uint8Array[] = [];
      const onFrame = (position: number, pixels: Uint8Array): void => void (found[position] = pixels.slice());
      await decodeFrames({ ffmpeg, file, probe, indices: [0, 4, 9], jpegDir: null, onFrame });
      const graph =
        "select=eq(n\\,0)+eq(n\\,4)+eq(n\\,9),scale=flags=bicubic+accurate_rnd+full_chroma_int,format=rgb24";
      const chunks: Uint8Array[] = [];
      const output = [...passthroughArgs(ffmpeg), "-f", "rawvideo", "-"];
      const onStdout = (chunk: Uint8Array): void => void chunks.push(chunk);
      await runFfmpeg(ffmpeg, ["-loglevel", "error", "-i", file, "-vf", graph, ...output], { onStdout });
      assert.ok(Buffer.concat(found).equals(Buffer.concat(chunks)), name);
      assert.equal(found[2]?.length, probe.widthPx * probe.heightPx * 3);
    }
  });

  test("images of the frames are written beside, even and at most 640 wide", async () => {
    const encoder = ["-vf", "scale=1281:722", ...x264.filter((x) => x !== "yuv420p"), "yuv444p"];
    const file = await writeClip(ffmpeg, path.join(dir, "wide.mp4"), { frames: 8, encoder });
    const probe = await probeVideo(file, ffmpeg);
    assert.deepEqual([probe.widthPx, probe.heightPx], [1281, 722]);
    for (const mode of ["whole", "sieved"] as const) {
      const jpegDir = fs.mkdtempSync(path.join(dir, "jpeg %d-"));
      const indices = [1, 6];
      await decodeFrames({ ffmpeg, file, probe, indices, jpegDir, onFrame: () => {}, mode });
      assert.deepEqual(fs.readdirSync(jpegDir).sort(), [0, 1].map(jpegName));
      for (const [position, index] of [[1, 6]] as const) {
        const pixels: Uint8Array[] = [];
        const raw = ["-pix_fmt", "rgb24", "-f", "rawvideo", "-"];
        const args = ["-loglevel", "error", "-i", jpegName(position), ...raw];
        await runFfmpeg(ffmpeg, args, { cwd: jpegDir, onStdout: (chunk) => void pixels.push(chunk) });
        const image = Buffer.concat(pixels);
        assert.equal(image.length, 640 * 360 * 3);
        assert.equal(readBarcode(image, 640, 360), index);
      }
    }
  });

  test("abort stops either mode", async () => {
    const clip = clipOf("constant 30");
    const probe = await probeVideo(clip.file, ffmpeg);
    for (const mode of ["whole", "sieved"] as const) {
      const controller = new AbortController();
      const run = decodeFrames({
        ffmpeg,
        file: clip.file,
        probe,
        indices: [0, 20, 40, 60, 80],
        jpegDir: null,
        onFrame: () => controller.abort(),
        signal: controller.signal,
        mode,
      });
      await assert.rejects(run, (error: unknown) => UserError.is(error, "cancelled"));
    }
  });
});

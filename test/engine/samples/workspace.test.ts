import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { UserError } from "../../../src/protocol/errors.ts";
import { readDataset } from "../../../src/engine/data/readDataset.ts";
import { frameSidePx } from "../../../src/engine/samples/clip-format.ts";
import { renderScene } from "../../../src/engine/samples/render.ts";
import { makeScene } from "../../../src/engine/samples/scene.ts";
import { splitClips, writeMovingShapes } from "../../../src/engine/samples/workspace.ts";
import { encodeH264, findVideoEncoder } from "../../../src/engine/video/encode.ts";
import { locateFfmpeg, runFfmpeg } from "../../../src/engine/video/ffmpeg.ts";

const annotationNames = ["choice", "grounded-qa", "grounding", "tracking"].flatMap((n) => [
  `${n}.test.json`,
  `${n}.train.json`,
]);

test("a workspace is written whole, and not written again", async () => {
  await withFolder(async (dir) => {
    const ffmpeg = await locateFfmpeg();
    const seen: string[] = [];
    const options = {
      dir,
      ffmpeg,
      trainClips: 3,
      testClips: 2,
      onProgress: (n: number, of: number) => seen.push(`${n}/${of}`),
    };
    assert.deepEqual(await writeMovingShapes(options), { written: true, trainClips: 3, testClips: 2 });
    assert.deepEqual(seen.at(-1), "5/5");
    const names = ["test-0001.mp4", "test-0002.mp4", "train-0001.mp4", "train-0002.mp4", "train-0003.mp4"];
    assert.deepEqual(fs.readdirSync(path.join(dir, "videos")).sort(), names);
    assert.deepEqual(fs.readdirSync(path.join(dir, "annotations")).sort(), annotationNames);
    const bytes = names.map((name) => fs.readFileSync(path.join(dir, "videos", name)));
    assert.ok(bytes.every((b) => b.length > 4000 && b.length < 150_000));

    assert.equal((await writeMovingShapes(options)).written, false);
    fs.rmSync(path.join(dir, "videos", "train-0002.mp4"));
    assert.equal((await writeMovingShapes(options)).written, true);
    const again = names.map((name) => fs.readFileSync(path.join(dir, "videos", name)));
    assert.ok(
      again.every((b, k) => b.equals(bytes[k] ?? Buffer.alloc(0))),
      "the same seed gives the same bytes",
    );
  });
});

test("rows name clips of their own split only", async () => {
  await withFolder(async (dir) => {
    await writeMovingShapes({ dir, ffmpeg: await locateFfmpeg(), seed: 3, trainClips: 2, testClips: 2 });
    for (const name of annotationNames) {
      const split = name.includes("train") ? "train" : "test";
      const parsed: unknown = JSON.parse(fs.readFileSync(path.join(dir, "annotations", name), "utf8"));
      const text = JSON.stringify(parsed);
      const clips = [...text.matchAll(/\b(train|test)-\d{4}/g)].map((m) => m[1]);
      assert.ok(clips.length >= 2);
      assert.ok(clips.every((c) => c === split));
    }
  });
});

test("the dataset readers accept every generated row", async () => {
  await withFolder(async (dir) => {
    await writeMovingShapes({ dir, ffmpeg: await locateFfmpeg(), seed: 5, trainClips: 6, testClips: 1 });
    const layouts = [
      { id: "grounding", task: "temporal-grounding", format: "charades-sta" },
      { id: "tracking", task: "tracking", format: "got10k-sampled" },
      { id: "grounded-qa", task: "grounded-qa", format: "nextgqa" },
      { id: "choice", task: "multiple-choice", format: "multiple-choice" },
    ] as const;
    for (const layout of layouts) {
      const spec = { ...layout, path: `annotations/${layout.id}.train.json`, videos: "videos", weight: 1 };
      const dataset = await readDataset(spec, dir);
      assert.deepEqual(dataset.problems, []);
      assert.ok(dataset.examples.length >= 6);
      assert.ok(dataset.examples.every((e) => e.durationSec === 8 && fs.existsSync(e.videoPath)));
    }
  });
});

test("other parameters replace the clips, and files of others stay", async () => {
  await withFolder(async (dir) => {
    const ffmpeg = await locateFfmpeg();
    await writeMovingShapes({ dir, ffmpeg, seed: 1, trainClips: 2, testClips: 1 });
    const before = fs.readFileSync(path.join(dir, "videos", "train-0001.mp4"));
    fs.writeFileSync(path.join(dir, "videos", "mine.mp4"), "mine");
    fs.writeFileSync(path.join(dir, "videos", "train-0001.part.mp4"), "cut short");
    await writeMovingShapes({ dir, ffmpeg, seed: 2, trainClips: 1, testClips: 1 });
    assert.deepEqual(fs.readdirSync(path.join(dir, "videos")).sort(), ["mine.mp4", "test-0001.mp4", "train-0001.mp4"]);
    assert.notDeepEqual(fs.readFileSync(path.join(dir, "videos", "train-0001.mp4")), before);
  });
});

test("an aborted call leaves no half clip, and the next one finishes the work", async () => {
  await withFolder(async (dir) => {
    const ffmpeg = await locateFfmpeg();
    const abort = new AbortController();
    const options = { dir, ffmpeg, trainClips: 4, testClips: 1 };
    await assert.rejects(
      writeMovingShapes({ ...options, signal: abort.signal, onProgress: () => abort.abort() }),
      (error: unknown) => UserError.is(error, "cancelled"),
    );
    assert.ok(fs.readdirSync(path.join(dir, "videos")).every((name) => !name.includes(".part.")));
    assert.equal((await writeMovingShapes(options)).written, true);
    assert.equal(fs.readdirSync(path.join(dir, "videos")).length, 5);
  });
});

test("no scene is in both splits, and a split does not depend on the size of the other", () => {
  const train = splitClips(7, "train", 160).map((clip) => JSON.stringify(clip.scene));
  const test = splitClips(7, "test", 80).map((clip) => JSON.stringify(clip.scene));
  assert.equal(new Set([...train, ...test]).size, 240);
  assert.equal(JSON.stringify(splitClips(7, "test", 3)[2]?.scene), test[2]);
});

test("an encoded clip decodes to its 64 frames, in order and nearly unchanged", async () => {
  await withFolder(async (dir) => {
    const ffmpeg = await locateFfmpeg();
    const output = path.join(dir, "clip.mp4");
    const frames = renderScene(makeScene(7, 2));
    await encodeH264({ ffmpeg, widthPx: frameSidePx, heightPx: frameSidePx, fps: 8, frames: [frames], output });
    const chunks: Uint8Array[] = [];
    const { stderr } = await runFfmpeg(
      ffmpeg,
      ["-i", output, "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"],
      { onStdout: (chunk) => void chunks.push(chunk) },
    );
    const expectedCodec = (await findVideoEncoder(ffmpeg)) === "mpeg4" ? /Video: mpeg4/ : /Video: h264/;
    assert.match(stderr, expectedCodec);
    assert.match(stderr, /Duration: 00:00:08\.00/);
    assert.match(stderr, /yuv420p.*112x112.* 8 fps/);
    const decoded = Buffer.concat(chunks);
    assert.equal(decoded.length, frames.length);
    const frameBytes = frameSidePx ** 2 * 3;
    for (let frame = 0; frame < 64; frame++) {
      let sum = 0;
      for (let i = frame * frameBytes; i < (frame + 1) * frameBytes; i++) {
        sum += Math.abs((decoded[i] ?? 0) - (frames[i] ?? 0));
      }
      assert.ok(sum / frameBytes < 5, `frame ${frame} differs by ${sum / frameBytes} on average`);
    }
  });
});

async function withFolder(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "moving-shapes-"));
  try {
    await use(dir);
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

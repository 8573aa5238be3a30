import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { UserError } from "../../../src/protocol/errors.ts";
import { locateFfmpeg, runFfmpeg } from "../../../src/engine/video/ffmpeg.ts";
import type { Ffmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { RunFailure } from "../../../src/engine/video/ffmpegErrors.ts";

const rawGray = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", "16x16"];

describe("locateFfmpeg", () => {
  let dir = "";
  let found: Ffmpeg;
  const saved = { ...process.env };
  before(async () => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-ffmpeg-"));
    found = await locateFfmpeg();
  });
  after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const restore = (): void => {
    for (const key of ["PATH", "VIDEO_RFT_FFMPEG", "VIDEO_RFT_FFMPEG_DIR", "FFMPEG_BIN"]) {
      if (saved[key] === undefined) delete process.env[key];
      else process.env[key] = saved[key];
    }
  };

  test("finds a program that runs, and its version", () => {
    assert.ok(path.isAbsolute(found.path));
    assert.notEqual(found.version, "");
  });

  test("the given path, its folder, and the environment are the setting", async () => {
    try {
      delete process.env["VIDEO_RFT_FFMPEG"];
      assert.deepEqual(await locateFfmpeg({ settingPath: found.path }), { ...found, source: "setting" });
      assert.equal((await locateFfmpeg({ settingPath: path.dirname(found.path) })).path, found.path);
      process.env["VIDEO_RFT_FFMPEG"] = found.path;
      assert.equal((await locateFfmpeg()).source, "setting");
    } finally {
      restore();
    }
  });

  test("a given path that does not run is an error that names it, even when PATH has one", async () => {
    const text = path.join(dir, "notes.txt");
    fs.writeFileSync(text, "no program");
    for (const settingPath of [text, path.join(dir, "nowhere")]) {
      await assert.rejects(locateFfmpeg({ settingPath }), (error: unknown) => {
        assert.ok(UserError.is(error, "no-ffmpeg"));
        assert.equal(error.where, settingPath);
        assert.match(error.hint ?? "", /videoRft\.ffmpegPath/);
        return true;
      });
    }
  });

  test("the storage folder comes before PATH; nothing anywhere says how to get one", async () => {
    try {
      for (const key of ["VIDEO_RFT_FFMPEG", "FFMPEG_BIN"]) delete process.env[key];
      const name = path.basename(found.path);
      fs.copyFileSync(found.path, path.join(dir, name));
      fs.chmodSync(path.join(dir, name), 0o755);
      process.env["VIDEO_RFT_FFMPEG_DIR"] = dir;
      // Where the package ffmpeg-static holds its binary, that comes first by rule.
      const source = found.source === "ffmpeg-static" ? "ffmpeg-static" : "storage";
      assert.equal((await locateFfmpeg()).source, source);
      if (source === "storage") {
        delete process.env["VIDEO_RFT_FFMPEG_DIR"];
        process.env["PATH"] = path.join(dir, "empty");
        await assert.rejects(locateFfmpeg(), (error: unknown) => {
          assert.ok(UserError.is(error, "no-ffmpeg"));
          assert.match(error.hint ?? "", /nstall/);
          return true;
        });
      }
    } finally {
      restore();
    }
  });
});

describe("runFfmpeg", () => {
  let ffmpeg: Ffmpeg;
  before(async () => {
    ffmpeg = await locateFfmpeg();
  });

  test("passes input through in order, and slow readers hold it back", async () => {
    async function* input(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 200; i++) yield new Uint8Array(256).fill(i);
    }
    let position = 0;
    let isInOrder = true;
    const args = [...rawGray, "-i", "-", ...rawGray.slice(0, 4), "-"];
    await runFfmpeg(ffmpeg, ["-loglevel", "error", ...args], {
      input: input(),
      onStdout: async (chunk) => {
        await new Promise((resolve) => setImmediate(resolve));
        for (const byte of chunk) isInOrder &&= byte === Math.floor(position++ / 256);
      },
    });
    assert.equal(position, 200 * 256);
    assert.ok(isInOrder);
  });

  test("a failure keeps what ffmpeg said; input that nobody reads is no other error", async () => {
    const run = runFfmpeg(ffmpeg, ["-loglevel", "error", "-i", path.join("no", "such.mp4"), "-f", "null", "-"], {
      input: new Uint8Array(1 << 20),
    });
    await assert.rejects(run, (error: unknown) => {
      assert.ok(error instanceof RunFailure);
      assert.match(error.message, /No such file/);
      return true;
    });
  });

  test("a program that does not exist rejects", async () => {
    await assert.rejects(runFfmpeg({ path: path.join(os.tmpdir(), "no-such-program") }, []), /ENOENT/);
  });

  test("abort kills the process and rejects with cancelled", async () => {
    const controller = new AbortController();
    let chunks = 0;
    const endless = ["-loglevel", "error", "-f", "lavfi", "-i", "testsrc=s=64x64", "-f", "rawvideo", "-"];
    const run = runFfmpeg(ffmpeg, endless, {
      signal: controller.signal,
      onStdout: () => void (++chunks === 3 && controller.abort()),
    });
    await assert.rejects(run, (error: unknown) => UserError.is(error, "cancelled"));
    await assert.rejects(runFfmpeg(ffmpeg, endless, { signal: controller.signal }), /cancelled/);
  });

  test("an input that never yields again does not outlive an abort", async () => {
    const controller = new AbortController();
    async function* input(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(256);
      controller.abort();
      await new Promise(() => {});
    }
    const args = [...rawGray, "-i", "-", "-f", "null", "-"];
    await assert.rejects(runFfmpeg(ffmpeg, args, { input: input(), signal: controller.signal }), /cancelled/);
  });

  test("a callback that throws kills the process and is what the caller sees", async () => {
    const endless = ["-loglevel", "error", "-f", "lavfi", "-i", "testsrc=s=64x64", "-f", "rawvideo", "-"];
    const run = runFfmpeg(ffmpeg, endless, {
      onStdout: () => {
        throw new Error("enough");
      },
    });
    await assert.rejects(run, /enough/);
  });
});

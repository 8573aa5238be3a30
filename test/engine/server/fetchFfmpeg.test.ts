import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { after, afterEach, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { UserError } from "../../../src/protocol/errors.ts";
import { fetchFfmpeg } from "../../../src/engine/server/fetchFfmpeg.ts";

/** A program that answers `-version` as ffmpeg does. Windows runs no scripts with the ending .exe. */
const program = '#!/bin/sh\necho "ffmpeg version 6.1.1-test Copyright"\n';
const platform = `${process.platform}-${process.arch}`;
const skip = process.platform === "win32";

let server: http.Server;
let dir: string;
/** Answers by path, and the paths that were asked for. */
const files = new Map<string, Buffer>();
let asked: string[] = [];

before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-ffmpeg-"));
  server = http.createServer((request, response) => {
    asked.push(request.url ?? "");
    const content = files.get(request.url ?? "");
    if (content === undefined) return void response.writeHead(404).end();
    response.writeHead(200, { "content-length": content.length });
    // Held back at "cancel" so that the client has to give up.
    if (request.url?.includes("cancel") === true) return void response.write(content.subarray(0, 1));
    response.end(content);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  files.clear();
  asked = [];
  fs.rmSync(path.join(dir, "bin"), { recursive: true, force: true });
});
after(() => {
  server.closeAllConnections();
  server.close();
  fs.rmSync(dir, { recursive: true, force: true });
  delete process.env["FFMPEG_BINARIES_URL"];
});

function serve(content: Buffer, base = ""): Record<string, string> {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server does not listen");
  process.env["FFMPEG_BINARIES_URL"] = `http://127.0.0.1:${address.port}${base}`;
  files.set(`${base}/b6.1.1/ffmpeg-${platform}.gz`, content);
  return { [platform]: createHash("sha256").update(content).digest("hex") };
}

function fetchIt(checksums: Record<string, string>, signal = new AbortController().signal) {
  const progress: [number, number][] = [];
  const onProgress = (done: number, total: number): void => void progress.push([done, total]);
  return { progress, result: fetchFfmpeg({ dir: path.join(dir, "bin"), signal, onProgress, checksums }) };
}

test("a program with the right checksum is unpacked, run once and kept", { skip }, async () => {
  const content = gzipSync(program);
  const checksums = serve(content);
  files.set(`/b6.1.1/${platform}.LICENSE`, Buffer.from("GPL"));
  const { progress, result } = fetchIt(checksums);
  const found = await result;
  assert.deepEqual(found, { path: path.join(dir, "bin", "ffmpeg"), version: "6.1.1-test" });
  assert.equal(fs.readFileSync(found.path, "utf8"), program);
  assert.equal(fs.statSync(found.path).mode & 0o111, 0o111);
  assert.deepEqual(progress.at(-1), [content.length, content.length]);
  assert.deepEqual(fs.readdirSync(path.join(dir, "bin")).sort(), ["ffmpeg", "ffmpeg.LICENSE"]);
});

test("another checksum leaves what was there", { skip }, async () => {
  fs.mkdirSync(path.join(dir, "bin"));
  fs.writeFileSync(path.join(dir, "bin", "ffmpeg"), "the old one");
  serve(gzipSync("#!/bin/sh\necho malicious\n"));
  await assert.rejects(fetchIt({ [platform]: "0".repeat(64) }).result, (error) => {
    assert.ok(UserError.is(error, "no-ffmpeg"));
    assert.match(error.message, /expected a file with sha256 0+, found [0-9a-f]{64}/);
    return true;
  });
  assert.equal(fs.readFileSync(path.join(dir, "bin", "ffmpeg"), "utf8"), "the old one");
  assert.deepEqual(fs.readdirSync(path.join(dir, "bin")), ["ffmpeg"]);
});

test("a program that does not run is removed", { skip }, async () => {
  const checksums = serve(gzipSync("#!/bin/sh\nexit 3\n"));
  await assert.rejects(fetchIt(checksums).result, (error) => UserError.is(error, "no-ffmpeg"));
  assert.deepEqual(fs.readdirSync(path.join(dir, "bin")), []);
});

test("a truncated file, a missing file and no server say what to do", async () => {
  const checksums = serve(gzipSync(program).subarray(0, 20));
  for (const url of [
    process.env["FFMPEG_BINARIES_URL"],
    `${process.env["FFMPEG_BINARIES_URL"]}/no`,
    "http://127.0.0.1:1",
  ]) {
    process.env["FFMPEG_BINARIES_URL"] = url;
    await assert.rejects(fetchIt(checksums).result, (error) => {
      assert.ok(UserError.is(error, "no-ffmpeg"), String(error));
      assert.match(error.hint ?? "", /Install ffmpeg with.*videoRft\.ffmpegPath/);
      return true;
    });
  }
  assert.deepEqual(fs.readdirSync(path.join(dir, "bin")), []);
});

test("it can be cancelled while it downloads", async () => {
  const checksums = serve(gzipSync(program), "/cancel");
  const controller = new AbortController();
  const result = fetchFfmpeg({
    dir: path.join(dir, "bin"),
    signal: controller.signal,
    onProgress: () => controller.abort(),
    checksums,
  });
  await assert.rejects(result, (error) => UserError.is(error, "cancelled"));
  assert.deepEqual(fs.readdirSync(path.join(dir, "bin")), []);
});

test("a platform without a known checksum is refused before anything is fetched", async () => {
  serve(gzipSync(program));
  await assert.rejects(fetchIt({}).result, (error) => UserError.is(error, "unsupported"));
  assert.deepEqual(asked, []);
});

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import { parse } from "jsonc-parser";
import type { ParseError } from "jsonc-parser";
import { locateFfmpeg, runFfmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { validateSpec } from "../../../src/protocol/spec.ts";
import type { RunSpec } from "../../../src/protocol/spec.ts";

// The tests run in the root of the repository.
const examples = path.resolve("examples");

test("the specification of moving shapes is valid and names the generator's files", () => {
  const spec = readSpec("moving-shapes", "moving-shapes.rft.json");
  assert.deepEqual(
    spec.data.map((d) => d.id),
    ["grounding", "tracking", "grounded-qa", "choice"],
  );
  for (const data of spec.data) assert.equal(data.path, `annotations/${data.id}.train.json`);
  for (const data of spec.evaluate.data) assert.equal(data.path, `annotations/${data.id}.test.json`);
  assert.equal(spec.video.maxPixels, 112 * 112);
  assert.equal(spec.video.maxFrames, 16);
});

test("the specification of big buck bunny is valid and its files are there", () => {
  const spec = readSpec("big-buck-bunny", "big-buck-bunny.rft.json");
  for (const data of [...spec.data, ...spec.evaluate.data]) {
    assert.ok(fs.existsSync(path.join(examples, "big-buck-bunny", data.path)));
    assert.ok(fs.statSync(path.join(examples, "big-buck-bunny", data.videos)).isDirectory());
  }
  const attribution = fs.readFileSync(path.join(examples, "big-buck-bunny", "ATTRIBUTION.md"), "utf8");
  assert.match(attribution, /Blender Foundation/);
  assert.match(attribution, /www\.bigbuckbunny\.org/);
});

test("the annotations of big buck bunny lie within its clip", async () => {
  const folder = path.join(examples, "big-buck-bunny");
  const clip = path.join(folder, "videos", "big-buck-bunny.mp4");
  const { stderr } = await runFfmpeg(await locateFfmpeg(), ["-i", clip, "-c", "copy", "-f", "null", "-"]);
  assert.match(stderr, /Duration: 00:00:30\.00/);
  const grounding = readJson(path.join(folder, "annotations", "grounding.json"));
  // SAFETY: the assertions below fail on any other shape.
  const row = (grounding as Record<string, { duration: number; timestamps: [number, number][]; sentences: string[] }>)[
    "big-buck-bunny"
  ];
  assert.ok(row !== undefined);
  assert.equal(row.duration, 30);
  assert.equal(row.timestamps.length, row.sentences.length);
  for (const [start, end] of row.timestamps) assert.ok(start >= 0 && start < end && end <= 30);
  // SAFETY: as above.
  const choices = readJson(path.join(folder, "annotations", "choice.json")) as {
    id: string;
    video: string;
    options: string[];
    answer: string;
  }[];
  assert.equal(new Set(choices.map((c) => c.id)).size, choices.length);
  for (const choice of choices) {
    assert.ok(fs.existsSync(path.join(folder, "videos", choice.video)));
    assert.ok(choice.options.some((option) => option.startsWith(`${choice.answer} `)));
  }
});

function readJson(file: string): unknown {
  const errors: ParseError[] = [];
  const value: unknown = parse(fs.readFileSync(file, "utf8"), errors, { allowTrailingComma: false });
  assert.deepEqual(errors, [], file);
  return value;
}

function readSpec(example: string, file: string): RunSpec {
  const result = validateSpec(readJson(path.join(examples, example, file)));
  assert.ok(result.ok, JSON.stringify(result));
  return result.spec;
}

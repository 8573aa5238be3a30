import assert from "node:assert/strict";
import path from "node:path";
import test from "node:test";
import { pickFrames } from "../../../src/engine/video/pickFrames.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { readFrom, type FileContents } from "./annotationFolder.ts";

const got = { format: "got10k", task: "tracking", path: "val", videos: "val" } as const;
const meta =
  "[METAINFO]\nanno_fps: 10Hz\nobject_class: bird\nmajor_class: bird\nmotion_class: flying\nresolution: (200, 100)\n";
const track = (frames: number): string =>
  Array.from({ length: frames }, (_, n) => `${n},10.0,20.0,30.0`).join("\n") + "\n";
const labels = (frames: number, others: Readonly<Record<number, number>>, usual: number): string =>
  Array.from({ length: frames }, (_, n) => others[n] ?? usual).join("\n");

test("GOT-10k: pixels become shares, boxes stand on the frames that a policy with as many sees", async (t) => {
  const files = { "val/S1/groundtruth.txt": track(100), "val/S1/meta_info.ini": meta };
  const { examples, dir } = await readFrom(t, got, files);
  const [example] = examples;
  assert.ok(example?.truth.task === "tracking");
  assert.deepEqual(
    [example.id, example.question, example.durationSec, example.frameRate, example.videoPath],
    ["S1", "bird", 10, 10, path.join(dir, "val", "S1")],
  );
  assert.deepEqual(example.categories, { class: "bird", major_class: "bird", motion_class: "flying" });
  const times = Array.from({ length: 100 }, (_, n) => n / 10);
  const seen = pickFrames(times, 0.1, { fps: 1, minFrames: 8, maxFrames: 8 });
  assert.deepEqual(
    example.truth.boxes.map(({ timestampSec }) => Math.round(timestampSec * 10)),
    seen,
  );
  assert.deepEqual(example.truth.boxes[1], {
    timestampSec: 1.4,
    box: { x0: 0.07, y0: 0.1, x1: 0.17, y1: 0.4 },
  });
});

test("GOT-10k: where the object is absent the nearest frame that shows it counts; cover stays", async (t) => {
  const files = {
    "val/S1/groundtruth.txt": track(9),
    "val/S1/absence.label": labels(9, { 4: 1, 5: 1, 8: 1 }, 0),
    "val/S1/cover.label": labels(9, { 2: 3 }, 8),
    "val/S1/meta_info.ini": meta,
  };
  const { examples } = await readFrom(t, { ...got, boxes: 5 }, files);
  const truth = examples[0]?.truth;
  assert.ok(truth?.task === "tracking");
  // Frames 0, 2, 4, 6 and 8 are wanted.
  assert.deepEqual(
    truth.boxes.map(({ timestampSec, cover }) => [Math.round(timestampSec * 10), cover]),
    [
      [0, 8],
      [2, 3],
      [3, 8],
      [6, 8],
      [7, 8],
    ],
  );
});

test("GOT-10k: sequences that cannot be used are named; list.txt says which there are", async (t) => {
  const whole = { "val/A/groundtruth.txt": track(9), "val/A/meta_info.ini": meta };
  const files = {
    ...whole,
    "val/list.txt": "A\r\nT\r\nshort\nnowhere\nbad\nhidden\nsizeless\n",
    "val/T/groundtruth.txt": "1,2,3,4\n",
    "val/T/meta_info.ini": meta,
    "val/short/groundtruth.txt": track(7),
    "val/short/meta_info.ini": meta,
    "val/bad/groundtruth.txt": track(3) + "1,2,3\n" + track(9),
    "val/bad/meta_info.ini": meta,
    "val/hidden/groundtruth.txt": track(9),
    "val/hidden/absence.label": labels(9, { 0: 0 }, 1),
    "val/hidden/meta_info.ini": meta,
    "val/sizeless/groundtruth.txt": track(9),
    "val/unlisted/groundtruth.txt": track(9),
  };
  const dataset = await readFrom(t, got, files);
  assert.deepEqual(
    dataset.examples.map(({ id }) => id),
    ["A"],
  );
  assert.deepEqual(
    dataset.problems.map(({ example, path: place }) => [example, ...place]),
    [
      ["T", "T", "groundtruth.txt"],
      ["short", "short", "groundtruth.txt"],
      ["nowhere", "nowhere"],
      ["bad", "bad", "groundtruth.txt", 3],
      ["hidden", "hidden", "groundtruth.txt"],
      ["sizeless", "sizeless"],
    ],
  );
  assert.match(dataset.problems[0]?.message ?? "", /Only the first box is public/);
  const again = await readFrom(t, got, { ...files, "val/A/cover.label": labels(9, {}, 8) });
  assert.notEqual(again.hash, dataset.hash, "labels are part of what was read");
  assert.deepEqual(
    (await readFrom(t, got, whole)).examples.map(({ id }) => id),
    ["A"],
    "without list.txt every folder with a groundtruth.txt is a sequence",
  );
});

test("GOT-10k: a file in place of the folder, and a folder without sequences", async (t) => {
  const wrong: readonly FileContents[] = [{ val: "x" }, { "val/readme.md": "x" }];
  for (const files of wrong) {
    await assert.rejects(
      readFrom(t, got, files),
      (error) => UserError.is(error, "bad-data") && /sequences/.test(error.message),
    );
  }
});

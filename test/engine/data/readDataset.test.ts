import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import type { Dataset } from "../../../src/engine/data/example.ts";
import { readDataset, tasksOfFormat } from "../../../src/engine/data/readDataset.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import type { DatasetSpec } from "../../../src/protocol/spec.ts";
import { dataFormats } from "../../../src/protocol/spec.ts";

/** Reads a dataset from a folder that holds the annotations and these (empty) video files. */
async function read(
  t: test.TestContext,
  spec: Pick<DatasetSpec, "format" | "task"> & Partial<DatasetSpec>,
  content: unknown,
  videos: readonly string[] = [],
): Promise<Dataset & { readonly dir: string }> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "video-rft-data-"));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const text = typeof content === "string" ? content : JSON.stringify(content);
  fs.writeFileSync(path.join(dir, "annotations.json"), text);
  for (const video of videos) {
    fs.mkdirSync(path.dirname(path.join(dir, "videos", video)), { recursive: true });
    fs.writeFileSync(path.join(dir, "videos", video), "");
  }
  const full = { id: "data", path: "annotations.json", videos: "videos", weight: 1, ...spec };
  return { ...(await readDataset(full, dir)), dir };
}

const problemsOf = (dataset: Dataset): string[] =>
  dataset.problems.map((p) => `${p.example} ${p.code}${p.isKept ? " kept" : ""}`);
const charades = { format: "charades-sta", task: "temporal-grounding" } as const;
const got = { format: "got10k-sampled", task: "tracking" } as const;
const gqa = { format: "nextgqa", task: "grounded-qa" } as const;

test("Charades-STA: an example a sentence", async (t) => {
  const dataset = await read(
    t,
    charades,
    {
      A: {
        duration: 30,
        timestamps: [
          [1, 5.5],
          [2, 3],
        ],
        sentences: [" person sits down. ", "person eats"],
      },
      "sub/B": { duration: 10, timestamps: [[0, 10]], sentences: ["x"] },
    },
    ["A.mkv", "sub/B.mp4"],
  );
  assert.deepEqual(problemsOf(dataset), []);
  assert.deepEqual(
    dataset.examples.map((e) => [e.id, e.question, e.durationSec, e.truth]),
    [
      ["A_0", "person sits down.", 30, { task: "temporal-grounding", segment: { startSec: 1, endSec: 5.5 } }],
      ["A_1", "person eats", 30, { task: "temporal-grounding", segment: { startSec: 2, endSec: 3 } }],
      ["sub/B_0", "x", 10, { task: "temporal-grounding", segment: { startSec: 0, endSec: 10 } }],
    ],
  );
  assert.deepEqual(
    dataset.examples.map((e) => e.videoPath),
    [path.join("A.mkv"), path.join("A.mkv"), path.join("sub", "B.mp4")].map((f) => path.join(dataset.dir, "videos", f)),
  );
  assert.match(dataset.hash, /^[0-9a-f]{64}$/);
});

test("Charades-STA: rows that look wrong are named, and only those without a usable truth are left out", async (t) => {
  const dataset = await read(
    t,
    charades,
    {
      A: {
        duration: 10,
        timestamps: [
          [4, 12],
          [5, 5],
          [6, 2],
          [-3, -2],
          [1, 2],
        ],
        sentences: ["a", "b", "c", "d", "e"],
      },
      B: {
        duration: 10,
        timestamps: [
          [1, 2],
          ["x", 2],
          [1, 2],
        ],
        sentences: ["a", "b"],
      },
      C: { timestamps: [], sentences: [] },
    },
    ["A.mp4", "B.mp4"],
  );
  assert.deepEqual(
    dataset.examples.map((e) => e.id),
    ["A_0", "A_4", "B_0"],
  );
  assert.deepEqual(dataset.examples[0]?.truth, { task: "temporal-grounding", segment: { startSec: 4, endSec: 12 } });
  assert.deepEqual(problemsOf(dataset), [
    "A_0 truth-beyond-video kept",
    "A_1 zero-length",
    "A_2 zero-length",
    "A_3 zero-length",
    "B bad-row",
    "B_1 bad-row",
    "C bad-row",
  ]);
});

test("GOT-10k: given timestamps, else spread over the duration, else assumed", async (t) => {
  const gt = [
    [0, 0, 0.5, 0.5],
    [0.1, 0, 0.5, 0.5],
    [0.2, 0, 0.5, 0.5],
  ];
  const dataset = await read(
    t,
    got,
    [
      { path: "a", object: "cat", gt, timestamps: [0, 1.5, 2] },
      { path: "a.mp4", object: "dog", gt, duration: 4, id: "own" },
      { path: "a", object: "cow", gt },
    ],
    ["a.mp4"],
  );
  assert.deepEqual(
    dataset.examples.map((e) => [
      e.id,
      e.question,
      e.truth.task === "tracking" && e.truth.boxes.map((b) => b.timestampSec),
    ]),
    [
      ["a_0", "cat", [0, 1.5, 2]],
      ["own", "dog", [0, 2, 4]],
      ["a_1", "cow", [0, 1, 2]],
    ],
  );
  assert.ok(dataset.examples.every((e) => e.videoPath === path.join(dataset.dir, "videos", "a.mp4")));
  assert.deepEqual(problemsOf(dataset), ["a_1 unknown-box-times kept"]);
});

test("GOT-10k: boxes without area and broken rows are left out, boxes outside the frame are kept", async (t) => {
  const row = (gt: unknown, more = {}): unknown => ({ path: "a", object: "cat", duration: 2, gt, ...more });
  const good = [0, 0, 0.5, 0.5];
  const dataset = await read(
    t,
    got,
    [
      row([good, [0.5, 0, 0.5, 1]]),
      row([good, [-0.1, 0, 0.5, 1]]),
      row([good]),
      row([good, [0, 0, "1", 1]]),
      row([good, good], { timestamps: [0] }),
      row([good, good], { timestamps: [2, 1] }),
      { path: "a" },
    ],
    ["a.mp4"],
  );
  assert.deepEqual(
    dataset.examples.map((e) => e.id),
    ["a_1"],
  );
  assert.deepEqual(problemsOf(dataset), [
    "a_0 bad-box",
    "a_1 box-out-of-range kept",
    "row 2 bad-row",
    "row 3 bad-row",
    "a_2 box-times-differ",
    "a_3 box-times-differ",
    "row 6 bad-row",
  ]);
});

test("GOT-10k: boxes in pixels, and boxes of x, y, width, height, are told by their numbers", async (t) => {
  const row = (gt: unknown): unknown => ({ path: "a", object: "cat", duration: 2, gt });
  const read1 = (rows: unknown[]) => read(t, got, rows, ["a.mp4"]);
  const pixels = await read1([
    row([
      [10, 20, 200, 150],
      [12, 20, 210, 150],
    ]),
  ]);
  assert.deepEqual(problemsOf(pixels), ["a_0 boxes-in-pixels kept"]);
  assert.match(pixels.problems[0]?.message ?? "", /reach 210, expected numbers from 0 to 1/);
  const sizes = [0.6, 0.5, 0.3, 0.2];
  const xywh = await read1([row([sizes, sizes, sizes, sizes]), row([sizes, sizes, sizes, [0.1, 0.1, 0.3, 0.3]])]);
  // Seven flat boxes may be seven mistakes; eight may not.
  assert.deepEqual(problemsOf(xywh), ["a_0 bad-box", "a_1 bad-box"]);
  const more = await read1([row([sizes, sizes, sizes, sizes]), row([sizes, sizes, sizes, sizes])]);
  assert.deepEqual(problemsOf(more), ["a_0 bad-box", "a_1 bad-box", "null boxes-xywh"]);
  assert.deepEqual(more.problems[2]?.path, [0, "gt", 0]);
  const mixed = await read1([
    row([sizes, sizes, sizes, sizes]),
    row([sizes, sizes, sizes, sizes]),
    row([[0.5, 0.5, 0.9, 0.9], sizes]),
  ]);
  assert.ok(!problemsOf(mixed).includes("null boxes-xywh"), "a box that fits only as corners");
});

test("rows and truths have their places in the file", async (t) => {
  const dataset = await read(t, charades, {
    A: {
      duration: 9,
      timestamps: [
        [1, 2],
        [3, 3],
      ],
      sentences: ["a", "b"],
    },
  });
  assert.deepEqual([...dataset.places], [["A_0", ["A", "timestamps", 0]]]);
  assert.deepEqual(
    dataset.problems.map(({ code, path: place }) => [code, place]),
    [
      ["missing-video", ["A", "timestamps", 0]],
      ["zero-length", ["A", "timestamps", 1]],
    ],
  );
  const question = {
    video: "v",
    question: "?",
    options: ["a", "b"],
    answer: "A",
    glue: [
      [1, 2],
      [4, 4],
    ],
  };
  const qa = await read(t, gqa, [{ ...question, glue: [[1, 2]] }, question]);
  assert.deepEqual([...qa.places], [["v_0", [0, "glue"]]]);
  assert.deepEqual(qa.problems.find(({ code }) => code === "zero-length")?.path, [1, "glue", 1]);
});

test("NExT-GQA: options lose their letters, the answer becomes one", async (t) => {
  const row = {
    video: "v",
    question: "what?",
    duration: 9,
    glue: [
      [1, 2],
      [4, 5],
    ],
    options: ["(A) red", "(B) blue"],
  };
  const rows = [
    { ...row, id: "q7", answer: "(B)" },
    { ...row, answer: "b" },
    { ...row, answer: "(A) red" },
    { ...row, answer: "blue", options: ["red", "blue"] },
    { ...row, answer: "(C)" },
    { ...row, answer: "A dog" },
    { ...row, answer: "A", glue: [] },
    { ...row, answer: "A", glue: [[1, 1]] },
    { ...row, answer: "A", options: ["(A) red"] },
  ];
  const dataset = await read(t, gqa, rows, ["v.webm"]);
  assert.deepEqual(
    dataset.examples.map((e) => [e.id, e.options, e.truth.task === "grounded-qa" && e.truth.option]),
    [
      ["q7", ["red", "blue"], "B"],
      ["v_1", ["red", "blue"], "B"],
      ["v_2", ["red", "blue"], "A"],
      ["v_3", ["red", "blue"], "B"],
    ],
  );
  assert.deepEqual(problemsOf(dataset), [
    "v_4 bad-row",
    "v_5 bad-row",
    "v_6 bad-row",
    "v_7 zero-length",
    "row 8 bad-row",
  ]);
  const choice = await read(t, { format: "nextgqa", task: "multiple-choice" }, rows, ["v.webm"]);
  assert.equal(choice.examples.length, 6); // the segments do not matter
});

test("multiple choice needs neither segments nor duration", async (t) => {
  const dataset = await read(
    t,
    { format: "multiple-choice", task: "multiple-choice" },
    [{ id: 3, video: "v.mp4", question: "what?", options: ["(A) A dog", "(B) 2. place"], answer: "(B)" }],
    ["v.mp4"],
  );
  assert.deepEqual(dataset.examples[0]?.options, ["A dog", "2. place"]);
  assert.deepEqual(dataset.examples[0]?.truth, { task: "multiple-choice", option: "B" });
  assert.deepEqual([dataset.examples[0]?.id, dataset.examples[0]?.durationSec], ["3", null]);
});

test("a missing video is named and its row kept; repeated ids are left out; the limit counts what is used", async (t) => {
  const row = { video: "v", question: "?", options: ["a", "b"], answer: "A" };
  const rows = [
    { ...row, id: "1" },
    { ...row, id: "1" },
    { ...row, id: "2" },
    { ...row, id: "3" },
  ];
  const dataset = await read(t, { format: "multiple-choice", task: "multiple-choice", limit: 2 }, rows);
  assert.deepEqual(
    dataset.examples.map((e) => e.id),
    ["1", "2"],
  );
  assert.deepEqual(problemsOf(dataset), ["1 missing-video kept", "1 duplicate-id", "2 missing-video kept"]);
  assert.equal(dataset.examples[0]?.videoPath, path.join(dataset.dir, "videos", "v"));
});

test("a file that is not of the layout is the user's error and names the file", async (t) => {
  const cases: [unknown, RegExp][] = [
    [[], /holds a list, expected an object/],
    ["{", /not JSON/],
    [null, /holds null/],
  ];
  for (const [content, message] of cases) {
    await assert.rejects(read(t, charades, content), (error) => {
      assert.ok(UserError.is(error, "bad-data"));
      assert.match(error.message, message);
      return error.where?.endsWith("annotations.json") ?? false;
    });
  }
  await assert.rejects(read(t, got, {}), (error) => UserError.is(error, "bad-data"));
  await assert.rejects(read(t, gqa, {}), (error) => UserError.is(error, "bad-data"));
  await assert.rejects(
    read(t, { ...charades, path: "none.json" }, {}),
    (error) => UserError.is(error, "bad-data") && /cannot be read/.test(error.message),
  );
  await assert.rejects(
    read(t, { format: "got10k-sampled", task: "multiple-choice" }, []),
    (error) => UserError.is(error, "bad-spec") && /tracking/.test(error.hint ?? ""),
  );
});

test("every format has a task", () => {
  for (const format of dataFormats) assert.ok(tasksOfFormat(format).length > 0);
});

test("a byte order mark is no part of the annotations", async (t) => {
  const dataset = await read(t, charades, "\uFEFF{}");
  assert.deepEqual(dataset.examples, []);
});

test("JSON that Python writes and JSON does not know, files without content, other encodings", async (t) => {
  const nan = '{"A": {"duration": 3, "timestamps": [[0, NaN]], "sentences": ["NaN, Infinity"]}}';
  const cases: readonly (readonly [string, RegExp, RegExp])[] = [
    [nan, /not JSON/, /NaN or Infinity, which Python writes/],
    [nan.replace("NaN]", "-Infinity ]"), /not JSON/, /NaN or Infinity/],
    ["", /it is empty/, /Copy/],
    ['{"A": 1}\n{"B": 2}\n', /not JSON/, /"jsonl"/],
    ['{"A": {"duration": 3, "sentences": ["NaN, Infinity"', /not JSON/, /"jsonl"/],
  ];
  for (const [content, message, hint] of cases) {
    await assert.rejects(read(t, charades, content), (error) => {
      assert.ok(UserError.is(error, "bad-data"));
      assert.match(error.message, message);
      assert.match(error.hint ?? "", hint);
      return true;
    });
  }
});

test("strings in place of numbers, and pairs that are none, are named and left out", async (t) => {
  const timestamps = [["0", 1], [0, 1, 2], [null, 1], 1, [0, 1]];
  const sentences = ["a", "b", "c", "d", 5];
  const dataset = await read(t, charades, {
    A: { duration: 9, timestamps, sentences },
    B: { duration: "9", timestamps, sentences },
  });
  assert.deepEqual(dataset.examples, []);
  assert.deepEqual(
    problemsOf(dataset),
    ["A_0", "A_1", "A_2", "A_3", "A_4", "B"].map((id) => `${id} bad-row`),
  );
});

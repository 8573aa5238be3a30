import assert from "node:assert/strict";
import test from "node:test";
import { readLines } from "../../../src/engine/data/textLines.ts";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { UserError } from "../../../src/protocol/errors.ts";
import type { TaskId } from "../../../src/protocol/tasks.ts";
import { problemsOf, readFrom } from "./annotationFolder.ts";

const lines = (rows: readonly unknown[]): string =>
  rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row))).join("\n");
const own = (task: TaskId) => ({ format: "jsonl", task, path: "own.jsonl" }) as const;
const event = { video: "a", question: "it rains" };

test("times of a clip count from its start; the file's stay in the row", async (t) => {
  const rows = [
    { ...event, id: "inside", segment: [12, 15], start: 10, end: 20, duration: 60 },
    { ...event, id: "reaching out", segment: [8, 15], start: 10, end: 20 },
    { ...event, id: "outside", segment: [1, 2], start: 10, end: 20 },
    { ...event, id: "turned", segment: [1, 2], start: 20, end: 10 },
    { ...event, id: "beyond", segment: [1, 2], start: 70, end: 80, duration: 60 },
    { ...event, id: "to the end", segment: [50, 60], start: 40, duration: 60 },
    { ...event, id: "no end", segment: [50, 60], start: 40 },
    { ...event, id: "negative", segment: [50, 60], start: -1, end: 70 },
    { ...event, id: "end beyond the video", segment: [50, 55], start: 40, end: 90, duration: 60 },
    { ...event, id: "whole", segment: [12, 15], duration: 60 },
  ];
  const dataset = await readFrom(t, own("temporal-grounding"), { "own.jsonl": lines(rows) }, ["a.mp4"]);
  assert.deepEqual(
    dataset.examples.map(({ id, clip, durationSec, truth }) => [
      id,
      clip === undefined ? null : [clip.startSec, clip.endSec],
      durationSec,
      truth.task === "temporal-grounding" ? [truth.segment.startSec, truth.segment.endSec] : null,
    ]),
    [
      ["inside", [10, 20], 10, [2, 5]],
      ["reaching out", [10, 20], 10, [0, 5]],
      ["to the end", [40, 60], 20, [10, 20]],
      ["end beyond the video", [40, 60], 20, [10, 15]],
      ["whole", null, 60, [12, 15]],
    ],
  );
  assert.deepEqual(dataset.examples[0]?.row, rows[0]);
  assert.deepEqual(problemsOf(dataset), [
    "reaching out truth-beyond-video kept",
    "outside bad-clip",
    "turned bad-clip",
    "beyond bad-clip",
    "no end bad-clip",
    "negative bad-clip",
  ]);
});

test("boxes: times within the clip, corners in order", async (t) => {
  const boxes = [
    [0, 0, 0.5, 0.5],
    [0.1, 0, 0.5, 0.5],
    [0.2, 0, 0.5, 0.5],
  ];
  const rows = [
    { ...event, id: "spread", boxes, start: 10, end: 14 },
    { ...event, id: "given", boxes, start: 10, end: 14, timestamps: [10, 11.5, 14] },
    { ...event, id: "unknown", boxes },
    { ...event, id: "free", boxes, timestamps: [3, 5, 100] },
    { ...event, id: "before the clip", boxes, start: 10, end: 14, timestamps: [9, 11, 12] },
    { ...event, id: "falling", boxes, duration: 9, timestamps: [1, 1, 2] },
    { ...event, id: "falling, no duration", boxes, timestamps: [2, 1, 3] },
    { ...event, id: "too few", boxes, timestamps: [1, 2] },
    { ...event, id: "xywh", boxes: [...boxes.slice(1), [0.6, 0.6, 0.3, 0.3]] },
    { ...event, id: "pixels", boxes: [...boxes, [10, 10, 200, 200]] },
    { ...event, id: "three sides", boxes: [...boxes, [0, 0, 1]] },
  ];
  const dataset = await readFrom(t, own("tracking"), { "own.jsonl": lines(rows) }, ["a.mp4"]);
  assert.deepEqual(
    dataset.examples.map(({ id, truth }) => [
      id,
      truth.task === "tracking" && truth.boxes.map(({ timestampSec }) => timestampSec),
    ]),
    [
      ["spread", [0, 2, 4]],
      ["given", [0, 1.5, 4]],
      ["unknown", [0, 1, 2]],
      ["free", [3, 5, 100]],
    ],
  );
  assert.deepEqual(problemsOf(dataset), [
    "unknown unknown-box-times kept",
    "before the clip box-times-differ",
    "falling box-times-differ",
    "falling, no duration box-times-differ",
    "too few box-times-differ",
    "xywh bad-box",
    "pixels bad-box",
    "line 11 bad-row",
  ]);
});

test("a row that lacks what its task needs, or has it in another type, is named by its line", async (t) => {
  const good = { ...event, options: ["x", "y"], answer: "B" };
  const rows = [
    good,
    "",
    "not json",
    '{"video": "a", "question": "NaN is no JSON", "segment": [NaN, 3]}',
    "[1, 2]",
    "null",
    { ...good, answer: "C" },
    { ...good, options: undefined },
    { ...good, duration: "12" },
    { ...good, question: "" },
    { ...good, task: "tracking" },
    { ...good, task: "no such task" },
    { ...good, id: "a_0" },
  ];
  const dataset = await readFrom(t, own("multiple-choice"), { "own.jsonl": lines(rows) }, ["a.mp4"]);
  assert.deepEqual([...dataset.places], [["a_0", [0, "answer"]]]);
  assert.deepEqual(problemsOf(dataset), [
    "line 3 bad-row",
    "line 4 bad-row",
    "line 5 bad-row",
    "line 6 bad-row",
    "a_1 bad-row",
    "a_2 bad-row",
    "line 9 bad-row",
    "line 10 bad-row",
    "line 12 bad-row",
    "a_0 duplicate-id",
  ]);
  assert.match(dataset.problems[6]?.message ?? "", /duration: .*expected number, received string/);
});

test("segments that are turned, empty or before the video, and tasks without their truth", async (t) => {
  const cases: readonly (readonly [TaskId, object, string | null])[] = [
    ["temporal-grounding", { segment: [3, 1] }, "zero-length"],
    ["temporal-grounding", { segment: [2, 2] }, "zero-length"],
    ["temporal-grounding", { segment: [-2, 0] }, "zero-length"],
    ["temporal-grounding", {}, "bad-row"],
    [
      "temporal-grounding",
      {
        segments: [
          [1, 2],
          [3, 4],
        ],
      },
      "bad-row",
    ],
    ["tracking", {}, "bad-row"],
    ["grounded-qa", { options: ["x", "y"], answer: "A" }, "bad-row"],
    [
      "grounded-qa",
      {
        options: ["x", "y"],
        answer: "A",
        segments: [
          [1, 2],
          [4, 3],
        ],
      },
      "zero-length",
    ],
    ["classification", {}, "bad-row"],
    ["captioning", {}, "bad-row"],
    ["captioning", { answer: "It rains." }, null],
    ["open", {}, null],
  ];
  for (const [task, row, code] of cases) {
    const dataset = await readFrom(t, own(task), { "own.jsonl": lines([{ ...event, ...row }]) }, ["a.mp4"]);
    assert.deepEqual(
      [dataset.examples.length, ...dataset.problems.map((p) => p.code)],
      code === null ? [1] : [0, code],
      `${task} ${JSON.stringify(row)}`,
    );
  }
});

test("a byte order mark, CR LF, no end of the last line, an empty file, other encodings", async (t) => {
  const row = JSON.stringify({ ...event, id: "ü", answer: "\u2028" });
  const files = (content: string | Uint8Array) => readFrom(t, own("open"), { "own.jsonl": content }, ["a.mp4"]);
  const dataset = await files(`\uFEFF${row}\r\n\r\n${row.replace("ü", "2")}`);
  assert.deepEqual([...dataset.places.keys(), ...problemsOf(dataset)], ["ü", "2"]);
  assert.deepEqual(dataset.examples[0]?.truth, { task: "open", answer: "\u2028" });
  const empty = await files("");
  assert.deepEqual([empty.examples, empty.problems], [[], []]);
  const latin = await files(Buffer.from(`${row.replace("ü", "1")}\n${row}\n`, "latin1"));
  assert.deepEqual([...latin.places.keys(), ...problemsOf(latin)], ["1", "line 2 bad-row"]);
  const utf16 = Buffer.from(`\uFEFF${row}\n`, "utf16le");
  await assert.rejects(files(utf16), (error) => UserError.is(error, "bad-data") && /UTF-16/.test(error.message));
});

test("lines that end within a chunk, at its edge and beyond it; a line that is too long is none", async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-lines-"));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const file = path.join(dir, "lines.txt");
  const chunk = 1 << 18;
  const texts = ["a".repeat(chunk - 1), "b", "c".repeat(chunk - 2), "", "d".repeat(3 * chunk), "\r", "é"];
  fs.writeFileSync(file, texts.join("\n"));
  const read: (string | null)[] = [];
  for await (const { number, text } of readLines(file)) {
    assert.equal(number, read.length);
    read.push(text);
  }
  assert.deepEqual(
    read.map((text) => text?.length),
    texts.map((text) => (text === "\r" ? 0 : text.length)),
  );
  fs.writeFileSync(file, `x\n${"y".repeat(1e6)}\nz`);
  const long: (string | null)[] = [];
  for await (const { text } of readLines(file, 999_999)) long.push(text);
  assert.deepEqual(long, ["x", null, "z"]);
});

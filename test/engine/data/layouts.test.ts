import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test from "node:test";
import { mvbenchTasks } from "../../../src/engine/data/formats/mvbench.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { problemsOf, readFrom } from "./annotationFolder.ts";

const charades = { format: "charades-sta-txt", task: "temporal-grounding", path: "sta.txt" } as const;
const nextgqa = { format: "nextgqa-csv", task: "grounded-qa", path: "val.csv" } as const;

test("a video is found with another ending than its row names, and the named one comes first", async (t) => {
  const lines = ["A 1.5 4.0##eats", "B.mp4 1.5 4.0##eats", "C.mp4 1.5 4.0##eats", "D.mp4 1.5 4.0##eats"];
  const videos = ["A.MP4", "B.mkv", "C.mkv", "C.mp4", "D.mp4.part"];
  const dataset = await readFrom(t, charades, { "sta.txt": lines.join("\n") }, videos);
  const found = dataset.examples.map(({ videoPath }) => videoPath.split(/[\\/]/).at(-1));
  assert.deepEqual(found, ["A.MP4", "B.mkv", "C.mp4", "D.mp4"]);
  assert.deepEqual(
    dataset.problems.filter(({ code }) => code === "missing-video").map(({ example }) => example),
    ["D.mp4_0"],
  );
});

test("a quote within a field of CSV is a character, as Python reads it", async (t) => {
  const row = (qid: number, question: string): string => `7,10,1,1,${question},blue,${qid},CW,red,blue,green,pink,grey`;
  const rows = [csvHead, row(1, 'what is on the 5" screen'), row(2, "who"), row(3, '6" tall?'), row(4, '"a ""b"", c"')];
  const dataset = await readFrom(t, { ...nextgqa, task: "multiple-choice" }, { "val.csv": rows.join("\n") }, ["7.mp4"]);
  assert.deepEqual(
    dataset.examples.map(({ question }) => question.replace(/\?$/, "")),
    ['what is on the 5" screen', "who", '6" tall', 'a "b", c'],
  );
  assert.deepEqual(dataset.problems, []);
});

test("Charades-STA, text: wrong lines are named by their number, durations come from the CSV", async (t) => {
  const lines = [
    "\uFEFFA 1.5 4.0##a person eats.",
    "A 5 3##ends before it starts",
    "",
    "A x 3##no number",
    "A 1 NaN##not finite",
    "A 1 Infinity##neither",
    "no marks at all",
    "B 2 31.0##is longer; has ## and\u2028a separator  ",
    "C 0 1##not in the CSV",
  ];
  const csv = 'id,script,length\r\nA,"says ""hm"",\r\nand goes",10.5\r\nB,,30\r\n';
  const spec = { ...charades, durations: "v1.csv" };
  const dataset = await readFrom(t, spec, { "sta.txt": lines.join("\r\n"), "v1.csv": csv }, [
    "A.mp4",
    "B.mp4",
    "C.mp4",
  ]);
  assert.deepEqual(
    dataset.examples.map(({ id, question, durationSec }) => [id, question, durationSec]),
    [
      ["A_0", "a person eats.", 10.5],
      ["B_0", "is longer; has ## and\u2028a separator", 30],
      ["C_0", "not in the CSV", null],
    ],
  );
  assert.deepEqual(dataset.examples[0]?.truth, { task: "temporal-grounding", segment: { startSec: 1.5, endSec: 4 } });
  assert.deepEqual(problemsOf(dataset), [
    "A_1 zero-length",
    "line 4 bad-row",
    "line 5 bad-row",
    "line 6 bad-row",
    "line 7 bad-row",
    "B_0 truth-beyond-video kept",
    "C_0 unknown-duration kept",
  ]);
  assert.deepEqual(dataset.places.get("B_0"), [7]);
});

test("Charades-STA, text: without durations nothing is said of them", async (t) => {
  const dataset = await readFrom(t, charades, { "sta.txt": "A 0 1##x" }, ["A.mp4"]);
  assert.deepEqual([problemsOf(dataset), dataset.examples[0]?.durationSec], [[], null]);
});

test("ActivityNet Captions: videos with and without v_", async (t) => {
  const entry = { duration: 9, timestamps: [[0, 3]], sentences: [" x "] };
  const spec = { format: "activitynet-captions", task: "temporal-grounding", path: "val_1.json" } as const;
  const dataset = await readFrom(t, spec, { "val_1.json": { v_a: entry, v_b: entry } }, ["v_a.mkv", "b.mp4"]);
  assert.deepEqual(
    dataset.examples.map(({ videoPath }) => path.basename(videoPath)),
    ["v_a.mkv", "b.mp4"],
  );
  assert.deepEqual(problemsOf(dataset), []);
});

test("true segments stay as annotated: a start before 0, an end after the duration, but for the rounding of computed ones", async (t) => {
  const rows = {
    A: {
      duration: 95.03999999999999,
      timestamps: [
        [-0.1, 11],
        [1, 95.04],
        [1, 95.1],
      ],
      sentences: ["x", "y", "z"],
    },
  };
  const dataset = await readFrom(
    t,
    { format: "charades-sta", task: "temporal-grounding", path: "a.json" },
    { "a.json": rows },
    ["A.mp4"],
  );
  assert.deepEqual(
    dataset.examples.map(({ truth }) => truth.task === "temporal-grounding" && Object.values(truth.segment)),
    rows.A.timestamps,
  );
  assert.deepEqual(problemsOf(dataset), ["A_0 truth-beyond-video kept", "A_2 truth-beyond-video kept"]);
  assert.match(dataset.problems[0]?.message ?? "", /begins at -0\.1 s, before the video; it is kept/);
});

test("an absolute path of another machine: as much of its end as there is among the videos", async (t) => {
  const gt = [
    [0, 0, 0.5, 0.5],
    [0, 0, 0.6, 0.6],
  ];
  const rows = ["/mnt/share/GOT-10k/val/GOT_1", "/mnt/share/GOT-10k/val/GOT_2", "/mnt/share/val/GOT_3"].map((name) => {
    return { path: name, object: "sloth", gt, duration: 4 };
  });
  const spec = { format: "got10k-sampled", task: "tracking", path: "a.json" } as const;
  const dataset = await readFrom(t, spec, { "a.json": rows }, ["GOT_1.mp4", "val/GOT_2.mp4", "GOT_2.mp4"]);
  assert.deepEqual(
    dataset.examples.map(({ id, videoPath }) => [id, path.relative(path.join(dataset.dir, "videos"), videoPath)]),
    [
      ["GOT_1_0", "GOT_1.mp4"],
      ["GOT_2_0", path.join("val", "GOT_2.mp4")],
      ["GOT_3_0", "GOT_3"],
    ],
  );
  assert.deepEqual(problemsOf(dataset), ["GOT_3_0 missing-video kept"]);
});

const csvHead = "video_id,frame_count,width,height,question,answer,qid,type,a0,a1,a2,a3,a4";

test("NExT-GQA, CSV: options, segments and folders come from three files", async (t) => {
  const rows = [
    csvHead,
    '10,99,640,480,"why, then",two,1,CW,one,two,three,four,five',
    "10,99,640,480,no segment,one,2,CW,one,two,three,four,five",
    "10,99,640,480,no such option,six,3,CW,one,two,three,four,five",
    "10,99,640,480,too few fields,one,4",
    "11,99,640,480,bounds turned,one,5,TN,one,two,,,",
    '11,99,640,480,"an open quote,one,6,TN,one,two,,,',
  ];
  const files = {
    "val.csv": rows.join("\n"),
    "gsub_val.json": {
      10: {
        duration: 20,
        location: {
          1: [
            [1, 2.5],
            [19, 21],
          ],
          3: [[0, 1]],
        },
        fps: 30,
      },
      11: { duration: 20, location: { 5: [[5, 4]] }, fps: 30 },
    },
    "map_vid_vidorID.json": { 10: "1101/10" },
  };
  const spec = { ...nextgqa, grounding: "gsub_val.json" };
  const dataset = await readFrom(t, spec, files, ["1101/10.mp4", "11.mp4"]);
  assert.equal(dataset.examples.length, 1);
  const { truth, options, question, categories, videoPath, durationSec } = dataset.examples[0] ?? {};
  assert.deepEqual(truth, {
    task: "grounded-qa",
    option: "B",
    segments: [
      { startSec: 1, endSec: 2.5 },
      { startSec: 19, endSec: 21 },
    ],
  });
  assert.deepEqual([options?.length, question, categories, durationSec], [5, "why, then", { type: "CW" }, 20]);
  assert.equal(videoPath, path.join(dataset.dir, "videos", "1101", "10.mp4"));
  assert.deepEqual(problemsOf(dataset), [
    "10_1 truth-beyond-video kept",
    "10_2 bad-row",
    "10_3 bad-row",
    "line 5 bad-row",
    "11_5 zero-length",
    "line 7 bad-row",
  ]);
  const choices = await readFrom(t, { ...nextgqa, task: "multiple-choice" }, files, ["1101/10.mp4", "11.mp4"]);
  assert.deepEqual(
    choices.examples.map(({ id }) => id),
    ["10_1", "10_2", "11_5"],
    "questions alone need no segments",
  );
});

test("NExT-QA, CSV: the answer is a position; where it could be a text as well, the row is left out", async (t) => {
  const rows = [
    "video,frame_count,width,height,question,answer,qid,type,a0,a1,a2",
    "7,1,1,1,q,2,0,DO,red,blue,green",
    "7,1,1,1,how many,2,1,DC,2,3,4",
    "7,1,1,1,how many,2,2,DC,4,3,2",
    "7,1,1,1,q,3,3,DO,red,blue,green",
  ];
  const spec = { ...nextgqa, task: "multiple-choice" } as const;
  const dataset = await readFrom(t, spec, { "val.csv": rows.join("\n") }, ["7.mp4"]);
  const options = dataset.examples.map(({ id, truth }) => [id, truth.task === "multiple-choice" ? truth.option : ""]);
  assert.deepEqual(options, [
    ["7_0", "C"],
    ["7_2", "C"],
  ]);
  assert.deepEqual(problemsOf(dataset), ["7_1 bad-row", "7_3 bad-row"]);
  await assert.rejects(readFrom(t, spec, { "val.csv": "a,b\n1,2\n" }), (error) => UserError.is(error, "bad-data"));
  await assert.rejects(readFrom(t, spec, { "val.csv": "" }), (error) => UserError.is(error, "bad-data"));
});

test("Video-MME: row groups in order, categories, options without letters", async (t) => {
  const spec = { format: "video-mme", task: "multiple-choice", path: "test.parquet" } as const;
  const table = fs.readFileSync(path.join("test", "fixtures", "datasets", "videomme.parquet"));
  const dataset = await readFrom(t, spec, { "test.parquet": table }, ["fFjv93ACGo8.mp4", "N1cdUjctpG8.mp4"]);
  assert.deepEqual(
    dataset.examples.map(({ id, categories }) => [id, categories?.["duration"], categories?.["domain"]]),
    [
      ["001-1", "short", "Knowledge"],
      ["001-2", "medium", "Sports Competition"],
      ["001-3", "long", "Knowledge"],
      ["001-6", "short", "Knowledge"],
    ],
  );
  assert.deepEqual(dataset.examples[3]?.options, ["One.", "Two."]);
  assert.deepEqual(dataset.examples[0]?.truth, { task: "multiple-choice", option: "C" });
  assert.deepEqual(problemsOf(dataset), ["001-4 bad-row", "row 4 bad-row"]);
  assert.deepEqual(dataset.places.get("001-6"), [5]);
});

test("Video-MME: whatever the table is packed with", async (t) => {
  const spec = { format: "video-mme", task: "multiple-choice", path: "test.parquet" } as const;
  for (const packing of ["zstd", "gzip", "brotli", "lz4"]) {
    const table = fs.readFileSync(path.join("test", "fixtures", "datasets", `${packing}.parquet`));
    const { examples } = await readFrom(t, spec, { "test.parquet": table }, ["fFjv93ACGo8.mp4"]);
    assert.deepEqual([examples.length, examples[0]?.id, examples[0]?.options?.length], [1, "001-1", 4], packing);
  }
});

test("Video-MME: files that are no Parquet, or are cut off, say so", async (t) => {
  const spec = { format: "video-mme", task: "multiple-choice", path: "test.parquet" } as const;
  const zstd = fs.readFileSync(path.join("test", "fixtures", "datasets", "zstd.parquet"));
  for (const content of ["not parquet", "", zstd.subarray(0, 900), Buffer.from(zstd).fill(0x55, 8, 400)]) {
    await assert.rejects(
      readFrom(t, spec, { "test.parquet": content }),
      (error) =>
        UserError.is(error, "bad-data") && /Parquet/.test(error.hint ?? "") && error.where?.endsWith("test.parquet"),
    );
  }
});

test("MVBench: the 20 tasks, their folders, bounds and frames", async (t) => {
  assert.equal(Object.keys(mvbenchTasks).length, 20);
  const row = { question: "What?", candidates: ["a.", "b."], answer: "b." };
  const files = {
    "json/action_sequence.json": [
      { ...row, video: "V.mp4", start: 1, end: 4 },
      { ...row, video: "V.mp4", start: 4, end: 4 },
      { ...row, video: "V.mp4", start: null, end: null },
      { ...row, video: "V.mp4", start: "1", end: 3 },
    ],
    "json/episodic_reasoning.json": [{ ...row, video: "castle", start: 0, end: 2.5 }],
    "json/moving_count.json": [
      { ...row, video: "flat.mp4", answer: "c." },
      { ...row, video: "flat.mp4" },
    ],
    "json/readme.txt": "not read",
  };
  const videos = ["star/Charades_v1_480/V.mp4", "tvqa/frames_fps3_hq/castle/", "flat.mp4"];
  const spec = { format: "mvbench", task: "multiple-choice", path: "json" } as const;
  const dataset = await readFrom(t, spec, files, videos);
  assert.deepEqual(
    dataset.examples.map(({ id, clip, frameRate, durationSec, categories, videoPath }) => [
      id,
      clip,
      frameRate,
      durationSec,
      categories?.["task"],
      path.relative(path.join(dataset.dir, "videos"), videoPath).split(path.sep).join("/"),
    ]),
    [
      ["action_sequence_V.mp4_0", { startSec: 1, endSec: 4 }, undefined, 3, "Action Sequence", videos[0]],
      ["action_sequence_V.mp4_2", undefined, undefined, null, "Action Sequence", videos[0]],
      [
        "episodic_reasoning_castle_0",
        { startSec: 0, endSec: 2.5 },
        3,
        2.5,
        "Episodic Reasoning",
        "tvqa/frames_fps3_hq/castle",
      ],
      ["moving_count_flat.mp4_1", undefined, undefined, null, "Moving Count", "flat.mp4"],
    ],
  );
  assert.deepEqual(problemsOf(dataset), [
    "action_sequence_V.mp4_1 bad-clip",
    "row 3 bad-row",
    "moving_count_flat.mp4_0 bad-row",
  ]);
  assert.deepEqual(dataset.problems[1]?.path, ["action_sequence.json", 3]);
  const one = await readFrom(t, { ...spec, path: "json/moving_count.json" }, files, videos);
  assert.deepEqual([...one.places], [["moving_count_flat.mp4_1", [1]]], "one file is a dataset too");
  await assert.rejects(readFrom(t, spec, { "json/readme.txt": "" }), (error) => UserError.is(error, "bad-data"));
});

test("Perception Test: positions, categories, the duration from frames and rate", async (t) => {
  const asked = {
    question: "q",
    options: ["x", "y"],
    answer_id: 1,
    area: "physics",
    reasoning: "causal",
    tag: ["a", "b"],
  };
  const content = {
    video_1: {
      mc_question: [
        { ...asked, id: 3 },
        { ...asked, id: 4, answer_id: 2 },
        { ...asked, id: 5, answer_id: "1" },
      ],
      metadata: { frame_rate: 30, num_frames: 690 },
    },
    video_2: { metadata: {} },
  };
  const spec = { format: "perception-test", task: "multiple-choice", path: "mc.json" } as const;
  const dataset = await readFrom(t, spec, { "mc.json": content }, ["video_1.mp4"]);
  const [example] = dataset.examples;
  assert.deepEqual(
    [example?.id, example?.durationSec, example?.truth, example?.categories],
    ["video_1_3", 23, { task: "multiple-choice", option: "B" }, { area: "physics", reasoning: "causal", tag: "a, b" }],
  );
  assert.deepEqual(problemsOf(dataset), ["video_1_4 bad-row", "video_1, question 2 bad-row", "video_2 bad-row"]);
});

test("DREAM-1K: lists, lines and Tarsier's messages give captions with events", async (t) => {
  const messages = [
    {
      role: "user",
      content: [
        { type: "video", video: { video_file: "DREAM-1K/videos/7.mp4" } },
        { type: "text", text: "Tell." },
      ],
    },
    { role: "assistant", content: [{ type: "text", text: "It rains." }] },
  ];
  const rows = [
    { idx: 0, video_path: "0.mp4", caption: " A dog runs. ", events: ["A dog runs."] },
    { idx: 1, messages, events: ["Rain."] },
    { idx: 2, video: "0.mp4" },
    { idx: 3, video: "0.mp4", description: "x", events: "none" },
  ];
  const spec = { format: "dream-1k", task: "captioning" } as const;
  const videos = ["0.mp4", "7.mp4"];
  const list = await readFrom(t, { ...spec, path: "a.json" }, { "a.json": rows }, videos);
  const text = rows.map((row) => JSON.stringify(row)).join("\n") + "\n{broken\n";
  const lines = await readFrom(t, { ...spec, path: "a.jsonl" }, { "a.jsonl": text }, videos);
  for (const { examples } of [list, lines]) {
    assert.deepEqual(
      examples.map(({ id, question, truth, videoPath }) => [id, question, truth, path.basename(videoPath)]),
      [
        [
          "0",
          "Describe the video in detail.",
          { task: "captioning", captions: ["A dog runs."], events: ["A dog runs."] },
          "0.mp4",
        ],
        ["1", "Tell.", { task: "captioning", captions: ["It rains."], events: ["Rain."] }, "7.mp4"],
      ],
    );
  }
  assert.deepEqual(problemsOf(list), ["row 2 bad-row", "row 3 bad-row"]);
  assert.deepEqual(problemsOf(lines), ["row 2 bad-row", "row 3 bad-row", "line 5 bad-row"]);
});

test("VidTAB-QA: labels", async (t) => {
  const spec = { format: "vidtab-qa", task: "classification", path: "q.json" } as const;
  const rows = [
    { video: "0.mp4", instruction: "How sharp?", answer: " high quality " },
    { video: "0.mp4", instruction: "How sharp?", answer: 3 },
  ];
  const dataset = await readFrom(t, spec, { "q.json": rows }, ["0.mp4"]);
  assert.deepEqual(dataset.examples[0]?.truth, { task: "classification", label: "high quality" });
  assert.deepEqual(problemsOf(dataset), ["row 1 bad-row"]);
});

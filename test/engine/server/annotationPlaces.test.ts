import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { readDataset } from "../../../src/engine/data/readDataset.ts";
import { AnnotationPlaces } from "../../../src/engine/server/annotationPlaces.ts";
import { checkNamedFiles } from "../../../src/engine/server/namedFiles.ts";
import { placeFindings } from "../../../src/engine/server/placeFindings.ts";
import { lintDataset } from "../../../src/engine/lint/dataLint.ts";
import type { DatasetSpec } from "../../../src/protocol/spec.ts";
import { runSpecSchema } from "../../../src/protocol/spec.ts";

const row = { video: "a.mp4", question: "q", candidates: ["x", "y"], answer: "x" };
const meta = "[METAINFO]\nresolution: (100, 100)\n";
const files: Readonly<Record<string, string>> = {
  "sta.txt": "A 0 1##first\nA 0 1##second\n",
  "val.csv": 'video,question,answer,qid,a0,a1\n1,"a\nb",x,0,x,y\n1,c,y,1,x,y\n',
  "own.jsonl": '\n{"video": "a.mp4", "question": "q", "segment": [3, 4]}\n',
  "json/action_count.json": `[\n  ${JSON.stringify(row)},\n  ${JSON.stringify(row)}\n]\n`,
  "val/S1/groundtruth.txt": "1,1,5,5\n".repeat(8),
  "val/S1/meta_info.ini": meta,
  "val/S2/groundtruth.txt": "1,1,5,5\nx\n",
  "val/S2/meta_info.ini": meta,
};

function makeFolder(t: test.TestContext): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-places-"));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), text);
  }
  fs.copyFileSync(path.join("test", "fixtures", "datasets", "videomme.parquet"), path.join(dir, "mme.parquet"));
  return dir;
}

const datasets: readonly (readonly [
  Omit<DatasetSpec, "id" | "videos" | "weight">,
  Readonly<Record<string, string | null>>,
])[] = [
  [
    { format: "charades-sta-txt", task: "temporal-grounding", path: "sta.txt" },
    { A_0: "sta.txt:1", A_1: "sta.txt:2" },
  ],
  [
    { format: "nextgqa-csv", task: "multiple-choice", path: "val.csv" },
    { "1_0": "val.csv:2", "1_1": "val.csv:4" },
  ],
  [{ format: "jsonl", task: "temporal-grounding", path: "own.jsonl" }, { "a.mp4_0": "own.jsonl:2:47-53" }],
  [
    { format: "mvbench", task: "multiple-choice", path: "json" },
    { "action_count_a.mp4_0": "json/action_count.json:2", "action_count_a.mp4_1": "json/action_count.json:3" },
  ],
  [{ format: "got10k", task: "tracking", path: "val" }, { S1: "val/S1/groundtruth.txt:1" }],
  [
    { format: "video-mme", task: "multiple-choice", path: "mme.parquet" },
    { "001-1": null, "001-6": null },
  ],
];

for (const [spec, expected] of datasets) {
  test(`${spec.format}: examples stand at their lines`, async (t) => {
    const dir = makeFolder(t);
    const { places } = await readDataset({ id: "d", videos: "videos", weight: 1, ...spec }, dir);
    const located = new AnnotationPlaces();
    for (const [id, place] of Object.entries(expected)) {
      const found = located.locate(path.join(dir, spec.path), places.get(id) ?? []);
      const file = found === null ? "" : path.relative(dir, found.file).split(path.sep).join("/");
      const text = found === null ? null : `${file}:${found.range.startLine + 1}`;
      const { startCharacter = 0, endCharacter = 0 } = found?.range ?? {};
      const isValue = place?.split(":").length === 3;
      assert.equal(isValue ? `${text}:${startCharacter}-${endCharacter}` : text, place, id);
    }
  });
}

test("findings stand in the file of the folder; those of Parquet at the dataset in the specification", async (t) => {
  const dir = makeFolder(t);
  const data = [
    { id: "got", task: "tracking", format: "got10k", path: "val", videos: "val" },
    { id: "mme", task: "multiple-choice", format: "video-mme", path: "mme.parquet", videos: "val" },
  ] as const;
  const spec = runSpecSchema.parse({ name: "x", policy: { model: "." }, data, rewards: [{ name: "format" }] });
  const findings = [];
  for (const dataset of spec.data) {
    const read = await readDataset(dataset, dir);
    findings.push(...lintDataset(read, { usedFor: "training", videos: new Map(), video: spec.video }));
  }
  const wrong = placeFindings(findings, spec, dir).filter(({ code }) => code === "bad-row");
  assert.deepEqual(
    wrong.map(({ place }) =>
      place.kind === "file" ? [path.relative(dir, place.file), place.range.startLine] : place.path,
    ),
    [
      [path.join("val", "S2", "groundtruth.txt"), 1],
      ["data", { named: "mme" }, "path"],
      ["data", { named: "mme" }, "path"],
    ],
  );
});

test("a layout that is a folder wants one, others a file, and companions must be there", (t) => {
  const dir = makeFolder(t);
  const check = (dataset: Partial<DatasetSpec>): string[] => {
    const data = [{ id: "d", task: "tracking", videos: "val", ...dataset }];
    const spec = runSpecSchema.parse({ name: "x", policy: { model: "." }, data, rewards: [{ name: "format" }] });
    return checkNamedFiles(spec, dir)
      .filter(({ path: keys }) => keys[0] === "data")
      .map(({ path: keys, message }) => `${keys.map(String).join(".")}: ${message.split(",")[0]}`);
  };
  assert.deepEqual(check({ format: "got10k", path: "val" }), []);
  assert.deepEqual(check({ format: "got10k", path: "sta.txt" }), ["data.0.path: expected a folder of annotations"]);
  assert.deepEqual(check({ format: "mvbench", path: "json" }), []);
  assert.deepEqual(check({ format: "mvbench", path: "json/action_count.json" }), []);
  assert.deepEqual(check({ format: "jsonl", path: "json" }), ["data.0.path: expected an annotation file"]);
  assert.deepEqual(check({ format: "charades-sta-txt", path: "sta.txt", durations: "v1.csv" }), [
    "data.0.durations: expected a file",
  ]);
  assert.deepEqual(check({ format: "nextgqa-csv", path: "val.csv", grounding: "gsub.json" }), [
    "data.0.grounding: expected a file",
  ]);
});

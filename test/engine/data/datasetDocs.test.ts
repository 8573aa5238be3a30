import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import test from "node:test";
import { readDataset } from "../../../src/engine/data/readDataset.ts";
import type { DatasetSpec } from "../../../src/protocol/spec.ts";
import { dataFormats } from "../../../src/protocol/spec.ts";

/** docs/datasets.md promises that its examples are read: each section's files are written and read as its entry says. */
interface Section {
  readonly title: string;
  readonly files: ReadonlyMap<string, string>;
  readonly spec: DatasetSpec;
  readonly parquet: { readonly file: string; readonly row: unknown } | null;
}

const page = fs.readFileSync(path.join("docs", "datasets.md"), "utf8");

function readSections(): Section[] {
  return page.split(/^## /m).flatMap((text) => {
    const blocks = [...text.matchAll(/^```(\w+) (\S+)\n([\s\S]*?)^```$/gm)].map(([, , tag = "", body = ""]) => ({
      tag,
      body,
    }));
    const spec = blocks.find(({ tag }) => tag === "spec");
    if (spec === undefined) return [];
    const table = blocks.find(({ tag }) => tag.startsWith("parquet="));
    return [
      {
        title: text.split("\n")[0] ?? "",
        files: new Map(
          blocks.flatMap(({ tag, body }) => (tag.startsWith("file=") ? [[tag.slice(5), body] as const] : [])),
        ),
        // SAFETY: an entry of the page; what it lacks has a default.
        spec: { weight: 1, ...(JSON.parse(spec.body) as Omit<DatasetSpec, "weight">) },
        parquet: table === undefined ? null : { file: table.tag.slice(8), row: JSON.parse(table.body) as unknown },
      },
    ];
  });
}

/** Ids of the examples that each section's rows become. */
const expected: Readonly<Record<string, readonly string[]>> = {
  "charades-sta-txt": ["3MSZA_0", "3MSZA_1", "AMT7R_0"],
  "charades-sta": ["3MSZA_0", "3MSZA_1"],
  "activitynet-captions": ["v_uqiMw7tQ1Cc_0", "v_uqiMw7tQ1Cc_1"],
  got10k: ["GOT-10k_Val_000001"],
  "got10k-sampled": ["GOT-10k_Val_000001_0"],
  "nextgqa-csv": ["4882821564_1", "4882821564_2"],
  nextgqa: ["4882821564_1"],
  "video-mme": ["001-1", "001-2", "001-3", "001-6"],
  mvbench: ["action_sequence_ZS9XR.mp4_0", "episodic_reasoning_castle_s01e01_seg02_clip_00_0"],
  "perception-test": ["video_8241_0"],
  "multiple-choice": ["a.mp4_0"],
  "dream-1k": ["DREAM_0"],
  "vidtab-qa": ["0506.mp4_0"],
  jsonl: ["pour"],
};

const sections = readSections();

test("every layout has a section with an example", () => {
  assert.deepEqual(sections.map(({ spec }) => spec.format).sort(), [...dataFormats].sort());
});

for (const { title, files, spec, parquet } of sections) {
  test(`the example of "${title}" is read`, async (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-docs-"));
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    for (const [name, body] of files) {
      fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
      fs.writeFileSync(path.join(dir, name), body);
    }
    if (parquet !== null) fs.copyFileSync(parquet.file, path.join(dir, spec.path));
    const { examples, problems } = await readDataset(spec, dir);
    assert.deepEqual(
      examples.map(({ id }) => id),
      expected[spec.format],
    );
    const others = problems
      .filter(({ code }) => code !== "missing-video")
      .map(({ example, code }) => `${example} ${code}`);
    // Besides the row of the page, the Parquet file has wrong ones.
    assert.deepEqual(others, parquet === null ? [] : ["001-4 bad-row", "row 4 bad-row"]);
    if (parquet !== null) {
      // SAFETY: an object on the page and one in the file.
      const [shown, row] = [parquet.row as Record<string, unknown>, examples[0]?.row as Record<string, unknown>];
      for (const [key, value] of Object.entries(row)) assert.deepEqual(value, shown[key], key);
    }
  });
}

test("the table of own lines names every task, and each of its rows is read by a dataset of that task", async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-docs-"));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const own = sections.find(({ spec }) => spec.format === "jsonl");
  assert.ok(own !== undefined);
  const text = own.files.get("own.jsonl") ?? "";
  fs.writeFileSync(path.join(dir, "own.jsonl"), text);
  const tasks = text
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { task: DatasetSpec["task"] }).task);
  for (const task of tasks) {
    const { examples, problems } = await readDataset({ ...own.spec, task }, dir);
    assert.deepEqual([examples.length, problems.map(({ code }) => code)], [1, ["missing-video"]], task);
    assert.equal(examples[0]?.truth.task, task);
  }
});

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type test from "node:test";
import type { Dataset } from "../../../src/engine/data/example.ts";
import { readDataset } from "../../../src/engine/data/readDataset.ts";
import type { DatasetSpec } from "../../../src/protocol/spec.ts";

export type FileContents = Readonly<Record<string, string | Uint8Array | object>>;

/** Reads a dataset from a new folder of files (objects become JSON) whose videos are the empty files or folders named. */
export async function readFrom(
  t: test.TestContext,
  spec: Pick<DatasetSpec, "format" | "task" | "path"> & Partial<DatasetSpec>,
  files: FileContents,
  videos: readonly string[] = [],
): Promise<Dataset & { readonly dir: string }> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-data-"));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const write = (name: string, content: string | Uint8Array): void => {
    fs.mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
    fs.writeFileSync(path.join(dir, name), content);
  };
  for (const [name, content] of Object.entries(files)) {
    write(name, typeof content === "string" || content instanceof Uint8Array ? content : JSON.stringify(content));
  }
  for (const video of videos) {
    if (video.endsWith("/")) fs.mkdirSync(path.join(dir, "videos", video), { recursive: true });
    else write(`videos/${video}`, "");
  }
  return { ...(await readDataset({ id: "data", videos: "videos", weight: 1, ...spec }, dir)), dir };
}

/** "A_0 bad-row", with " kept" behind a row that is used all the same. */
export function problemsOf(dataset: Dataset): string[] {
  return dataset.problems.map((p) => `${p.example} ${p.code}${p.isKept ? " kept" : ""}`);
}

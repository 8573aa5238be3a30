// How fast large annotation files are read, and what memory that takes beyond the examples themselves.
//   node scripts/typescript.mjs test/bench/readDatasets.ts [rows]
// Peaks are of the resident set beyond what it was before, so a later line may use memory that an earlier one has left.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import v8 from "node:v8";
import vm from "node:vm";
import { readDataset } from "../../src/engine/data/readDataset.ts";
import { readLines } from "../../src/engine/data/textLines.ts";
import type { DatasetSpec } from "../../src/protocol/spec.ts";

v8.setFlagsFromString("--expose-gc");
// SAFETY: the flag above defines it in new contexts.
const gc = vm.runInNewContext("gc") as () => void;
const rows = Number(process.argv[2] ?? 500_000);
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-bench-"));
const spec: DatasetSpec = {
  id: "bench",
  task: "multiple-choice",
  format: "jsonl",
  path: "rows.jsonl",
  videos: "videos",
  weight: 1,
};

/** Runs work and tells seconds, and the growth of the resident set: at its highest, and of what is held after it. */
async function measure<T>(work: () => Promise<T>): Promise<{ result: T; sec: number; peakMb: number; heldMb: number }> {
  gc();
  const before = process.memoryUsage();
  let peak = before.rss;
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5);
  const start = performance.now();
  const result = await work();
  const sec = (performance.now() - start) / 1000;
  peak = Math.max(peak, process.memoryUsage.rss());
  clearInterval(timer);
  gc();
  const heldMb = (process.memoryUsage().heapUsed - before.heapUsed) / 1e6;
  return { result, sec, peakMb: (peak - before.rss) / 1e6, heldMb };
}

function writeRows(file: string): void {
  const handle = fs.openSync(file, "w");
  for (let start = 0; start < rows; start += 10_000) {
    const lines = Array.from({ length: Math.min(10_000, rows - start) }, (_, i) => {
      const n = start + i;
      return JSON.stringify({
        id: `row-${n}`,
        video: `v${n % 1000}.mp4`,
        question: `What does person ${n} do after they have put the cup on the table and turned to the window?`,
        options: ["They leave.", "They sit down.", "They open the window.", "They take another cup."],
        answer: "ABCD"[n % 4],
        duration: 30 + (n % 60),
        categories: { kind: `kind ${n % 7}` },
      });
    });
    fs.writeSync(handle, `${lines.join("\n")}\n`);
  }
  fs.closeSync(handle);
}

try {
  const file = path.join(dir, spec.path);
  fs.mkdirSync(path.join(dir, "videos"));
  for (let n = 0; n < 1000; n++) fs.writeFileSync(path.join(dir, "videos", `v${n}.mp4`), "");
  writeRows(file);
  console.log(`${rows} rows, ${(fs.statSync(file).size / 1e6).toFixed(0)} MB, Node ${process.version}`);

  const print = (what: string, m: { sec: number; peakMb: number; heldMb: number }): void =>
    console.log(
      `${what.padEnd(34)} ${m.sec.toFixed(1)} s, ${Math.round(rows / m.sec)} rows/s, peak +${m.peakMb.toFixed(0)} MB, held +${m.heldMb.toFixed(0)} MB`,
    );
  const lines = await measure(async () => {
    let count = 0;
    for await (const { text } of readLines(file)) count += text === null ? 0 : 1;
    return count;
  });
  print("lines alone", lines);
  const limited = await measure(() => readDataset({ ...spec, limit: 100 }, dir));
  print(`the first ${limited.result.examples.length} examples`, limited);
  print(`${rows} examples`, await measure(() => readDataset(spec, dir)));
} finally {
  fs.rmSync(dir, { recursive: true, force: true });
}

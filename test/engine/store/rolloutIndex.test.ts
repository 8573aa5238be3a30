import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { decodeIndex, encodeIndexBlock, rolloutFlags } from "../../../src/protocol/rolloutIndex.ts";
import type { RolloutLine } from "../../../src/protocol/records.ts";
import { isFailedGroup, recordVersion } from "../../../src/protocol/records.ts";
import { openIndexFile } from "../../../src/engine/store/rolloutIndex.ts";
import { openRollouts } from "../../../src/engine/store/rollouts.ts";
import { BanditBackend } from "../run/banditBackend.ts";
import { makeWorkspace, resumeRun, startRun, type Workspace } from "../run/fixtures.ts";

let workspace: Workspace;
let runDir: string;
let cacheDir: string;
before(async () => {
  workspace = makeWorkspace();
  runDir = path.join(workspace.dir, "runs", "one");
  cacheDir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-index-"));
  await startRun(workspace, runDir, { backend: new BanditBackend() });
});
after(() => [workspace.dir, cacheDir].forEach((dir) => fs.rmSync(dir, { recursive: true, force: true })));

/** The blocks as rows: step, group, k and the values of every column. */
function rowsIn(file: string): Record<string, number>[] {
  return decodeIndex(fs.readFileSync(file)).flatMap(({ header, columns }) => {
    let at = 0;
    return header.groups.flatMap(({ group, size }) =>
      Array.from({ length: size }, (_, k) => {
        const values = [...columns].map(([name, column]) => [name, column[at] ?? NaN] as const);
        at++;
        return { step: header.step, group, k, ...Object.fromEntries(values) };
      }),
    );
  });
}

async function linesOf(dir: string): Promise<RolloutLine[]> {
  const rollouts = openRollouts(dir);
  return (await Promise.all((await rollouts.steps()).map((step) => rollouts.readStep(step)))).flat();
}

test("a run keeps the columns of its rollouts while it trains", async () => {
  const { file } = await openIndexFile(runDir, cacheDir);
  assert.equal(file, path.join(runDir, "rollouts.index"), "it is whole: nothing has to be read");
  const rows = rowsIn(file);
  const records = (await linesOf(runDir)).flatMap((line) => (isFailedGroup(line) ? [] : line.completions));
  assert.equal(rows.length, records.length);
  records.forEach((record, i) => {
    const row = rows[i] ?? assert.fail("a row is missing");
    assert.equal(`${row["step"]}/${row["group"]}/${row["k"]}`, record.id);
    const near = (column: string, value: number | null | undefined): void =>
      value === null || value === undefined
        ? assert.ok(Number.isNaN(row[column]), `${record.id} ${column}`)
        : assert.ok(Math.abs((row[column] ?? NaN) - value) < 1e-6, `${record.id} ${column}`);
    near("reward", record.reward);
    near("advantage", record.advantage);
    near("tokens", record.tokenCount);
    near("reward/format", record.rewards.find(({ name }) => name === "format")?.value);
    near("reward/accuracy", record.rewards.find(({ name }) => name === "accuracy")?.value);
    assert.equal(((row["flags"] ?? 0) & rolloutFlags.unparsed) !== 0, record.parsed.failures.length > 0);
  });
});

test("a line is found by its place", () => {
  for (const { header } of decodeIndex(fs.readFileSync(path.join(runDir, "rollouts.index")))) {
    const text = fs.readFileSync(path.join(runDir, "rollouts", `step-${String(header.step).padStart(6, "0")}.jsonl`));
    for (const { group, offset, bytes, example } of header.groups) {
      // SAFETY: written by the run.
      const line = JSON.parse(text.subarray(offset, offset + bytes).toString("utf8")) as RolloutLine;
      assert.deepEqual([line.step, line.group, line.exampleId], [header.step, group, example]);
    }
  }
});

test("an index that is missing, torn or out of date is made again, beside the run", async () => {
  const own = path.join(runDir, "rollouts.index");
  const whole = fs.readFileSync(own);
  const expected = rowsIn(own);
  const [first] = decodeIndex(whole);
  for (const broken of [Buffer.alloc(0), whole.subarray(0, whole.length - 7), whole.subarray((first?.end ?? 0) + 3)]) {
    fs.rmSync(cacheDir, { recursive: true });
    fs.writeFileSync(own, broken);
    const made: number[] = [];
    const { file } = await openIndexFile(runDir, cacheDir, (done) => made.push(done));
    assert.ok(file.startsWith(cacheDir) && made.length > 0);
    assert.deepEqual(rowsIn(file), expected);
    assert.deepEqual(fs.readFileSync(own), broken, "the run's own files have one writer");
    const again: number[] = [];
    assert.equal((await openIndexFile(runDir, cacheDir, (done) => again.push(done))).file, file);
    assert.deepEqual(again, [], "and it is kept");
  }
  fs.writeFileSync(own, whole);
  const last = path.join(runDir, "rollouts", "step-000005.jsonl");
  const text = fs.readFileSync(last, "utf8");
  fs.writeFileSync(last, text.split("\n").slice(0, 1).join("\n") + "\n");
  const { file } = await openIndexFile(runDir, cacheDir);
  assert.equal(rowsIn(file).filter(({ step }) => step === 5).length, 4, "one group of the last step is left");
  fs.writeFileSync(last, text);
});

test("a resume leaves the index as if nothing had happened", async () => {
  const other = makeWorkspace();
  const dir = path.join(other.dir, "runs", "one");
  const stop = new AbortController();
  const stopAtStep3 = {
    stepFinished: ({ metrics }: { metrics: { step: number } }) => metrics.step === 3 && stop.abort(),
  };
  await startRun(other, dir, { stop: stop.signal, events: stopAtStep3 });
  fs.rmSync(path.join(dir, "checkpoints", "step-000003"), { recursive: true });
  await resumeRun(other, dir);
  const names = decodeIndex(fs.readFileSync(path.join(dir, "rollouts.index"))).map(({ header }) => header.step);
  assert.deepEqual(names, [1, 2, 3, 4, 5]);
  fs.rmSync(other.dir, { recursive: true, force: true });
});

test("names outside ASCII, groups that failed and no rollouts at all", () => {
  const failure = { code: "bad-video", message: "broken" } as const;
  const line = {
    version: recordVersion,
    step: 2,
    group: 0,
    datasetId: "日本",
    exampleId: "é_0",
    task: "open",
    failure,
  } as const;
  const [block] = decodeIndex(encodeIndexBlock(2, [{ line, offset: 0, bytes: 10 }], 10));
  assert.deepEqual(block?.header.groups, [
    { group: 0, size: 0, offset: 0, bytes: 10, dataset: "日本", example: "é_0", task: "open" },
  ]);
  assert.deepEqual(decodeIndex(new Uint8Array(0)), []);
});

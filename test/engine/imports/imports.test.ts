import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, beforeEach, test } from "node:test";
import { importRollouts, type ImportParams } from "../../../src/engine/imports/importRun.ts";
import { readRunDetails, readRunRecord } from "../../../src/engine/store/readRun.ts";
import { openIndexFile } from "../../../src/engine/store/rolloutIndex.ts";
import { openRollouts } from "../../../src/engine/store/rollouts.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { isFailedGroup, type GroupRecord } from "../../../src/protocol/records.ts";

const fixtures = path.join(process.cwd(), "test", "fixtures", "imports");
const root = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-imports-"));
let cacheDir = "";
let logDir = "";

beforeEach(() => {
  const dir = fs.mkdtempSync(path.join(root, "case-"));
  cacheDir = path.join(dir, "cache");
  logDir = path.join(dir, "my run");
  fs.mkdirSync(logDir);
});
after(() => fs.rmSync(root, { recursive: true, force: true }));

/** Imports a log; answers the run with all of its groups. */
async function importLog(target: string, options: Partial<ImportParams> = {}) {
  const { runDir, imported } = await importRollouts({ path: target, cacheDir, videoRftVersion: "1.2.3", ...options });
  const rollouts = openRollouts(runDir);
  const groups: GroupRecord[] = [];
  for (const step of await rollouts.steps()) {
    for (const line of await rollouts.readStep(step)) if (!isFailedGroup(line)) groups.push(line);
  }
  return { runDir, imported, groups, details: await readRunDetails(runDir) };
}

/** A copy of a fixture that the test may change. */
function copyOf(fixture: string): string {
  fs.cpSync(path.join(fixtures, fixture), logDir, { recursive: true });
  return logDir;
}

const shapeOf = (groups: readonly GroupRecord[]) =>
  groups.map(({ step, group, completions }) => `${step}/${group}: ${completions.length}`);

async function errorOf(work: Promise<unknown>): Promise<UserError> {
  const error = await work.then(
    () => assert.fail("expected an error"),
    (thrown: unknown) => thrown,
  );
  assert.ok(UserError.is(error), String(error));
  return error;
}

test("TRL's tables become groups; the repeated one is left out, and its rewards are told from the other columns", async () => {
  const { groups, imported, details } = await importLog(path.join(fixtures, "trl"));
  assert.deepEqual(shapeOf(groups), ["1/0: 4", "1/1: 4", "3/0: 4", "3/1: 4"]);
  assert.deepEqual([imported.source, imported.groups, imported.rollouts, imported.unread], ["trl", 4, 16, 0]);
  const [first] = groups;
  assert.equal(first?.question, "When does the red square touch the wall?");
  assert.equal(first.video, null);
  assert.deepEqual(first.truth, { task: "open", answer: "3.0 to 5.0" });
  const [completion] = first.completions;
  assert.equal(completion?.text, "<think>late</think><answer>3.0 to 5.5</answer>");
  assert.equal(completion.tokenCount, null);
  assert.deepEqual(
    completion.rewards.map(({ name }) => name),
    ["format_reward", "accuracy_reward"],
  );
  assert.equal(
    completion.reward,
    completion.rewards.reduce((sum, { value }) => sum + (value ?? 0), 0),
  );
  // log_extra's column of whole numbers is no reward, and stays with its group.
  assert.deepEqual(first.row, { solution: "3.0 to 5.0", byCompletion: { words: [3, 3, 2, 3] } });
  // A reward of None does not apply.
  assert.deepEqual(
    groups[3]?.completions.map(({ rewards }) => rewards[1]?.value),
    [null, null, null, null],
  );
  assert.match(imported.notes.join("\n"), /1 table that repeats the one before was left out/);
  assert.doesNotMatch(imported.notes.join("\n"), /do not follow/);
  assert.deepEqual([details.state.status, details.state.step, details.alive], ["finished", 3, false]);
  assert.deepEqual(
    details.metrics.map(({ step }) => step),
    [1, 3],
  );
});

test("ms-swift's columns lose their repeats, and a table that was logged in part is taken whole", async () => {
  const { groups, imported, details } = await importLog(path.join(fixtures, "ms-swift", "completions.jsonl"));
  assert.deepEqual(shapeOf(groups), ["1/0: 4", "1/1: 4", "3/0: 4", "3/1: 4"]);
  assert.equal(imported.source, "ms-swift");
  assert.equal(groups[0]?.question, "When does the red square touch the wall?");
  assert.deepEqual(
    groups[0].completions[0]?.rewards.map(({ name }) => name),
    ["Format", "HttpReward"],
  );
  assert.deepEqual(
    groups[1]?.completions.map(({ meanEntropy }) => meanEntropy?.toFixed(1)),
    ["0.5", "0.6", "0.7", "0.8"],
  );
  assert.equal(details.metrics[0]?.metrics["entropy"]?.toFixed(2), "0.65");
  assert.match(imported.notes.join("\n"), /1 table that repeats the one before was left out/);
});

test("ms-swift's rows on Ray have the sum of the rewards, and advantages are computed", async () => {
  const { groups, imported } = await importLog(path.join(fixtures, "ms-swift-ray", "completions.jsonl"));
  assert.deepEqual(shapeOf(groups), ["0/0: 4", "0/1: 4", "1/0: 4", "1/1: 4"]);
  const sum = groups[0]?.completions.reduce((total, { advantage }) => total + advantage, 0) ?? NaN;
  assert.ok(Math.abs(sum) < 1e-9);
  assert.match(imported.notes.join("\n"), /only the sum of the rewards is logged/);
});

test("verl's folder is read in the order of its steps; uid tells videos with the same question apart", async () => {
  const { groups, imported } = await importLog(path.join(fixtures, "verl"));
  assert.deepEqual(shapeOf(groups), ["1/0: 4", "1/1: 4", "2/0: 2", "2/1: 2", "10/0: 4", "10/1: 4"]);
  assert.equal(imported.source, "verl");
  const [part] = groups[0]?.completions[0]?.rewards ?? [];
  assert.equal(part?.name, "score");
  assert.equal(typeof part.parts?.["acc"], "number");
  assert.equal(groups[1]?.truth.task === "open" && groups[1].truth.answer, "a cup\u2028of tea");
});

test("lines of ours that have lost their run folder are a run again", async () => {
  const { runDir } = await importLog(path.join(fixtures, "trl"));
  const lines = path.join(runDir, "rollouts", "step-000003.jsonl");
  fs.copyFileSync(lines, path.join(logDir, "step-000003.jsonl"));
  const { groups, imported } = await importLog(path.join(logDir, "step-000003.jsonl"));
  assert.deepEqual(shapeOf(groups), ["3/0: 4", "3/1: 4"]);
  assert.equal(imported.source, "rollout-lines");
});

test("an imported run has a whole index, and its record says where it comes from", async () => {
  const { runDir, imported } = await importLog(path.join(fixtures, "verl"));
  const index = await openIndexFile(runDir, cacheDir);
  assert.deepEqual([index.file, index.steps], [path.join(runDir, "rollouts.index"), 3]);
  const record = await readRunRecord(runDir);
  assert.deepEqual(record.imported, imported);
  assert.equal(record.id, path.basename(runDir));
  assert.equal(record.versions.videoRft, "1.2.3");
  assert.match(fs.readFileSync(path.join(runDir, "log.txt"), "utf8"), /^Imported from verl: 20 rollouts in 6 groups/);
});

test("lines that cannot be read are named, and the others are kept", async () => {
  const dir = copyOf("verl");
  const file = path.join(dir, "2.jsonl");
  const lines = fs.readFileSync(file, "utf8").trimEnd().split("\n");
  const broken = ['{"input": "x"', lines[1], '{"input": "x", "output": 3, "score": 1}', lines[3], '{"input": "half'];
  fs.writeFileSync(file, broken.join("\n"));
  const { imported, groups } = await importLog(dir);
  assert.deepEqual(
    groups.filter(({ step }) => step === 2).map(({ completions }) => completions.length),
    [1, 1],
  );
  assert.equal(imported.unread, 2);
  assert.deepEqual(
    imported.problems.map(({ where, message }) => `${path.basename(where)} ${message.replace(/ \(.*\)$/, "")}`),
    ["2.jsonl:1 expected JSON, found text that is not", '2.jsonl:3 expected text for "output", found 3'],
  );
  assert.ok(imported.notes.includes(`${file}:5: the last line has no end yet; it is left out.`));
});

test("a Parquet file that is none is named, and so are columns of the wrong length", async () => {
  const dir = copyOf("trl");
  fs.writeFileSync(path.join(dir, "completions", "completions_00003.parquet"), "PAR1 nothing PAR1");
  const { imported, groups } = await importLog(dir);
  assert.equal(groups.length, 2);
  assert.match(imported.problems[0]?.where ?? "", /completions_00003\.parquet$/);
  assert.match(imported.problems[0]?.message ?? "", /^expected a Parquet file, found one that cannot be read/);

  const table = { step: ["1", "1"], prompt: ["p", "p"], completion: ["a", "b"], R: [1], advantages: [0, 0] };
  const file = path.join(dir, "completions.jsonl");
  fs.writeFileSync(file, `${JSON.stringify(table)}\n`);
  const uneven = await importLog(file);
  assert.deepEqual(uneven.imported.problems, [
    { where: `${file}:1`, message: 'expected 2 values in "R", as in "prompt", found 1; the column is left out' },
  ]);
});

test("NaN, as Python prints it, is a reward that does not apply; text that says NaN stays", async () => {
  const file = path.join(logDir, "completions.jsonl");
  const table =
    '{"step": ["1", "1"], "prompt": ["p", "p"], "completion": ["NaN", "-Infinity b"], "R": [NaN, 1.0], "advantages": [0.0, 0.0]}\n';
  fs.writeFileSync(file, table);
  const { groups } = await importLog(file);
  assert.deepEqual(
    groups[0]?.completions.map(({ text, rewards }) => [text, rewards[0]?.value]),
    [
      ["NaN", null],
      ["-Infinity b", 1],
    ],
  );
});

test("a log that has grown is imported into the same run, with its scores; an unchanged one is not read again", async () => {
  const dir = copyOf("verl");
  fs.rmSync(path.join(dir, "10.jsonl"));
  const before = await importLog(dir);
  fs.mkdirSync(path.join(before.runDir, "scores"));
  fs.writeFileSync(path.join(before.runDir, "scores", "v.jsonl"), "kept\n");
  const createdAt = (await readRunRecord(before.runDir)).createdAt;
  assert.equal((await importLog(dir)).runDir, before.runDir);
  assert.equal((await readRunRecord(before.runDir)).createdAt, createdAt);

  fs.copyFileSync(path.join(fixtures, "verl", "10.jsonl"), path.join(dir, "10.jsonl"));
  const grown = await importLog(dir);
  assert.equal(grown.runDir, before.runDir);
  assert.deepEqual(grown.details.rolloutSteps, [1, 2, 10]);
  assert.equal(fs.readFileSync(path.join(grown.runDir, "scores", "v.jsonl"), "utf8"), "kept\n");
  assert.deepEqual(fs.readdirSync(path.dirname(grown.runDir)), [path.basename(grown.runDir)]);
});

test("a log that was written anew becomes a run beside the one before", async () => {
  const dir = copyOf("verl");
  const before = await importLog(dir);
  const file = path.join(dir, "1.jsonl");
  fs.writeFileSync(file, fs.readFileSync(file, "utf8").replaceAll("no idea", "an idea"));
  const anew = await importLog(dir);
  assert.equal(anew.runDir, `${before.runDir}-2`);
  assert.equal((await importLog(dir)).runDir, anew.runDir);
  assert.equal((await openRollouts(before.runDir).readStep(1)).length, 2);
});

test("the source is not written to, and a folder that is in use is refused", async () => {
  const dir = copyOf("ms-swift");
  const files = () => fs.readdirSync(dir, { recursive: true }).map(String).sort();
  const before = files();
  const outDir = path.join(path.dirname(dir), "out");
  fs.mkdirSync(outDir);
  const { runDir } = await importLog(dir, { outDir });
  assert.equal(runDir, outDir);
  assert.deepEqual(files(), before);
  assert.equal((await errorOf(importLog(dir, { outDir }))).code, "run-exists");
  assert.equal((await errorOf(importLog(outDir))).code, "run-exists"); // a run folder needs no import
});

test("what holds no rollouts is refused with what was found, and leaves nothing behind", async () => {
  const cases: readonly { name: string; text: string; expected: RegExp }[] = [
    { name: "empty.jsonl", text: "", expected: /expected rollouts, found an empty file/ },
    { name: "other.jsonl", text: '{"loss": 1}\n', expected: /expected a line of rollouts, found the keys loss/ },
    { name: "text.jsonl", text: "hello\n", expected: /expected JSON/ },
    { name: "completions_00001.parquet", text: "", expected: /expected a Parquet file/ },
  ];
  for (const { name, text, expected } of cases) {
    const file = path.join(logDir, name);
    fs.writeFileSync(file, text);
    const error = await errorOf(importLog(file));
    assert.equal(error.code, "bad-data", name);
    assert.match(error.message, expected);
    assert.match(error.where ?? "", new RegExp(name.replace(".", "\\.")));
  }
  assert.equal((await errorOf(importLog(path.join(logDir, "nowhere")))).code, "not-found");
  assert.deepEqual(fs.existsSync(cacheDir) ? fs.readdirSync(path.join(cacheDir, "imports")) : [], []);
});

test("an import that is cancelled leaves nothing behind", async () => {
  const stop = new AbortController();
  const onProgress = (): void => stop.abort(new UserError({ code: "cancelled", message: "Cancelled." }));
  const error = await errorOf(importLog(path.join(fixtures, "verl"), { signal: stop.signal, onProgress }));
  assert.equal(error.code, "cancelled");
  assert.deepEqual(fs.readdirSync(path.join(cacheDir, "imports")), []);
});

test("columns can be named where the log leaves them open", async () => {
  const columns = { rewards: ["accuracy_reward"], truth: "prompt" };
  const { groups, runDir } = await importLog(path.join(fixtures, "trl"), { columns });
  assert.deepEqual(
    groups[0]?.completions[0]?.rewards.map(({ name }) => name),
    ["accuracy_reward"],
  );
  assert.notEqual((await importLog(path.join(fixtures, "trl"))).runDir, runDir);
  const error = await errorOf(importLog(path.join(fixtures, "trl"), { columns: { rewards: ["nothing"] } }));
  assert.match(error.message, /expected a column "nothing", found "step", "prompt"/);
});

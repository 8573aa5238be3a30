import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, afterEach, before as beforeAll, test } from "node:test";
import { buildTestEngine, readLock, until, untilDead, writeWorkspace, type TestEngine } from "../server/testEngine.ts";

let engine: TestEngine;

beforeAll(async () => {
  engine = await buildTestEngine();
});
afterEach(() => {
  engine.release();
});
after(() => {
  engine.dispose();
});

interface Running {
  readonly child: ChildProcess;
  readonly stderr: () => string;
  readonly ended: Promise<{ status: number | null; stdout: string; stderr: string }>;
}

function start(...args: string[]): Running {
  const child = spawn(process.execPath, [path.join(engine.settings.engineDir, "cli.cjs"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: engine.root,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once("close", (status) => resolve({ status, stdout, stderr })),
  );
  return { child, stderr: () => stderr, ended };
}

const cli = (...args: string[]) => start(...args).ended;

interface RunDocument {
  readonly runDir: string;
  readonly status: string;
  readonly steps: number;
  readonly reward: { readonly first: number; readonly last: number };
  readonly evaluation: {
    readonly before: Scores | null;
    readonly after: Scores | null;
    readonly baselines: Record<string, Scores>;
  };
}
type Scores = Record<string, Record<string, { value: number; low: number; high: number; n: number }>>;

const evaluated = (changes: Record<string, unknown> = {}) => ({
  evaluate: {
    atStart: true,
    atEnd: true,
    data: [
      { id: "grounding", task: "temporal-grounding", format: "charades-sta", path: "test.json", videos: "videos" },
    ],
  },
  ...changes,
});

test("run --json prints one document with the result, everything else goes to standard error", async () => {
  const specPath = writeWorkspace(engine, "json", evaluated());
  const { status, stdout, stderr } = await cli("run", specPath, "--json", "--steps", "2", "--seed", "3");
  assert.equal(status, 0, stderr);
  const result = JSON.parse(stdout) as RunDocument;
  assert.deepEqual([result.status, result.steps], ["finished", 2]);
  assert.equal(typeof result.reward.first, "number");
  assert.equal(typeof result.reward.last, "number");
  const mIoU = result.evaluation.after?.["grounding"]?.["mIoU"];
  assert.equal(mIoU?.n, 4);
  assert.ok(mIoU.low <= mIoU.value && mIoU.value <= mIoU.high);
  assert.ok(result.evaluation.before?.["grounding"]?.["mIoU"] !== undefined);
  assert.ok(Object.values(result.evaluation.baselines).some((scores) => scores["grounding"]?.["mIoU"] !== undefined));
  assert.match(stderr, /step 1\/2 {2}reward \d\.\d{3} {2}tIoU \d\.\d{3} {2}\d+ tokens\/s/);
  assert.match(stderr, /before +after +trivial baseline +\(the best one\)/);
  const record = JSON.parse(fs.readFileSync(path.join(result.runDir, "run.json"), "utf8")) as { seed: number };
  assert.equal(record.seed, 3);
});

test("run prints the table, the folder and how to open it", async () => {
  const out = path.join(engine.root, "out folder");
  const specPath = writeWorkspace(engine, "table", evaluated());
  const { status, stdout } = await cli("run", specPath, "--out", out);
  assert.equal(status, 0);
  assert.match(
    stdout,
    /^grounding\/mIoU +4 +\d\.\d{3} \[\d\.\d{3}, \d\.\d{3}\] +\d\.\d{3} \[.+\] +\d\.\d{3} \[.+\] {2}\S+$/m,
  );
  assert.ok(stdout.includes(`Finished 3 steps. The run folder is ${out}`));
  assert.ok(stdout.includes(`code "${out}"`));
  assert.ok(fs.existsSync(path.join(out, "run.json")));

  const again = await cli("resume", out);
  assert.deepEqual([again.status, again.stdout], [0, stdout]);
  const other = await cli("run", specPath, "--out", out);
  assert.equal(other.status, 2);
  assert.match(other.stderr, /expected an empty folder for a new run, found a run/);
});

test("Ctrl+C stops with a checkpoint, a second one leaves the run to itself, resume follows it", async (t) => {
  if (process.platform === "win32") return t.skip("a console event cannot be sent to one process");
  engine.hold();
  const before = engine.calls().length;
  const specPath = writeWorkspace(engine, "interrupt");
  const first = start("run", specPath, "--json");
  const runDir = await until("the run is named", () => /^Run \S+ in (.+)$/m.exec(first.stderr())?.[1]);
  const { pid } = readLock(runDir);
  await engine.untilCalled("sample", before);
  first.child.kill("SIGINT");
  await until("the stop is told", () => /Stopping after this step/.test(first.stderr()));
  first.child.kill("SIGINT");
  const detached = await first.ended;
  assert.equal(detached.status, 1);
  assert.match(detached.stderr, /video-rft resume \S+interrupt/);
  assert.equal((JSON.parse(detached.stdout) as RunDocument).status, "stopping");

  const second = start("resume", runDir, "--json");
  await until("the run is followed", () => /following it/.test(second.stderr()));
  engine.release();
  const stopped = await second.ended;
  assert.equal(stopped.status, 1);
  assert.equal((JSON.parse(stopped.stdout) as RunDocument).status, "stopped");
  await untilDead(pid);

  const last = await cli("resume", runDir, "--json");
  assert.equal(last.status, 0);
  assert.deepEqual((JSON.parse(last.stdout) as RunDocument).steps, 3);
});

test("a run that fails exits with 1 and says why", async () => {
  engine.hold();
  const before = engine.calls().length;
  const running = start("run", writeWorkspace(engine, "failing"), "--json");
  process.kill(await engine.untilCalled("sample", before), "SIGKILL");
  const { status, stdout, stderr } = await running.ended;
  assert.equal(status, 1);
  assert.match(stderr, /The backend process was ended by/);
  assert.equal((JSON.parse(stdout) as RunDocument).status, "failed");
});

test("bad input exits with 2 and one line a mistake", async () => {
  const typo = writeWorkspace(engine, "mistakes", { grpo: { stepz: 3, groupSize: "8" } });
  const run = await cli("run", typo, "--json");
  assert.deepEqual([run.status, run.stdout], [2, ""]);
  const lines = run.stderr.trim().split("\n");
  assert.equal(lines.length, 2, run.stderr);
  assert.match(
    lines.join("\n"),
    /mistakes\.rft\.json:\d+:\d+: grpo\.stepz: unknown key "stepz"\. Did you mean "steps"\?/,
  );
  assert.match(lines.join("\n"), /grpo\.groupSize: expected number, .*found "8"/);

  for (const [args, message] of [
    [["run", "nowhere.rft.json"], /nowhere\.rft\.json: The run specification cannot be read/],
    [["run", typo, "--steps", "none"], /--steps: expected a whole number of at least 1, found "none"/],
    [["run", typo, "--stepps", "3"], /Unknown option '--stepps'/],
    [["run"], /expected SPEC, found nothing/],
    [["resume", engine.root], /found no run\.json/],
    [["inspect", engine.root], /found no run\.json/],
    [["doctor", "now"], /expected nothing more, found "now"/],
    [["walk"], /expected a command, found "walk"/],
    [["eval", typo, "--checkpoint", "a", "--predictions", "b"], /found both/],
  ] as const) {
    const { status, stderr } = await cli(...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
  }
});

test("inspect shows the groups of a step with lanes", async () => {
  const runDir = path.join(engine.root, "inspected");
  await cli("run", writeWorkspace(engine, "inspect"), "--out", runDir);
  const { status, stdout } = await cli("inspect", runDir, "--step", "2", "--group", "1");
  assert.equal(status, 0);
  assert.match(stdout, /^2\/1 {2}grounding {2}clip-\d_0 {2}reward/);
  assert.match(stdout, /truth .*·····█{20}···············.* 1\.0-5\.0 s/);
  assert.match(stdout, /#2 .*no-answer-tag/);
  assert.match(stdout, /<think>look at 0<\/think><answer>1\.0 to/);
  const json = await cli("inspect", runDir, "--json");
  const { step, groups } = JSON.parse(json.stdout) as { step: number; groups: { completions: unknown[] }[] };
  assert.deepEqual([step, groups.length, groups[0]?.completions.length], [3, 2, 3]);
  const missing = await cli("inspect", runDir, "--group", "9");
  assert.equal(missing.status, 2);
});

test("eval scores a policy, a checkpoint, and ready answers alike", async () => {
  const specPath = writeWorkspace(engine, "eval", evaluated());
  const policy = await cli("eval", specPath, "--json");
  assert.equal(policy.status, 0, policy.stderr);
  const document = JSON.parse(policy.stdout) as { scores: Scores; baselines: Record<string, Scores>; settings: object };
  assert.equal(document.scores["grounding"]?.["mIoU"]?.n, 4);
  assert.ok(Object.keys(document.baselines).length > 0);
  assert.ok("sampling" in document.settings);

  const runDir = path.join(engine.root, "evaluated");
  await cli("run", specPath, "--out", runDir);
  const checkpoint = path.join(runDir, "checkpoints", "step-000003");
  const trained = await cli("eval", specPath, "--checkpoint", checkpoint, "--json");
  const scores = (JSON.parse(trained.stdout) as { scores: Scores }).scores;
  const inRun = JSON.parse(fs.readFileSync(path.join(runDir, "evaluation", "step-000003.json"), "utf8")) as {
    scores: Record<string, unknown>;
  };
  assert.deepEqual(scores["grounding"]?.["mIoU"], inRun.scores["grounding/mIoU"]);

  const folder = path.resolve("test", "fixtures", "policy", "qwen3-vl", "adapter");
  const other = await cli("eval", specPath, "--checkpoint", folder, "--json");
  const { policy: settings } = (JSON.parse(other.stdout) as { settings: { policy: object } }).settings;
  assert.deepEqual(
    Object.entries(settings).filter(([key]) => key !== "hash"),
    [
      ["model", "adapter"],
      ["checkpoint", null],
    ],
  );

  const file = path.join(engine.root, "answers.jsonl");
  const rows = [100, 101, 102].map((k) => ({ id: `clip-${k}_0`, text: "<answer>1.0 to 5.0</answer>" }));
  fs.writeFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n"));
  const answers = await cli("eval", specPath, "--predictions", file, "--json");
  assert.equal(answers.status, 0, answers.stderr);
  assert.equal((JSON.parse(answers.stdout) as { scores: Scores }).scores["grounding"]?.["mIoU"]?.value, 0.75);
  assert.match(answers.stderr, /1 of 4 examples have no prediction/);

  fs.writeFileSync(
    file,
    '{"id": "clip-100_0", "text": "a"}\n{"id": "clip-100_0", "text": "b"}\n{"id": "x", "text": ""}\n[\n',
  );
  const wrong = await cli("eval", specPath, "--predictions", file);
  assert.equal(wrong.status, 2);
  const told = wrong.stderr.trim().split("\n");
  assert.equal(told.length, 3, wrong.stderr);
  assert.match(told[0] ?? "", /answers\.jsonl:2: found a second answer for the id "clip-100_0"/);
  assert.match(told[1] ?? "", /answers\.jsonl:3: no example of the evaluation data has the id "x"/);
  assert.match(told[2] ?? "", /answers\.jsonl:4: expected .* not JSON/);
});

test("data check names what is wrong with the data", async () => {
  const specPath = writeWorkspace(engine, "data");
  const { status, stdout } = await cli("data", "check", specPath, "--json");
  assert.equal(status, 2);
  const { examples, problems } = JSON.parse(stdout) as {
    examples: number;
    problems: { code: string; example: string; message: string }[];
  };
  assert.equal(examples, 8);
  assert.equal(problems.filter((problem) => problem.code === "missing-video").length, 8);
  const rows = Array.from({ length: 30 }, (_, k) => [
    `clip-${k}`,
    { duration: 8, timestamps: [[1, 5]], sentences: ["a"] },
  ]);
  fs.writeFileSync(path.join(path.dirname(specPath), "train.json"), JSON.stringify(Object.fromEntries(rows), null, 1));
  const text = (await cli("data", "check", specPath)).stdout;
  assert.match(text, /^error missing-video grounding\/clip-0_0: .*\n {2}at .*train\.json:\d+$/m);
  assert.match(text, /… and 14 more of missing-video; --json lists them all/);
});

test("doctor and help", async () => {
  const { stdout } = await cli("doctor", "--json");
  const { checks } = JSON.parse(stdout) as { checks: { name: string; ok: boolean; detail: string }[] };
  assert.ok(checks.find((check) => check.name === "ffmpeg")?.ok);
  const help = await cli("--help");
  assert.equal(help.status, 0);
  for (const name of ["run", "resume", "eval", "data check", "inspect", "doctor", "sample"]) {
    assert.ok(help.stdout.includes(`video-rft ${name}`), name);
    const own = await cli(...name.split(" "), "--help");
    assert.equal(own.status, 0);
    assert.match(own.stdout, /^Usage: video-rft /);
  }
  assert.equal((await cli()).status, 2);
});

interface ScoreDocument {
  readonly rewards: Record<string, { mean: number | null; std: number | null; errors: number; version: string }>;
  readonly changed: number;
  readonly advantageSignFlips: number;
}

test("score says what a changed reward does to the rollouts of a run, and keeps it when asked to", async () => {
  const specPath = writeWorkspace(engine, "score", {
    rewards: [{ name: "tiou" }, { file: "words.ts", function: "words", weight: 0.5 }],
  });
  const file = path.join(path.dirname(specPath), "words.ts");
  fs.writeFileSync(file, `export const words = ({ text }: { text: string }): number => text.split(" ").length;\n`);
  const ran = await cli("run", specPath, "--json", "--steps", "2");
  assert.equal(ran.status, 0, ran.stderr);
  const { runDir } = JSON.parse(ran.stdout) as RunDocument;
  const scored = async (...args: string[]): Promise<ScoreDocument> => {
    const { status, stdout, stderr } = await cli("score", runDir, "--json", ...args);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as ScoreDocument;
  };
  const same = await scored();
  assert.deepEqual([same.changed, same.advantageSignFlips, Object.keys(same.rewards)], [0, 0, ["tiou", "words"]]);

  fs.writeFileSync(
    file,
    `export const words = ({ text, id }: { text: string; id: string }): number => {
  if (id.endsWith("/1")) throw new Error("not this one");
  return -2 * text.split(" ").length;
};\n`,
  );
  const changed = await scored("--reward", "words", "--accept");
  const { mean, errors, version } = changed.rewards["words"] ?? assert.fail("no words");
  assert.ok((mean ?? 0) < 0 && errors > 0 && changed.changed > 0);
  const [header = "", first = ""] = fs
    .readFileSync(path.join(runDir, "scores", `${version}.jsonl`), "utf8")
    .split("\n");
  assert.deepEqual(Object.keys((JSON.parse(header) as { sources: object }).sources), [file]);
  assert.equal((JSON.parse(first) as { values: number[] }).values[1], 0, "a failed call scores 0");

  const other = await scored("--reward", `${file}:words`, "--signature", "each");
  assert.deepEqual(other.rewards["words"]?.mean, mean);
  const told = (await cli("score", runDir, "--reward", "words")).stdout;
  assert.match(told, /First errors:\n {2}rft:\/[^ /]+\/1\/0\/1 {2}words: Error: not this one/);
  assert.match(told, /Largest changes:\n {2}rft:\/[^ /]+\/\d\/\d\/\d {2}words: \d+\.000 -> -?\d+\.000/);
  const unknown = await cli("score", runDir, "--reward", "nothing");
  assert.equal(unknown.status, 2);
  assert.match(
    unknown.stderr,
    /--reward nothing: expected a reward of the specification.*rewards of the specification are tiou, words/,
  );

  const rollouts = path.join(runDir, "rollouts", "step-000001.jsonl");
  const ofFile = await cli("score", rollouts, "--reward", "tiou", "--json");
  assert.equal((JSON.parse(ofFile.stdout) as ScoreDocument).changed, 0, ofFile.stderr);
  assert.equal((await cli("score", rollouts)).status, 2, "a file names no rewards");
});

test("test runs pinned cases and says what differs", async () => {
  const dir = path.join(engine.root, "cases");
  fs.mkdirSync(path.join(dir, "rewards"), { recursive: true });
  fs.writeFileSync(
    path.join(dir, "rewards", "early.ts"),
    `export const early = ({ parsed }: { parsed: { segment?: { startSec: number } } }) =>
  parsed.segment === undefined ? { value: 0, reason: "no answer" } : parsed.segment.startSec;\n`,
  );
  const example = {
    id: "a",
    datasetId: "grounding",
    task: "temporal-grounding",
    question: "it falls",
    truth: { task: "temporal-grounding", segment: { startSec: 5, endSec: 10 } },
  };
  const reward = { file: "rewards/early.ts", function: "early" };
  const one = (name: string, text: string, expect: object, changes = {}) =>
    JSON.stringify({ name, reward, completion: { text }, example, expect, ...changes });
  const lines = [
    one("starts at 5", "<answer>5 to 10</answer>", { min: 5, max: 5 }),
    one("no answer", "none", { reason: "no answer", max: 0 }),
    one("too late", "<answer>7 to 10</answer>", { max: 6 }),
    one("overlap", "<answer>5 to 10</answer>", { min: 1 }, { reward: { name: "tiou" } }),
  ];
  const file = path.join(dir, "rewards.cases.jsonl");
  fs.writeFileSync(file, lines.join("\n"));
  const { status, stdout } = await cli("test", file, "--json");
  assert.equal(status, 1);
  const result = JSON.parse(stdout) as { passed: number; failed: number; cases: { name: string; actual: string }[] };
  assert.deepEqual([result.passed, result.failed], [3, 1]);
  const text = await cli("test", file);
  assert.match(
    text.stdout,
    /FAILED {2}too late \(cases\/rewards\.cases\.jsonl:3\)\n +- value: at most 6\n +\+ value: 7/,
  );
  fs.writeFileSync(file, [lines[0], "{}", lines[0]].join("\n"));
  const broken = await cli("test", file);
  assert.equal(broken.status, 2);
  assert.match(
    broken.stderr,
    /rewards\.cases\.jsonl:2: name: .*\n.*rewards\.cases\.jsonl:3: found the name "starts at 5" twice/,
  );
});

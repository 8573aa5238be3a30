import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { after, afterEach, before, test } from "node:test";
import type { EvaluationRecord } from "../../../src/protocol/records.ts";
import { locateFfmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { writeClip } from "../video/barcodeClips.ts";
import { buildTestEngine, until, writeWorkspace, type TestEngine } from "../server/testEngine.ts";

let engine: TestEngine;

before(async () => {
  engine = await buildTestEngine();
});
afterEach(() => engine.release());
after(() => engine.dispose());

function start(...args: string[]) {
  const child = spawn(process.execPath, [path.join(engine.settings.engineDir, "cli.cjs"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: engine.root,
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once("close", (status) => resolve({ status, stdout, stderr })),
  );
  return { child, ended };
}

const cli = (...args: string[]) => start(...args).ended;
const readRecord = (dir: string, name = "evaluation.json"): EvaluationRecord =>
  JSON.parse(fs.readFileSync(path.join(dir, name), "utf8")) as EvaluationRecord;
const linesOf = (file: string): string[] => fs.readFileSync(file, "utf8").split("\n").slice(0, -1);
const outDir = (name: string): string => path.join(engine.root, name);

test("eval --out goes on where it was killed, to the same evaluation, and asks nothing twice", async () => {
  const specPath = writeWorkspace(engine, "kept");
  const whole = await cli("eval", specPath, "--out", outDir("whole"));
  assert.equal(whole.status, 0, whole.stderr);
  const answers = path.join(outDir("whole"), "answers.jsonl");
  assert.equal(linesOf(answers).length, 5); // a header and four questions

  // As a kill leaves it: two answers and the beginning of a third, no evaluation, a lock of a dead process.
  const torn = path.join(outDir("torn"), "answers.jsonl");
  fs.mkdirSync(outDir("torn"));
  const [header = "", first = "", second = "", third = ""] = linesOf(answers);
  fs.writeFileSync(torn, `${header}\n${first}\n${second}\n${third.slice(0, 40)}`);
  const asked = engine.calls().length;
  const resumed = await cli("eval", specPath, "--out", outDir("torn"), "--batch", "1");
  assert.equal(resumed.status, 0, resumed.stderr);
  assert.match(resumed.stderr, /2 of 4 questions are answered already/);
  assert.equal(
    engine
      .calls()
      .slice(asked)
      .filter((line) => line.includes(" sample ")).length,
    2,
  );
  assert.deepEqual(readRecord(outDir("torn")), readRecord(outDir("whole")));
  assert.deepEqual(linesOf(torn), linesOf(answers));
});

test("Ctrl+C ends after the batch at hand and keeps it", async (t) => {
  if (process.platform === "win32") return t.skip("a console event cannot be sent to one process");
  const specPath = writeWorkspace(engine, "interrupted");
  const dir = outDir("interrupted-out");
  engine.hold();
  const calls = engine.calls().length;
  const running = start("eval", specPath, "--out", dir, "--batch", "1");
  await engine.untilCalled("sample", calls);
  const other = await cli("eval", specPath, "--out", dir);
  assert.equal(other.status, 2);
  assert.match(other.stderr, /another process writes this evaluation/);
  running.child.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 300)); // the signal comes before the answer
  engine.release();
  const { status, stderr } = await running.ended;
  assert.equal(status, 1);
  assert.match(stderr, /Stopping after this batch/);
  assert.match(stderr, /The evaluation was interrupted.*the same command goes on/);
  assert.equal(linesOf(path.join(dir, "answers.jsonl")).length, 2);
  const again = await cli("eval", specPath, "--out", dir);
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stderr, /1 of 4 questions are answered already/);
});

test("answers of other settings are refused, and each difference is named", async () => {
  const specPath = writeWorkspace(engine, "changed");
  const dir = outDir("changed-out");
  await cli("eval", specPath, "--out", dir);
  const text = fs.readFileSync(specPath, "utf8");
  fs.writeFileSync(specPath, text.replace('"grpo": {', '"video": { "maxFrames": 8 },\n  "grpo": {'));
  const { status, stderr } = await cli("eval", specPath, "--out", dir, "--temperature", "0.7", "--no-think");
  assert.equal(status, 0, stderr); // another kind of prompts has a file of its own
  const refused = await cli("eval", specPath, "--out", dir, "--temperature", "0.7");
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /sampling\.temperature: 0 there, 0\.7 now/);
  assert.match(refused.stderr, /video\.maxFrames: 768 there, 8 now/);
  assert.doesNotMatch(refused.stderr, /policy|seed/);
});

test("answers to another prompt or about another video are not mixed with these, and failed ones are asked again", async () => {
  const specPath = writeWorkspace(engine, "asked");
  const dir = outDir("asked-out");
  const file = path.join(dir, "answers.jsonl");
  const video = path.join(path.dirname(specPath), "videos", "clip-101.mp4");
  const ffmpeg = await locateFfmpeg();
  await writeClip(ffmpeg, video, { frames: 30 });
  const bytes = fs.readFileSync(video);
  await cli("eval", specPath, "--out", dir);
  await writeClip(ffmpeg, video, { frames: 60 });
  const other = await cli("eval", specPath, "--out", dir);
  assert.equal(other.status, 2);
  assert.match(other.stderr, /1 of these answers are to other questions: .*, e\.g\. those of grounding\/clip-101_0/s);
  fs.writeFileSync(video, bytes);
  assert.match((await cli("eval", specPath, "--out", dir)).stderr, /4 of 4 questions are answered already/);

  // As a video leaves it that was not there yet.
  const failure = { code: "bad-video", where: video, message: "no such file", hint: "Check the path." };
  const lines = linesOf(file).map((line) =>
    line.includes('"clip-101_0"') ? JSON.stringify({ ...JSON.parse(line), completions: [], failure }) : line,
  );
  fs.writeFileSync(file, `${lines.join("\n")}\n`);
  const again = await cli("eval", specPath, "--out", dir);
  assert.match(again.stderr, /3 of 4 questions are answered already[^]*1 of 4 questions failed before; they are asked/);
  assert.equal(linesOf(file).length, 6, "nothing is taken away");
  assert.equal(readRecord(dir).examples.filter((example) => example.failure !== undefined).length, 0);

  const broken = linesOf(file).map((line) => line.replace(/"completions":\[.*?\]/, '"completions":[{"tokenCount":1}]'));
  fs.writeFileSync(file, `${broken.join("\n")}\n`);
  const refused = await cli("eval", specPath, "--out", dir);
  assert.match(refused.stderr, /answers\.jsonl:2: expected a list of completions with their "text"/);
});

test("where no duration is annotated, baselines take that of the video that was seen", async () => {
  const dataset = {
    id: "sta",
    task: "temporal-grounding",
    format: "charades-sta-txt",
    path: "test.txt",
    videos: "videos",
  };
  const specPath = writeWorkspace(engine, "unknown-durations", { evaluate: { data: [dataset] } });
  const lines = [100, 101].map((k) => `clip-${k} 1.0 5.0##event ${k}`);
  fs.writeFileSync(path.join(path.dirname(specPath), "test.txt"), lines.join("\n"));
  const { status, stderr } = await cli("eval", specPath, "--out", outDir("unknown-durations-out"));
  assert.equal(status, 0, stderr);
  // 4 of the 8 s that the scripted backend has seen.
  assert.equal(readRecord(outDir("unknown-durations-out")).baselines["full-video"]?.["sta/mIoU"]?.value, 0.5);
});

test("videos that cannot be read are told, and data without examples is an error", async () => {
  const specPath = writeWorkspace(engine, "empty");
  fs.writeFileSync(path.join(path.dirname(specPath), "test.json"), "{}");
  const none = await cli("eval", specPath);
  assert.equal(none.status, 2);
  assert.match(none.stderr, /expected examples to evaluate on, found none/);
  const other = writeWorkspace(engine, "blocked");
  const file = path.join(path.dirname(other), "a-file");
  fs.writeFileSync(file, "");
  for (const dir of [file, path.join(file, "below")]) {
    const blocked = await cli("eval", other, "--out", dir);
    assert.equal(blocked.status, 2, blocked.stderr);
    assert.match(blocked.stderr, /the folder cannot be made/);
  }
  const predictions = await cli("eval", other, "--predictions", file, "--samples", "2");
  assert.match(predictions.stderr, /--samples says how a model is asked/);
});

test("both kinds of prompts in one call, each with its own answers and record", async () => {
  const specPath = writeWorkspace(engine, "variants");
  const dir = outDir("variants-out");
  const { status, stdout, stderr } = await cli("eval", specPath, "--think", "--no-think", "--out", dir, "--json");
  assert.equal(status, 0, stderr);
  const documents = JSON.parse(stdout) as { prompts: string; settings: { prompts: unknown } }[];
  assert.deepEqual(
    documents.map(({ prompts }) => prompts),
    ["think", "no-think"],
  );
  const [think, direct] = ["think", "no-think"].map((name) => readRecord(dir, `evaluation.${name}.json`));
  const promptsOf = (record: EvaluationRecord | undefined) =>
    (record?.settings["prompts"] as Record<string, { think: boolean; hash: string }> | undefined)?.[
      "temporal-grounding"
    ];
  assert.deepEqual([promptsOf(think)?.think, promptsOf(direct)?.think], [true, false]);
  assert.notEqual(promptsOf(think)?.hash, promptsOf(direct)?.hash);
  assert.equal(linesOf(path.join(dir, "answers.think.jsonl")).length, 5);
});

test("several samples: means, their spread, and what decides the score beside it", async () => {
  const specPath = writeWorkspace(engine, "sampled");
  const dir = outDir("sampled-out");
  const args = ["--samples", "3", "--temperature", "1"];
  const { status, stdout, stderr } = await cli("eval", specPath, "--out", dir, ...args);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /Over the samples of each question[^]*grounding\/mIoU +0\.\d{3} +± 0\.\d{3}/);
  // The third sample of the scripted backend is "no idea".
  assert.match(stdout, /^grounding +4 +0 +33\.3 % +0$/m);
  const { scores, examples, settings, datasets } = readRecord(dir);
  const means = examples.map(({ metrics }) => metrics["mIoU"] ?? 0);
  assert.ok(Math.abs((scores["grounding/mIoU"]?.value ?? 0) - means.reduce((a, b) => a + b) / 4) < 1e-12);
  assert.equal(examples[0]?.samples?.length, 2);
  assert.equal(examples[0].asked?.question, "event 100");
  assert.deepEqual(settings["seen"], {
    frames: [4, 4],
    framePixels: [12544, 12544],
    visualTokens: [32, 32],
    promptTokens: [40, 40],
  });
  assert.equal(datasets?.[0]?.format, "charades-sta");
  for (const key of ["sampling", "samples", "seed", "video", "prompts", "parser", "versions", "policy"]) {
    assert.ok(settings[key] !== undefined, key);
  }
  for (const [wrong, message] of [
    [["--samples", "2"], /greedy decoding gives the same answer each time/],
    [["--parser", "loose"], /--parser: expected tagged or plain/],
    [["--dataset", "other"], /--dataset: expected one of grounding/],
  ] as const) {
    const result = await cli("eval", specPath, ...wrong);
    assert.equal(result.status, 2);
    assert.match(result.stderr, message);
  }
});

test("an evaluation needs no training data; only fitted baselines do", async () => {
  const specPath = writeWorkspace(engine, "no-training");
  fs.writeFileSync(path.join(path.dirname(specPath), "train.json"), "not JSON");
  const { status, stdout, stderr } = await cli("eval", specPath);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /Baselines that are fitted are left out/);
  assert.match(stdout, /grounding\/mIoU/);
});

test("answers of a killed process that holds the backend are gone with it, never half there", async () => {
  const specPath = writeWorkspace(engine, "killed");
  const dir = outDir("killed-out");
  engine.hold();
  const calls = engine.calls().length;
  const running = start("eval", specPath, "--out", dir);
  await engine.untilCalled("sample", calls);
  running.child.kill("SIGKILL");
  await running.ended;
  engine.release();
  assert.equal(linesOf(path.join(dir, "answers.jsonl")).length, 1);
  assert.ok(fs.existsSync(path.join(dir, "lock")));
  const again = await until("the dead owner's lock is taken over", async () => {
    const result = await cli("eval", specPath, "--out", dir);
    return result.status === 0 ? result : null;
  });
  assert.match(again.stdout, /The evaluation is in /);
});

test("compare tests what changed between two evaluations, and says what else differs", async () => {
  const specPath = writeWorkspace(engine, "compared");
  const [before, after] = [outDir("compared-before"), outDir("compared-after")];
  const answersOf = (end: number) => Object.fromEntries([100, 101, 102, 103].map((k) => [`clip-${k}_0`, `<answer>1 to ${end}</answer>`])); // prettier-ignore
  const file = path.join(engine.root, "compared.json");
  for (const [dir, end, parser] of [
    [before, 3, "tagged"],
    [after, 5, "plain"],
  ] as const) {
    fs.writeFileSync(file, JSON.stringify(answersOf(end)));
    const made = await cli("eval", specPath, "--predictions", file, "--out", dir, "--parser", parser);
    assert.equal(made.status, 0, made.stderr);
  }
  const { status, stdout, stderr } = await cli("compare", before, path.join(after, "evaluation.json"));
  assert.equal(status, 0, stderr);
  assert.match(stderr, /differ in more than the policy[^]*parser\.name: tagged before, plain after/);
  assert.match(stdout, /^grounding\/mIoU +4 +0\.500 +1\.000 +\+0\.500 \[\+0\.500, \+0\.500\] +0\.1\d\d$/m);
  assert.match(stdout, /^grounding\/R@0\.7 +4 +0\.000 +1\.000 .* 4 +0 +0\.125$/m);
  assert.match(stdout, /Changed most, of 4 that changed:/);
  const json = await cli("compare", before, after, "--json", "--changed", "1");
  const document = JSON.parse(json.stdout) as { metrics: unknown[]; changed: unknown[] };
  assert.deepEqual([document.metrics.length, document.changed.length], [4, 1]);

  for (const [args, message] of [
    [[engine.root, after], /no evaluation in this folder/],
    [[path.join(engine.root, "nowhere"), after], /no such file or folder/],
    [[file, after], /evaluation record/],
  ] as const) {
    const wrong = await cli("compare", ...args);
    assert.equal(wrong.status, 2, wrong.stderr);
    assert.match(wrong.stderr, message);
  }
});

test("captions are judged where the specification names a judge; one that is down is told, and asked again", async () => {
  let isDown = false;
  const server = http.createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const question = (JSON.parse(text) as { messages: { content: string }[] }).messages[1]?.content ?? "";
      const events = [...question.matchAll(/^- (.+)$/gm)].map(([, event = ""]) => event);
      const description = question.slice(question.indexOf("Description:"));
      const answer = events.map((event) => ({ event, entailed: description.includes(event) }));
      const content = JSON.stringify({ events: events.length > 0 ? answer : ["pours", "sings"] });
      response.writeHead(isDown ? 401 : 200).end(JSON.stringify({ choices: [{ message: { content } }] }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const address = server.address();
    assert.ok(address !== null && typeof address !== "string");
    const judge = { endpoint: `http://127.0.0.1:${address.port}/v1`, model: "judge" };
    const dataset = { id: "captions", task: "captioning", format: "jsonl", path: "captions.jsonl", videos: "videos" };
    const specPath = writeWorkspace(engine, "judged", { evaluate: { judge, data: [dataset] } });
    const dir = path.dirname(specPath);
    const row = { id: "a", video: "clip-0", question: "Describe.", captions: ["She pours water."], events: ["pours"] };
    fs.writeFileSync(path.join(dir, "captions.jsonl"), `${JSON.stringify(row)}\n`);
    const predictions = path.join(dir, "answers.json");
    fs.writeFileSync(predictions, JSON.stringify({ a: "<answer>She pours water and sings.</answer>" }));
    const ended = await cli("eval", specPath, "--predictions", predictions, "--out", outDir("judged-out"));
    assert.equal(ended.status, 0, ended.stderr);
    const record = readRecord(outDir("judged-out"));
    const valueOf = (metric: string): number | undefined => record.scores[`captions/${metric}`]?.value;
    assert.deepEqual(["event-recall", "event-precision"].map(valueOf), [1, 0.5]);
    assert.ok(Math.abs((valueOf("event-f1") ?? 0) - 2 / 3) < 1e-12);
    assert.match(JSON.stringify(record.settings["judge"]), /^{"model":"judge","questions":"[0-9a-f]{64}"}$/);

    isDown = true;
    fs.writeFileSync(predictions, JSON.stringify({ a: "<answer>She leaves.</answer>" }));
    const failed = await cli("eval", specPath, "--predictions", predictions);
    assert.equal(failed.status, 1);
    assert.match(failed.stderr, /evaluate\.judge.*status 401/s);
  } finally {
    server.close();
  }
});

test("report makes one page of evaluations, of a run too", async () => {
  const specPath = writeWorkspace(engine, "reported", {
    evaluate: {
      data: [
        { id: "grounding", task: "temporal-grounding", format: "charades-sta", path: "test.json", videos: "videos" },
      ],
    },
  });
  const runDir = outDir("reported-run");
  assert.equal((await cli("run", specPath, "--out", runDir)).status, 0);
  const first = path.join(runDir, "evaluation", "step-000000.json");
  const file = path.join(engine.root, "pages", "report.html");
  const { status, stdout, stderr } = await cli("report", first, runDir, "--out", file);
  assert.equal(status, 0, stderr);
  assert.ok(stdout.includes(file));
  const page = fs.readFileSync(file, "utf8");
  assert.match(page, /What changed from reported-run, step 0 to reported-run, step 3/);
  assert.match(page, /Frames: clip-10\d/); // there are no videos here, and the page says so
  assert.doesNotMatch(page, /<script|https?:\/\//);
  const none = await cli("report", engine.root);
  assert.equal(none.status, 2);
});

import assert from "node:assert/strict";
import { execFile, fork, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { CancellationTokenSource, IPCMessageReader, IPCMessageWriter } from "vscode-jsonrpc/node";
import { parseCases } from "../../../src/protocol/cases.ts";
import { onNotification, sendRequest } from "../../../src/protocol/connection.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import {
  initializeService,
  openIndex,
  protocolVersion,
  readGroups,
  readStep,
  readTokenTexts,
  searchFound,
  searchRollouts,
  startRunProcess,
} from "../../../src/protocol/messages.ts";
import { isFailedGroup, type CompletionRecord, type GroupRecord } from "../../../src/protocol/records.ts";
import type { RescoreSummary } from "../../../src/protocol/rescore.ts";
import {
  acceptRescore,
  caseFinished,
  coverReward,
  makeCase,
  prepareCaseReplay,
  prepareReplay,
  readRewards,
  rescoreProgress,
  rescoreRollouts,
  runRewardCases,
  scoreEdited,
  type ReplayProgram,
} from "../../../src/protocol/rewardMessages.ts";
import { decodeIndex } from "../../../src/protocol/rolloutIndex.ts";
import { createConnection, type EngineConnection } from "../../../src/engine/server/rpc.ts";
import { readRunState } from "../../../src/engine/store/readRun.ts";
import { buildTestEngine, until, untilDead, writeWorkspace, type TestEngine } from "./testEngine.ts";

const run = promisify(execFile);
let engine: TestEngine;
let service: ChildProcess;
let connection: EngineConnection;
let dir: string;
let runDir: string;

const endSource = (factor: number): string => `interface Answer { readonly segment?: { endSec: number } }
export function end(completion: { parsed: Answer }, example: { durationSec: number }) {
  const segment = completion.parsed.segment;
  if (segment === undefined) return { value: 0, reason: "no segment" };
  return { value: (${factor} * segment.endSec) / example.durationSec, parts: { end: segment.endSec } };
}
`;

before(async () => {
  engine = await buildTestEngine();
  const specPath = writeWorkspace(engine, "rewards", {
    rewards: [
      { name: "tiou" },
      { file: "end.ts", function: "end", weight: 0.5 },
      { file: "size.py", function: "size", weight: 0.1 },
    ],
    grpo: { steps: 4, promptsPerStep: 2, groupSize: 3 },
  });
  dir = path.dirname(specPath);
  fs.writeFileSync(path.join(dir, "end.ts"), endSource(1));
  fs.writeFileSync(
    path.join(dir, "size.py"),
    "def size(completions, **kwargs):\n    return [len(c) / 100 for c in completions]\n",
  );
  service = fork(path.join(engine.settings.engineDir, "service.cjs"), [], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1" },
  });
  connection = createConnection(new IPCMessageReader(service), new IPCMessageWriter(service), (text) =>
    assert.fail(text),
  );
  const { cacheDir } = engine.settings;
  await sendRequest(connection, initializeService, { protocolVersion, cacheDir, ffmpegPath: null, pythonPath: null });
  ({ runDir } = await sendRequest(connection, startRunProcess, { specPath }));
  await until("the run has finished", async () => (await readRunState(runDir)).status === "finished");
});
after(async () => {
  if (service.connected) service.disconnect();
  await untilDead(service.pid ?? -1);
  engine.dispose();
});

async function groupsOf(step: number): Promise<GroupRecord[]> {
  const { groups } = await sendRequest(connection, readStep, { runDir, step });
  return groups.flatMap((line) => (isFailedGroup(line) ? [] : [line]));
}

async function allCompletions(): Promise<CompletionRecord[]> {
  return (await Promise.all([1, 2, 3, 4].map(groupsOf))).flat().flatMap(({ completions }) => completions);
}

const named = (name: string) => ({ kind: "named", name }) as const;
const valueOf = (completion: CompletionRecord, name: string) =>
  completion.rewards.find((part) => part.name === name)?.value;

test("rewards of a run are listed with their code", async () => {
  const { rewards } = await sendRequest(connection, readRewards, { runDir });
  assert.deepEqual(
    rewards.map(({ name, weight, code }) => [name, weight, code?.function, code?.signature]),
    [
      ["tiou", 1, undefined, undefined],
      ["end", 0.5, "end", "each"],
      ["size", 0.1, "size", "trl"],
    ],
  );
  assert.equal(rewards[1]?.code?.file, path.join(dir, "end.ts"));
});

test("a changed reward is scored over the run, told on the way, and kept when it is accepted", async () => {
  const rescore = (task: string) =>
    sendRequest(connection, rescoreRollouts, { task, runDir, reward: named("end"), firstSteps: [3] });
  const told: RescoreSummary[] = [];
  const listening = onNotification(
    connection,
    rescoreProgress,
    ({ task, summary }) => task === "two" && told.push(summary),
  );
  assert.equal((await rescore("one")).summary.changed, 0);
  fs.writeFileSync(path.join(dir, "end.ts"), endSource(-2));
  const { summary } = await rescore("two");
  listening.dispose();
  const segments = (await allCompletions()).filter(({ parsed }) => parsed.segment !== undefined);
  assert.deepEqual([summary.rollouts, summary.changed, summary.errors], [24, segments.length, 0]);
  assert.ok((summary.after?.mean ?? 0) < 0 && (summary.before?.mean ?? 0) > 0);
  assert.ok(told.length > 0 && told[0]?.reward === "end");
  const before = fs.readFileSync(path.join(runDir, "rollouts", "step-000001.jsonl"), "utf8");
  const { file } = await sendRequest(connection, acceptRescore, { runDir, version: summary.version });
  assert.equal(file, path.join(runDir, "scores", `${summary.version}.jsonl`));
  assert.equal(fs.readFileSync(path.join(runDir, "rollouts", "step-000001.jsonl"), "utf8"), before);
  await assert.rejects(sendRequest(connection, acceptRescore, { runDir, version: "other" }), (error) =>
    UserError.is(error, "not-found"),
  );
  fs.writeFileSync(path.join(dir, "end.ts"), endSource(1));
});

test("re-scoring is cancelled when nobody wants it any more", async () => {
  fs.writeFileSync(
    path.join(dir, "slow.py"),
    "import time\ndef slow(completions, **k):\n    time.sleep(60)\n    return []\n",
  );
  const spec = {
    file: "slow.py",
    function: "slow",
    weight: 1,
    timeoutMs: 60_000,
    memoryMb: 512,
    onError: "zero",
  } as const;
  const source = new CancellationTokenSource();
  const params = { task: "x", runDir, reward: { kind: "spec", spec } as const, firstSteps: [] };
  const rescoring = sendRequest(connection, rescoreRollouts, params, source.token);
  setTimeout(() => source.cancel(), 500);
  await assert.rejects(rescoring, (error) => UserError.is(error, "cancelled"));
});

test("coverage says which rollouts of a sample take a line, and what is returned", async () => {
  const { coverage } = await sendRequest(connection, coverReward, { runDir, reward: named("end"), sample: 12 });
  const byId = new Map((await allCompletions()).map((completion) => [completion.id, completion]));
  assert.ok(coverage.ids.length >= 12);
  const lines = coverage.files.find(({ file }) => file === path.join(dir, "end.ts"))?.lines ?? [];
  const returning = lines.find(({ line }) => line === 5) ?? assert.fail("line 5 is not covered");
  const withSegment = coverage.ids.filter((id) => byId.get(id)?.parsed.segment !== undefined);
  assert.deepEqual(
    returning.taken.map((i) => coverage.ids[i]),
    withSegment,
  );
  const value = coverage.ranges.find(({ name }) => name === "value");
  const values = coverage.ids.map((id) => valueOf(byId.get(id) ?? assert.fail(id), "end") ?? NaN);
  assert.deepEqual([value?.min, value?.max, value?.count], [Math.min(...values), Math.max(...values), values.length]);
  const ends = coverage.ranges.find(({ name }) => name === "end");
  assert.equal(ends?.count, withSegment.length);
  const python = await sendRequest(connection, coverReward, { runDir, reward: named("size"), sample: 3 });
  assert.equal(python.coverage.files[0]?.lines[0]?.line, 2);
});

test("the debugger gets a program that calls a reward on exactly the recorded input", async () => {
  const replayed = async ({ language, program, args, python }: ReplayProgram): Promise<string> => {
    const command = language === "python" ? (python ?? "python3") : process.execPath;
    return (await run(command, [program, ...args], { cwd: dir })).stdout;
  };
  const completion = (await allCompletions()).find(({ parsed }) => parsed.segment !== undefined) ?? assert.fail();
  const ids = [completion.id];
  const end = await sendRequest(connection, prepareReplay, { runDir, reward: named("end"), ids });
  assert.deepEqual([end.language, end.rewardFile, end.function], ["javascript", path.join(dir, "end.ts"), "end"]);
  assert.equal(
    await replayed(end),
    `${completion.id}: ${JSON.stringify({ value: valueOf(completion, "end"), parts: { end: completion.parsed.segment?.endSec } })}\n`,
  );
  const size = await sendRequest(connection, prepareReplay, { runDir, reward: named("size"), ids });
  const [step = "", index = ""] = completion.id.split("/");
  const group = (await groupsOf(Number(step))).find((one) => one.group === Number(index)) ?? assert.fail();
  const expected = group.completions.map(({ id, text }) => `${id}: {"value": ${text.length / 100}}\n`).join("");
  assert.equal(await replayed(size), expected, "a function that takes batches gets the whole group");
  await assert.rejects(sendRequest(connection, prepareReplay, { runDir, reward: named("tiou"), ids }), (error) =>
    UserError.is(error, "unsupported"),
  );
  await assert.rejects(
    sendRequest(connection, prepareReplay, { runDir, reward: named("end"), ids: ["99/0/0"] }),
    (error) => UserError.is(error, "not-found"),
  );
});

test("an edited completion gets rewards and advantages of its group as a run would have given them", async () => {
  const [group = assert.fail("no group")] = await groupsOf(1);
  const { completions } = group;
  const score = async (texts: (string | null)[]) =>
    (await sendRequest(connection, scoreEdited, { runDir, step: 1, group: group.group, texts })).completions;
  const same = await score(completions.map(() => null));
  completions.forEach((completion, k) => {
    assert.ok(Math.abs((same[k]?.reward ?? NaN) - (completion.reward ?? NaN)) < 1e-9);
    assert.ok(Math.abs((same[k]?.advantage ?? NaN) - completion.advantage) < 1e-6);
  });
  const edited = await score(["<answer>1 to 5</answer>", null, null]);
  assert.equal(edited[0]?.rewards.find(({ name }) => name === "tiou")?.value, 1, "the truth is 1 to 5");
  assert.equal(edited[0]?.rewards.find(({ name }) => name === "end")?.value, 5 / 8);
  assert.ok((edited[0]?.advantage ?? 0) > 0);
});

test("a pinned rollout is a case that passes, and fails when the reward changes", async () => {
  const completion = (await allCompletions()).find(({ parsed }) => parsed.segment !== undefined) ?? assert.fail();
  const casesFile = path.join(dir, "tests", "rewards.cases.jsonl");
  fs.mkdirSync(path.dirname(casesFile));
  const pin = (id: string) => sendRequest(connection, makeCase, { runDir, id, reward: "end", casesFile });
  const unparsed = (await allCompletions()).find(({ parsed }) => parsed.segment === undefined) ?? assert.fail();
  const lines = [await pin(completion.id), await pin(unparsed.id)];
  fs.writeFileSync(casesFile, lines.map(({ line }) => `${line}\n`).join(""));
  const { cases, problems } = parseCases(fs.readFileSync(casesFile, "utf8"));
  assert.deepEqual([cases.length, problems], [2, []]);
  assert.deepEqual(cases[0]?.case.reward, {
    file: "../end.ts",
    function: "end",
    weight: 0.5,
    timeoutMs: 1000,
    memoryMb: 1024,
    onError: "zero",
  });
  assert.equal(cases[1]?.case.expect.reason, "no segment");
  const told: string[] = [];
  const listening = onNotification(connection, caseFinished, ({ outcome }) => told.push(outcome.name));
  const runAll = async (which: number[] | null) =>
    (await sendRequest(connection, runRewardCases, { task: "t", file: casesFile, lines: which })).outcomes;
  assert.deepEqual(
    (await runAll(null)).map(({ passed }) => passed),
    [true, true],
  );
  assert.deepEqual(
    told,
    cases.map(({ case: one }) => one.name),
  );
  listening.dispose();
  fs.writeFileSync(path.join(dir, "end.ts"), endSource(3));
  const [failed, ...others] = await runAll([0]);
  assert.deepEqual([failed?.passed, others], [false, []]);
  fs.writeFileSync(path.join(dir, "end.ts"), endSource(1));
  const replay = await sendRequest(connection, prepareCaseReplay, { file: casesFile, line: 0 });
  assert.equal(replay.rewardFile, path.join(dir, "end.ts"));
});

test("rollouts are found by their columns, places, texts and tokens", async () => {
  const { file, steps } = await sendRequest(connection, openIndex, { runDir });
  assert.equal(steps, 4);
  const blocks = decodeIndex(fs.readFileSync(file));
  assert.deepEqual(
    blocks.map(({ header }) => header.step),
    [1, 2, 3, 4],
  );
  assert.deepEqual(blocks[0]?.header.columns.slice(6), ["reward/end", "reward/size", "reward/tiou"]);
  const places = [
    { step: 2, group: 1 },
    { step: 9, group: 0 },
    { step: 1, group: 0 },
  ];
  const { groups } = await sendRequest(connection, readGroups, { runDir, places });
  assert.deepEqual(
    groups.map(({ step, group }) => `${step}/${group}`),
    ["2/1", "1/0"],
  );

  const found: string[] = [];
  const listening = onNotification(connection, searchFound, ({ ids }) => found.push(...ids));
  const search = (pattern: string, isRegex: boolean) =>
    sendRequest(connection, searchRollouts, { task: "s", runDir, pattern, isRegex, isCaseSensitive: false });
  const result = await search("NO IDEA", false);
  const expected = (await allCompletions()).filter(({ text }) => text.includes("no idea")).map(({ id }) => id);
  assert.deepEqual([result, [...found].sort()], [{ found: expected.length, searched: 24 }, expected.sort()]);
  assert.equal((await search("look at [01]", true)).found, 16);
  await assert.rejects(search("look at [", true), (error) => UserError.is(error, "unsupported"));
  listening.dispose();

  await assert.rejects(
    sendRequest(connection, readTokenTexts, { runDir, step: 1, group: 0, completion: 0 }),
    (error) => UserError.is(error, "bad-checkpoint"),
    "the policy of this workspace has no tokenizer",
  );
});

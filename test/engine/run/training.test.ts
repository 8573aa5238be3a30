import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { isFailedGroup } from "../../../src/protocol/records.ts";
import type { GroupRecord, RolloutLine, RunState } from "../../../src/protocol/records.ts";
import type { RunSpecInput } from "../../../src/protocol/spec.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { readEvaluations, readMetrics, readRunDetails } from "../../../src/engine/store/readRun.ts";
import { openRollouts, readTokens } from "../../../src/engine/store/rollouts.ts";
import { BanditBackend } from "./banditBackend.ts";
import { makeSpec, makeWorkspace, resumeRun, startRun } from "./fixtures.ts";
import type { RunOptions, Workspace } from "./fixtures.ts";

const workspaces: Workspace[] = [];
let shared: Workspace;
before(() => (shared = newWorkspace()));
after(() => workspaces.forEach(({ dir }) => fs.rmSync(dir, { recursive: true, force: true })));

test("GRPO learns: the reward of training and the scores of held-out examples rise", async () => {
  const { result } = await run({
    grpo: { ...grpo, steps: 40, promptsPerStep: 4, groupSize: 8 },
    checkpoints: { everySteps: 0 },
  });
  assert.equal(result.steps, 40);
  assert.ok((result.reward.first ?? 1) < 0.7 && (result.reward.last ?? 0) > 1.3, JSON.stringify(result.reward));
  const mIoU = (scores: typeof result.evaluation.before) => scores?.["grounding/mIoU"]?.value ?? NaN;
  assert.ok(mIoU(result.evaluation.before) < 0.3, "before");
  assert.ok(mIoU(result.evaluation.after) > 0.9, "after");
  assert.equal(result.evaluation.baselines?.["full-video"]?.["grounding/mIoU"]?.value, 0.4);
});

test("SFT teaches the targets", async () => {
  const backend = new BanditBackend();
  const sft = { steps: 20, promptsPerStep: 4, learningRate: 0.5 };
  const { result, runDir } = await run({ method: "sft", sft, checkpoints: { everySteps: 5 } }, { backend });
  assert.equal(result.evaluation.after?.["grounding/mIoU"]?.value, 1);
  assert.deepEqual(result.reward, { first: null, last: null });
  const metrics = await readMetrics(runDir);
  assert.deepEqual(Object.keys(metrics[0]?.metrics ?? {}).sort(), [
    "failed_prompts",
    "grad_norm",
    "learning_rate",
    "loss",
    "num_tokens",
  ]);
  assert.ok((metrics.at(-1)?.metrics["loss"] ?? 1) < (metrics[0]?.metrics["loss"] ?? 0) / 4);
  assert.deepEqual((await readRunDetails(runDir)).rolloutSteps, []);
  assert.ok(backend.calls.every((call) => !call.startsWith("update ")));
});

test("metrics have TRL's keys and are those of the rollouts that are recorded", async () => {
  const { runDir } = await run({});
  const metrics = (await readMetrics(runDir))[1]?.metrics ?? {};
  assert.deepEqual(Object.keys(metrics).sort(), expectedKeys);
  const rollouts = openRollouts(runDir);
  const groups = (await rollouts.readStep(2)).flatMap((line) => (isFailedGroup(line) ? [] : [line]));
  const completions = groups.flatMap((group) => group.completions);
  assert.deepEqual([groups.length, completions.length], [3, 12]);
  const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  const near = (key: string, expected: number) =>
    assert.ok(Math.abs((metrics[key] ?? NaN) - expected) < 1e-12, `${key}: ${metrics[key]}, expected ${expected}`);
  near("reward", mean(completions.map((c) => c.reward ?? NaN)));
  near("reward_std", mean(groups.map((g) => g.rewardStd)));
  near("frac_reward_zero_std", mean(groups.map((g) => (g.rewardStd === 0 ? 1 : 0))));
  near("completions/mean_length", mean(completions.map((c) => c.tokenCount ?? NaN)));
  near("completions/clipped_ratio", mean(completions.map((c) => (c.finishReason === "length" ? 1 : 0))));
  near("rewards/format/mean", mean(completions.map((c) => c.rewards[0]?.value ?? NaN)));
  const grounding = groups.filter((g) => g.datasetId === "grounding");
  near("grounding/reward", mean(grounding.flatMap((g) => g.completions).map((c) => c.reward ?? NaN)));
  for (const group of groups) {
    assert.ok(Math.abs(mean(group.completions.map((c) => c.advantage))) < 1e-9);
    group.completions.forEach((c, k) => assert.equal(c.id, `2/${group.group}/${k}`));
    assert.ok(group.completions.every((c) => typeof c.meanKl === "number" && (c.meanEntropy ?? 0) > 0));
  }
  const tokens = await readTokens(runDir, 2);
  assert.deepEqual(
    tokens.map((t) => [t.id, t.tokens_T.length]),
    completions.map((c) => [c.id, c.tokenCount]),
  );
  const first = (await readMetrics(runDir))[0]?.metrics["num_tokens"] ?? NaN;
  const tokensOf = ({ promptTokens, completions }: GroupRecord) =>
    completions.map((c) => (promptTokens ?? NaN) + (c.tokenCount ?? NaN)).reduce((sum, count) => sum + count, 0);
  near("num_tokens", first + groups.map(tokensOf).reduce((sum, count) => sum + count, 0));
});

test("several iterations update on the same rollouts", async () => {
  const backend = new BanditBackend();
  await run({ grpo: { ...grpo, steps: 2, numIterations: 3 }, evaluate: { data: [] } }, { backend });
  const step = ["sample 3x4", "update 3", "update 3", "update 3"];
  assert.deepEqual(backend.calls, ["open model", ...step, ...step, "save step-000002.partial"]);
});

test("completions that were cut are left out of the loss, not out of the records", async () => {
  const seen: boolean[] = [];
  const backend = new BanditBackend();
  const update = backend.update.bind(backend);
  backend.update = (params) => {
    seen.push(...params.groups.flatMap((group) => group.isMasked_G ?? []));
    // Masked is not dropped: such a completion keeps its advantage and counts in the mean.
    assert.ok(params.groups.every((group) => group.advantages_G.every((advantage) => advantage !== null)));
    return update(params);
  };
  const { runDir } = await run({ grpo: { ...grpo, steps: 3, maskTruncatedCompletions: true } }, { backend });
  const recorded: boolean[] = [];
  for (const step of [1, 2, 3]) {
    for (const line of await openRollouts(runDir).readStep(step)) {
      if (!isFailedGroup(line)) recorded.push(...line.completions.map((c) => c.finishReason === "length"));
    }
  }
  assert.ok(recorded.includes(true));
  assert.deepEqual(seen, recorded);
});

test("a group whose rewards are all equal has advantages of 0 and is counted", async () => {
  const backend = new BanditBackend();
  const advantages: (number | null)[] = [];
  const update = backend.update.bind(backend);
  backend.update = (params) => {
    advantages.push(...params.groups.flatMap((group) => group.advantages_G));
    return update(params);
  };
  // No reward of this specification knows the task of the only dataset: every completion gets 0.
  const data = [
    { id: "choice", task: "multiple-choice", format: "multiple-choice", path: "choice.json", videos: "videos" },
  ] as const;
  const { runDir } = await run(
    { data: [...data], rewards: [{ name: "tiou" }], grpo: { ...grpo, steps: 2 } },
    { backend },
  );
  assert.deepEqual(new Set(advantages), new Set([0]));
  const metrics = (await readMetrics(runDir))[0]?.metrics ?? {};
  assert.deepEqual([metrics["frac_reward_zero_std"], metrics["reward"], metrics["loss"]], [1, 0, 0]);
});

test("a missing video is recorded, and the step goes on with the other prompts", async () => {
  const workspace = newWorkspace({ grpo: { ...grpo, steps: 4 } });
  fs.rmSync(path.join(workspace.dir, "videos", "a.mp4"));
  const { runDir, log } = await run({}, {}, workspace);
  const failed: RolloutLine[] = [];
  for (const step of await openRollouts(runDir).steps()) {
    const lines = await openRollouts(runDir).readStep(step);
    assert.deepEqual(
      lines.map((line) => line.group),
      [0, 1, 2],
    );
    failed.push(...lines.filter(isFailedGroup));
    const metrics = (await readMetrics(runDir))[step - 1]?.metrics;
    assert.equal(metrics?.["failed_prompts"], lines.filter(isFailedGroup).length);
  }
  assert.ok(failed.length > 0 && failed.every((line) => /^a_0$/.test(line.exampleId)));
  assert.ok(failed.every((line) => isFailedGroup(line) && line.failure.code === "bad-video"));
  assert.match(log, /step \d: (grounding|choice)\/a_0 was skipped: .*there is no video a$/m);
  const evaluation = (await readEvaluations(runDir, [0]))[0];
  assert.deepEqual(
    evaluation?.examples.map((e) => [e.exampleId, e.failure?.code]),
    [
      ["a_0", "bad-video"],
      ["d_0", undefined],
    ],
  );
  assert.equal(evaluation?.scores["grounding/mIoU"]?.n, 2);
});

test("a step with no prompt left is recorded and has no update", async () => {
  const workspace = newWorkspace({ grpo: { ...grpo, steps: 2 }, evaluate: { data: [] } });
  fs.rmSync(path.join(workspace.dir, "videos"), { recursive: true });
  const backend = new BanditBackend();
  const { runDir, result } = await run({}, { backend }, workspace);
  assert.equal(result.steps, 2);
  assert.ok(!backend.calls.some((call) => call.startsWith("update")));
  const metrics = (await readMetrics(runDir)).map((record) => record.metrics);
  assert.deepEqual(metrics[1], { failed_prompts: 3, learning_rate: 0.3, num_tokens: 0 });
  assert.ok((await openRollouts(runDir).readStep(2)).every(isFailedGroup));
});

test('with "onBadVideo": "fail" a missing video ends the run, and its record says so', async () => {
  const workspace = newWorkspace({ video: { onBadVideo: "fail" }, evaluate: { data: [] } });
  fs.rmSync(path.join(workspace.dir, "videos"), { recursive: true });
  const runDir = path.join(workspace.dir, "runs", "fails");
  await assert.rejects(startRun(workspace, runDir), (error) => UserError.is(error, "bad-video"));
  const { state, alive } = await readRunDetails(runDir);
  assert.deepEqual([state.status, state.error?.code, alive], ["failed", "bad-video", false]);
  assert.ok((await openRollouts(runDir).readStep(1)).every(isFailedGroup));
  fs.mkdirSync(path.join(workspace.dir, "videos"));
  for (const name of ["a", "b", "c", "d"]) fs.writeFileSync(path.join(workspace.dir, "videos", `${name}.mp4`), "");
  assert.equal((await resumeRun(workspace, runDir)).steps, 5, "after the video is back, the run goes on");
});

test("what listeners hear is what is on the disk", async () => {
  const heard: string[] = [];
  const groups: RolloutLine[] = [];
  let last: RunState | null = null;
  const { runDir } = await run(
    { grpo: { ...grpo, steps: 2 } },
    {
      events: {
        stateChanged: ({ state }) => void (last = state),
        progress: ({ phase, step, steps, done, total }) =>
          void heard.push(`${phase} ${step}/${steps} ${done}/${total}`),
        groupsWritten: (params) => void (groups.push(...params.groups), heard.push(`groups ${params.step}`)),
        stepFinished: ({ metrics, timings }) => void heard.push(`step ${metrics.step} ${timings.step}`),
        evaluationWritten: ({ step }) => void heard.push(`evaluation ${step}`),
      },
    },
  );
  const step = (n: number) => [
    `sampling ${n - 1}/2 0/3`,
    `scoring ${n - 1}/2 0/3`,
    `updating ${n - 1}/2 0/1`,
    `groups ${n}`,
    `step ${n} ${n}`,
  ];
  assert.deepEqual(heard, [
    "evaluating 0/2 0/2",
    "evaluating 0/2 2/2",
    "evaluation 0",
    ...step(1),
    ...step(2),
    "saving 2/2 0/1",
    "evaluating 2/2 0/2",
    "evaluating 2/2 2/2",
    "evaluation 2",
  ]);
  assert.deepEqual(groups, [...(await openRollouts(runDir).readStep(1)), ...(await openRollouts(runDir).readStep(2))]);
  const { state } = await readRunDetails(runDir);
  assert.deepEqual({ ...state, updatedAt: "" }, JSON.parse(JSON.stringify({ ...(last ?? {}), updatedAt: "" })));
});

const grpo = { steps: 5, promptsPerStep: 3, groupSize: 4, learningRate: 0.3, seed: 7 } as const;

const expectedKeys = [
  "choice/reward",
  "completions/clipped_ratio",
  "completions/max_length",
  "completions/max_terminated_length",
  "completions/mean_length",
  "completions/mean_terminated_length",
  "completions/min_length",
  "completions/min_terminated_length",
  "failed_prompts",
  "frac_reward_zero_std",
  "grad_norm",
  "grounding/reward",
  "kl",
  "learning_rate",
  "loss",
  "num_tokens",
  "reward",
  "reward_std",
  "rewards/accuracy/mean",
  "rewards/accuracy/std",
  "rewards/format/mean",
  "rewards/format/std",
  "rewards/tiou/mean",
  "rewards/tiou/std",
];

function newWorkspace(change: Partial<RunSpecInput> = {}): Workspace {
  const workspace = makeWorkspace(change);
  workspaces.push(workspace);
  return workspace;
}

let runs = 0;
async function run(change: Partial<RunSpecInput>, options: RunOptions = {}, workspace?: Workspace) {
  const own = workspace ?? { dir: shared.dir, spec: makeSpec(change) };
  const runDir = path.join(own.dir, "runs", `run-${++runs}`);
  const result = await startRun(own, runDir, options);
  return { result, runDir, log: fs.readFileSync(path.join(runDir, "log.txt"), { encoding: "utf8", flag: "a+" }) };
}

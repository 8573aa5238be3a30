import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { createEmbeddedBackend } from "../../../src/engine/embedded/embeddedBackend.ts";
import { readCheckpoint } from "../../../src/engine/policy/checkpoint.ts";
import type { Backend, SampledGroup, SampleParams, UpdateResult } from "../../../src/engine/run/backend.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import type { RunSpec, RunSpecInput } from "../../../src/protocol/spec.ts";
import { checkpointDir } from "../policy/tinyPolicy.ts";
import { cpuOnly, different, filesIn, makeRealWorkspace, realSpec, type RealWorkspace } from "./realRun.ts";

let workspace: RealWorkspace;
before(async () => {
  workspace = await makeRealWorkspace();
});
after(() => fs.rmSync(workspace.dir, { recursive: true, force: true }));

const adapted = { model: "policy", dtype: "float32", lora: { rank: 4, alpha: 8 } } as const;
const trainings: Readonly<Record<string, RunSpecInput["policy"]>> = {
  // Written rounded; what an exact resume needs stands beside it.
  "full, in bfloat16": { model: "policy", training: "full", dtype: "bfloat16" },
  "full but the vision tower": { model: "policy", training: "full", freezeVision: true, dtype: "float32" },
  LoRA: adapted,
};

for (const [name, policy] of Object.entries(trainings)) {
  test(`a step after a checkpoint is the same in the process that goes on and in one that opens it: ${name}`, async () => {
    const spec = realSpec({ policy });
    const dir = path.join(workspace.dir, name);
    const steady = await openBackend(spec, null);
    await step(steady, 1);
    await steady.save({ dir });
    const onward = [await step(steady, 2), await step(steady, 3)];
    await steady.save({ dir: `${dir}-onward` });
    await steady.close();

    const resumed = await openBackend(spec, dir);
    assert.deepEqual([await step(resumed, 2), await step(resumed, 3)], onward);
    await resumed.save({ dir: `${dir}-resumed` });
    await resumed.close();
    const [a, b] = [filesIn(`${dir}-onward`), filesIn(`${dir}-resumed`)];
    assert.deepEqual(different(a, b), []);
    assert.notDeepEqual(different(a, filesIn(dir)), [], "the weights have moved");
    assert.ok((onward[0]?.update.metrics["kl"] ?? 0) > 0, "away from the reference, which stays the spec's model");
  });
}

test("the first update is on-policy: no KL, ratios of one, a loss that is minus the mean advantage", async () => {
  for (const policy of [trainings["full, in bfloat16"], adapted]) {
    const backend = await openBackend(realSpec({ policy, grpo: { temperature: 0.8 } }), null);
    const groups = await sampleAll(backend, { temperature: 0.8 });
    assert.equal(groups.length, 2);
    const update = await backend.update({ iteration: 0, learningRate: 1e-4, groups: advantagesOf(groups) });
    assert.ok(Math.abs(update.metrics["kl"] ?? NaN) < 1e-6, `kl ${update.metrics["kl"]}`);
    assert.equal(update.metrics["clip_ratio/region_mean"], 0);
    assert.ok(Math.abs(update.loss) < 1e-4, "advantages of a group add up to nothing");
    const sampled = groups.flatMap((group) => group.completions.flatMap((c) => [...c.entropies_T]));
    const mean = sampled.reduce((a, b) => a + b, 0) / sampled.length;
    assert.ok(Math.abs((update.metrics["entropy"] ?? NaN) - mean) < 1e-4);
    // TRL's num_iterations: the same rollouts again, now off-policy.
    const again = await backend.update({ iteration: 1, learningRate: 1e-4, groups: advantagesOf(groups) });
    assert.ok((again.metrics["kl"] ?? 0) > 1e-6 && again.loss < -1e-3, JSON.stringify(again.metrics));
    await backend.close();
  }
});

for (const [name, unit] of [
  ["qwen2-vl", 28],
  ["qwen3-vl", 32],
] as const) {
  test(`${name}: clips in units of ${unit} pixels, a step on them, and a checkpoint that is read again`, async () => {
    const policy = { model: checkpointDir(`policy/${name}`), training: "full", dtype: "float32" } as const;
    const backend = await openBackend(realSpec({ policy }), null);
    const groups = await sampleAll(backend, {});
    for (const { video } of groups) {
      assert.deepEqual([video.widthPx % unit, video.heightPx % unit], [0, 0]);
      const frames = video.frameIndices.length;
      assert.equal(video.visualTokens, ((frames / 2) * video.widthPx * video.heightPx) / unit ** 2);
    }
    const update = await backend.update({ iteration: 0, learningRate: 1e-4, groups: advantagesOf(groups) });
    assert.ok(update.gradNorm > 0);
    const dir = path.join(workspace.dir, name);
    await backend.save({ dir });
    await backend.close();
    assert.equal((await readCheckpoint(dir)).config.architecture.modelType, name.replace("-", "_"));
  });
}

test("a video that cannot be read fails its own prompt, in sampling, evaluation and SFT", async () => {
  const backend = await openBackend(realSpec(), null);
  const { first, broken } = workspace.videos;
  const missing = path.join(workspace.dir, "videos", "missing.mp4");
  const prompts = [broken, first, missing].map((videoPath, i) => ({ key: `${i}`, text: "When?", videoPath, seed: i }));
  const params = sampleParams(prompts);
  for (const forTraining of [false, true]) {
    const groups = await backend.sample({ ...params, forTraining });
    assert.deepEqual(
      groups.map((group) => (group.ok ? group.completions.length : group.failure.code)),
      ["bad-video", 3, "bad-video"],
    );
    const [alone] = await backend.sample({ ...params, prompts: prompts.slice(1, 2), forTraining });
    assert.deepEqual(withoutTimes(groups[1]), withoutTimes(alone), "its neighbours change nothing");
  }
  const advantages_G = [1, -1, 0];
  await backend.update({ iteration: 0, learningRate: 0.001, groups: [{ key: "1", advantages_G }] });
  await assert.rejects(
    backend.update({ iteration: 0, learningRate: 0.001, groups: [{ key: "0", advantages_G }] }),
    /no rollouts of 0 to update on/,
  );
  const targets = prompts.map(({ key, text, videoPath }) => ({ key, text, videoPath, target: "1.0 to 2.0" }));
  const taught = await backend.updateOnTargets({ learningRate: 0.01, targets });
  assert.deepEqual(
    taught.failures.map(({ key, failure }) => [key, failure.code]),
    [
      ["0", "bad-video"],
      ["2", "bad-video"],
    ],
  );
  assert.ok(taught.tokens > 1 && Number.isFinite(taught.loss) && taught.gradNorm > 0);
  const none = await backend.updateOnTargets({ learningRate: 0.01, targets: targets.slice(0, 1) });
  assert.deepEqual([none.loss, none.gradNorm, none.tokens, none.failures.length], [0, 0, 0, 1]);
  // Cut off, a target would teach to end in the middle.
  const long = targets.slice(1, 2).map((target) => ({ ...target, target: "1.0 to 2.0 ".repeat(200) }));
  const refused = await backend.updateOnTargets({ learningRate: 0.01, targets: long });
  assert.deepEqual([refused.tokens, refused.failures[0]?.failure.code], [0, "bad-data"]);
  assert.match(refused.failures[0]?.failure.message ?? "", /target has \d+ tokens.*sft\.maxCompletionLength is \d+/);
  await backend.close();
});

test("an evaluation sees a vision tower that training has changed, as one that opens the checkpoint does", async () => {
  const spec = realSpec({ policy: { model: "policy", training: "full", dtype: "float32" } });
  const dir = path.join(workspace.dir, "moved-vision");
  const evaluate = async (backend: Backend) => {
    const groups = await backend.sample({ ...sampleParams([promptOf(9, "first", 9)]), forTraining: false });
    return groups.flatMap((group) => (group.ok ? group.completions.map((c) => [...c.logprobs_T]) : []));
  };
  const steady = await openBackend(spec, null);
  const atFirst = await evaluate(steady);
  assert.deepEqual(await evaluate(steady), atFirst, "from the embeddings that were kept");
  await step(steady, 1);
  const moved = await evaluate(steady);
  await steady.save({ dir });
  await steady.close();
  const opened = await openBackend(spec, dir);
  assert.deepEqual(await evaluate(opened), moved);
  assert.notDeepEqual(moved, atFirst);
  await opened.close();
});

test("an evaluation between sampling and update takes nothing away", async () => {
  const backend = await openBackend(realSpec(), null);
  const groups = await sampleAll(backend);
  await backend.sample({ ...sampleParams([promptOf(9, "first", 9)]), forTraining: false });
  const update = await backend.update({ iteration: 0, learningRate: 0.001, groups: advantagesOf(groups) });
  assert.ok(update.gradNorm > 0);
  await backend.close();
});

test("an update that is not finite changes nothing, and the next one is as if it had not been", async () => {
  const dir = path.join(workspace.dir, "finite");
  const backend = await openBackend(realSpec(), null);
  const groups = await sampleAll(backend);
  const wild = groups.map(({ key }) => ({ key, advantages_G: [Infinity, -1, 0] }));
  const bad = await backend.update({ iteration: 0, learningRate: 0.001, groups: wild });
  assert.ok(!Number.isFinite(bad.loss) && !Number.isFinite(bad.gradNorm));
  await backend.save({ dir });
  const [before, now] = await Promise.all([readCheckpoint(path.join(workspace.dir, "policy")), readCheckpoint(dir)]);
  assert.deepEqual(now.weights, before.weights);
  const good = await backend.update({ iteration: 0, learningRate: 0.001, groups: advantagesOf(groups) });
  await backend.close();

  const other = await openBackend(realSpec(), null);
  const same = await other.update({ iteration: 0, learningRate: 0.001, groups: advantagesOf(await sampleAll(other)) });
  assert.deepEqual(good, same);
  await other.close();
});

test("masked completions have no weight in the loss", async () => {
  const backend = await openBackend(realSpec({ grpo: { maxCompletionLength: 4 } }), null);
  const groups = await sampleAll(backend, { maxCompletionLength: 4 });
  assert.ok(groups.every((group) => group.completions.every((c) => c.finishReason === "length")));
  const masked = advantagesOf(groups).map((group) => ({ ...group, isMasked_G: group.advantages_G.map(() => true) }));
  const update = await backend.update({ iteration: 0, learningRate: 0.001, groups: masked });
  assert.deepEqual([update.loss, update.gradNorm], [0, 0]);
  await backend.close();
});

test("SFT teaches a target, and goes on the same from a checkpoint", async () => {
  const spec = realSpec({ method: "sft", sft: { learningRate: 0.02, maxCompletionLength: 32 } });
  const dir = path.join(workspace.dir, "taught");
  const teach = (backend: Backend) =>
    backend.updateOnTargets({
      learningRate: 0.02,
      targets: ["first", "second"].map((video, i) => ({ ...promptOf(i, video, 0), target: "1.5 to 2.0" })),
    });
  const backend = await openBackend(spec, null);
  const first = await teach(backend);
  for (let i = 0; i < 30; i++) await teach(backend);
  await backend.save({ dir });
  const last = await teach(backend);
  assert.ok(last.loss < first.loss / 10, `loss ${first.loss} at first, ${last.loss} at last`);
  const greedy = { temperature: 0, topP: 1, topK: 0, maxCompletionLength: 32 };
  const answered = await backend.sample({ ...sampleParams([promptOf(0, "first", 1)]), sampling: greedy });
  assert.ok(answered[0]?.ok);
  const [completion] = answered[0].completions;
  assert.deepEqual([completion?.text, completion?.finishReason], ["1.5 to 2.0", "eos"]);
  await backend.close();
  const resumed = await openBackend(spec, dir);
  assert.deepEqual(await teach(resumed), last);
  await resumed.close();
});

test("what the backend tells of itself", async () => {
  const full = createEmbeddedBackend(cpuOnly);
  const info = await full.open(openParams(realSpec(), null));
  assert.deepEqual([info.provider, info.trainableParameters], ["cpu", info.parameters]);
  assert.match(info.policyHash, /^[0-9a-f]{64}$/);
  assert.ok(info.onnxruntime !== "" && info.ffmpeg !== "");
  await full.close();
  await full.close();
  await assert.rejects(full.sample(sampleParams([])), /the backend is not open/);
  const lora = createEmbeddedBackend(cpuOnly);
  const small = await lora.open(openParams(realSpec({ policy: adapted }), null));
  assert.equal(small.parameters, info.parameters);
  // q, k, v and o of two layers: rank * (in + out).
  assert.equal(small.trainableParameters, 2 * 4 * (32 + 32 + 32 + 8 + 32 + 8 + 32 + 32));
  await lora.close();
});

test("a device that is named and cannot be had ends the opening, before weights are read", async () => {
  for (const device of ["cuda", "webgpu"] as const) {
    const backend = createEmbeddedBackend(cpuOnly);
    const spec = realSpec({ policy: { ...adapted, device, model: "absent" } });
    await assert.rejects(backend.open(openParams(spec, null)), (error) => {
      assert.ok(UserError.is(error, "unsupported"));
      assert.match(error.message, new RegExp(`cannot be computed on ${device} here: no test has ${device}`));
      return true;
    });
  }
  const backend = createEmbeddedBackend(cpuOnly);
  const info = await backend.open(openParams(realSpec({ policy: { ...adapted, device: "auto" } }), null));
  assert.equal(info.provider, "cpu", "what is recorded is what was used");
  await backend.close();
});

interface StepResult {
  readonly groups: readonly SampledGroup[];
  readonly update: UpdateResult;
}

async function step(backend: Backend, number: number): Promise<StepResult> {
  const groups = await sampleAll(backend, {}, number);
  return { groups, update: await backend.update({ iteration: 0, learningRate: 0.001, groups: advantagesOf(groups) }) };
}

type GoodGroup = Extract<SampledGroup, { ok: true }>;

async function sampleAll(
  backend: Backend,
  sampling: Partial<SampleParams["sampling"]> = {},
  number = 1,
): Promise<GoodGroup[]> {
  const params = sampleParams([promptOf(0, "first", 10 * number), promptOf(1, "second", 10 * number + 1)]);
  const groups = await backend.sample({ ...params, sampling: { ...params.sampling, ...sampling } });
  return groups.map((group) => (group.ok ? withoutTimes(group) : assert.fail(group.failure.message)));
}

/** What is the same each time. */
function withoutTimes(group: SampledGroup | undefined): GoodGroup {
  assert.ok(group?.ok);
  const { decodeSec, ...same } = group;
  assert.ok(decodeSec !== undefined && decodeSec >= 0);
  return same;
}

function promptOf(number: number, video: string, seed: number) {
  const videoPath = path.join(workspace.dir, "videos", `${video}.mp4`);
  return { key: `${number}`, text: `When does ${video} move?`, videoPath, seed };
}

function sampleParams(prompts: SampleParams["prompts"]): SampleParams {
  const sampling = { temperature: 1, topP: 1, topK: 0, maxCompletionLength: 12 };
  return { prompts, groupSize: 3, sampling, forTraining: true };
}

/** Three completions whose advantages add up to nothing. */
function advantagesOf(groups: readonly SampledGroup[]) {
  return groups.map(({ key }) => ({ key, advantages_G: [1, -0.25, -0.75] }));
}

function openParams(spec: RunSpec, checkpointDir: string | null) {
  const cacheDir = path.join(workspace.dir, "cache");
  return { spec, baseDir: workspace.dir, checkpointDir, cacheDir, ffmpegPath: null, threads: 1 };
}

async function openBackend(spec: RunSpec, checkpointDir: string | null): Promise<Backend> {
  const backend = createEmbeddedBackend(cpuOnly);
  await backend.open(openParams(spec, checkpointDir));
  return backend;
}

import type {
  Backend,
  BackendInfo,
  OpenBackend,
  PromptRequest,
  SampledGroup,
  SampleParams,
  SampleWatch,
  SftUpdateParams,
  SftUpdateResult,
  UpdateParams,
  UpdateResult,
} from "../run/backend.ts";
import { UserError, type ErrorData } from "../../protocol/errors.ts";
import type { SeenVideo } from "../../protocol/records.ts";
import { shownVideo, type ShownVideo } from "../../protocol/video.ts";
import { elementCount } from "../graph/types.ts";
import {
  accumulateGroup,
  referenceLogprobs,
  stepTotals,
  type GroupOutcome,
  type ScoredGroup,
} from "../grpo/grpoStep.ts";
import { completionMeans, updateMetrics } from "../grpo/updateMetrics.ts";
import { hashCheckpoint } from "../policy/checkpoint.ts";
import { preparePrompt, type PreparedPrompt } from "../policy/preparedPrompt.ts";
import { isVisionFixed, type Policy } from "../policy/policy.ts";
import { createVisualStore } from "../policy/visualStore.ts";
import { applyGradients, clearGradients, downloadState } from "../policy/trainer.ts";
import { computePromptKv, type PromptKv } from "../policy/promptKv.ts";
import { computeKvAfterShown, type ShownKv } from "../policy/shownKv.ts";
import { sampleGroups, type Completion, type GroupRequest } from "../rollout/sampler.ts";
import { chooseProvider, type ProviderTrials } from "../runtime/chooseProvider.ts";
import { onnxruntimeVersion } from "../runtime/session.ts";
import { accumulateTarget, type SftTarget } from "../sft/sftStep.ts";
import { createClipLoader, type ClipLoader } from "../video/clipLoader.ts";
import { locateFfmpeg } from "../video/ffmpeg.ts";
import { openPolicy, type OpenedPolicy } from "./openPolicy.ts";
import { pixelFactorOf } from "./pixelFactor.ts";
import { areEnded, cancelledGroup, progressTeller, type WatchedPrompt } from "./sampleProgress.ts";
import { savePolicy } from "./savePolicy.ts";

interface Opened extends OpenedPolicy {
  readonly params: OpenBackend;
  readonly clips: ClipLoader;
  readonly policyHash: string;
  /**
   * Visual embeddings of clips, for sampling that trains nothing: between two updates the vision tower stands still, even
   * where training changes it.
   */
  readonly visualsOfStep: Policy["visualCache"];
  /** For questions on one clip; between two updates, as above. */
  readonly shown: ShownKv;
}

/** What `update` needs of a group that `sample` drew. */
interface KeptGroup {
  readonly prompt: PreparedPrompt;
  readonly completions: readonly Completion[];
  refLogprobs_G_T: readonly Float32Array[] | null;
  /** The prompt's keys and values; null once the weights have changed. */
  kv: PromptKv | null;
}

/**
 * The policy on onnxruntime in this process.
 * @param trials what the machine has beside its CPU
 */
export function createEmbeddedBackend(trials: ProviderTrials): Backend {
  let opened: Opened | undefined;
  const kept = new Map<string, KeptGroup>();
  const state = (): Opened => {
    if (opened === undefined) throw new Error("internal: the backend is not open");
    return opened;
  };
  return {
    async open(params) {
      opened = await open(params, trials);
      return describe(opened);
    },
    async sample(params, watch = {}) {
      if (params.forTraining) kept.clear();
      return sample(state(), params, kept, watch);
    },
    update: (params) => update(state(), params, kept),
    updateOnTargets: (params) => updateOnTargets(state(), params),
    async save({ dir }) {
      await downloadState(state().policy, state().optimizer);
      await savePolicy(dir, state().params.spec, state());
      return {};
    },
    async close() {
      if (opened === undefined) return;
      await opened.clips.close();
      await opened.policy.graphs.dispose();
      opened = undefined;
    },
  };
}

async function open(params: OpenBackend, trials: ProviderTrials): Promise<Opened> {
  const { spec, baseDir, checkpointDir, threads, cacheDir, ffmpegPath } = params;
  const ffmpeg = await locateFfmpeg({ settingPath: ffmpegPath });
  const provider = await chooseProvider(spec.policy.device, trials);
  const trains = params.trains ?? true;
  const memoryBytes = provider === "cpu" ? null : await trials.graphicsMemoryBytes();
  const device = { provider, memoryBytes };
  const { policy, optimizer } = await openPolicy(spec, baseDir, checkpointDir, threads, trains, device);
  const policyHash = await hashCheckpoint(policy.checkpoint.dir, cacheDir);
  // Another version of the runtime may round otherwise, and so may another device.
  const where = provider === "cpu" ? `${process.arch} ${threads}` : provider;
  const tower = `${policyHash} ${onnxruntimeVersion} ${where}`;
  return {
    policy: { ...policy, visualStore: createVisualStore(cacheDir, tower) },
    optimizer,
    params,
    policyHash,
    clips: createClipLoader({ ffmpeg, cacheDir, video: spec.video, pixelFactor: pixelFactorOf(policy.config) }),
    visualsOfStep: new Map(),
    shown: { last: null },
  };
}

async function describe({ policy, optimizer, params, policyHash }: Opened): Promise<BackendInfo> {
  const count = (shapes: readonly { shape: readonly number[] }[]): number =>
    shapes.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const ffmpeg = await locateFfmpeg({ settingPath: params.ffmpegPath });
  return {
    provider: policy.graphs.device.provider,
    onnxruntime: onnxruntimeVersion,
    ffmpeg: ffmpeg.version,
    policyHash,
    pixelFactor: pixelFactorOf(policy.config),
    parameters: [...policy.checkpoint.weights.values()].reduce((sum, data) => sum + data.length, 0),
    trainableParameters: count(optimizer.trainable),
  };
}

async function sample(
  opened: Opened,
  params: SampleParams,
  kept: Map<string, KeptGroup>,
  watch: SampleWatch,
): Promise<SampledGroup[]> {
  const policy = params.forTraining ? opened.policy : withVisualsOfStep(opened);
  const { signal } = watch;
  const prepared = await untilAborted(prepareAll(opened, params.prompts), signal);
  if (prepared === null) return params.prompts.map(({ key }) => cancelledGroup(key));
  const begun: (Required<GroupRequest> & WatchedPrompt & ReadyPrompt)[] = [];
  for (const [i, { key, seed }] of params.prompts.entries()) {
    const ready = prepared[i];
    if (ready === undefined || "code" in ready || signal?.aborted === true) continue;
    const { prompt, decodeSec } = ready;
    const seen = { key, video: seenVideo(prompt), promptTokens: prompt.ids.length };
    const kv = await (params.forTraining
      ? computePromptKv(policy, prompt, { keepsHandedOn: true })
      : computeKvAfterShown(policy, prompt, opened.shown));
    begun.push({ ...seen, prompt, decodeSec, seed, kv });
  }
  const onToken = progressTeller(begun.map(watchedOf), policy.tokenizer, watch);
  onToken?.([]);
  const options = { ...params.sampling, groupSize: params.groupSize, signal, onToken };
  const sampled = begun.length === 0 ? [] : await sampleGroups(policy, begun, options);
  return params.prompts.map(({ key }, i): SampledGroup => {
    const failure = prepared[i];
    if (failure !== undefined && "code" in failure) return { ok: false, key, failure };
    const at = begun.findIndex((other) => other.key === key);
    const [group, completions] = [begun[at], sampled[at]];
    if (group === undefined || completions === undefined) return cancelledGroup(key);
    const { prompt, kv, decodeSec } = group;
    const seen = watchedOf(group);
    if (!areEnded(completions)) return cancelledGroup(key, { prompt: seen, completions }, policy.tokenizer);
    if (params.forTraining) kept.set(key, { prompt, kv, completions, refLogprobs_G_T: null });
    const texts = completions.map((c) => ({ ...c, text: policy.tokenizer.decode([...c.tokens_T]) }));
    return { ok: true, ...seen, completions: texts, decodeSec };
  });
}

function watchedOf({ key, video, promptTokens }: WatchedPrompt): WatchedPrompt {
  return { key, video, promptTokens };
}

/** null when the signal is aborted first; a clip that is being decoded then goes into the cache all the same. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T | null> {
  if (signal === undefined) return work;
  let stop = (): void => undefined;
  const aborted = new Promise<null>((resolve) => {
    stop = () => resolve(null);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop);
  });
  return Promise.race([work, aborted]).finally(() => signal.removeEventListener("abort", stop));
}

/** The clip that a prompt of a run shows. */
function seenVideo({ visuals }: PreparedPrompt): SeenVideo {
  const clip = visuals.find(({ visual }) => visual.kind === "video")?.visual;
  if (clip?.kind !== "video") throw new Error("internal: a prompt of a run without a video");
  return clip.clip.seen;
}

/** The same policy, for as long as its weights stay as they are; what is kept on disk is of the weights at the start. */
function withVisualsOfStep({ policy, visualsOfStep }: Opened): Policy {
  return isVisionFixed(policy)
    ? policy
    : { ...policy, freezeVision: true, visualCache: visualsOfStep, visualStore: null };
}

interface ReadyPrompt {
  readonly prompt: PreparedPrompt;
  /** Seconds until its clip was there. */
  readonly decodeSec: number;
}

/** Prompts with their clips; a video that cannot be read becomes its error. */
async function prepareAll(
  { policy, clips }: Opened,
  requests: readonly (ShownVideo & Pick<PromptRequest, "text" | "earlier">)[],
): Promise<(ReadyPrompt | ErrorData)[]> {
  const startMs = performance.now();
  return Promise.all(
    requests.map(async (request) => {
      try {
        const clip = await clips.load(shownVideo(request));
        const decodeSec = (performance.now() - startMs) / 1000;
        const prompt = preparePrompt(request.text, clip, policy.tokenizer, policy.config, request.earlier);
        return { prompt, decodeSec };
      } catch (error) {
        if (UserError.is(error, "bad-video")) return error.toData();
        throw error;
      }
    }),
  );
}

async function update(opened: Opened, params: UpdateParams, kept: Map<string, KeptGroup>): Promise<UpdateResult> {
  const { policy, optimizer } = opened;
  const spec = opened.params.spec.grpo;
  const groups = params.groups.map(({ key, advantages_G, isMasked_G }) => {
    const group = kept.get(key);
    if (group === undefined) throw new Error(`internal: no rollouts of ${key} to update on`);
    return { key, group, scored: scoredGroup(group, advantages_G, isMasked_G) };
  });
  const totals = stepTotals(groups.map((g) => g.scored));
  const outcomes: GroupOutcome[] = [];
  for (const { group, scored } of groups) {
    if (spec.beta > 0) group.refLogprobs_G_T ??= await referenceLogprobs(policy, scored, spec.temperature);
    const { refLogprobs_G_T, kv } = group;
    outcomes.push(await accumulateGroup(policy, optimizer, scored, refLogprobs_G_T, totals, spec, kv ?? undefined));
    group.kv = null; // and its memory is free for the next group
  }
  const loss = outcomes.reduce((sum, outcome) => sum + outcome.loss, 0);
  const gradNorm = await applyOrClear(opened, loss, params.learningRate, spec.weightDecay);
  return {
    loss,
    gradNorm,
    metrics: updateMetrics(
      groups.map((g) => g.scored),
      outcomes,
      spec,
    ),
    groups: groups.map(({ key }, i) => {
      const outcome = outcomes[i];
      const means = outcome === undefined ? [] : completionMeans(outcome);
      return {
        key,
        meanKl_G: means.map((m) => m.kl),
        meanEntropy_G: means.map((m) => m.entropy),
        refLogprobs_G_T: outcome?.refLogprobs_G_T ?? undefined,
      };
    }),
  };
}

function scoredGroup(
  group: KeptGroup,
  advantages_G: readonly (number | null)[],
  isMasked_G?: readonly boolean[],
): ScoredGroup {
  return {
    prompt: group.prompt,
    tokens_G_T: group.completions.map((c) => c.tokens_T),
    oldLogprobs_G_T: group.completions.map((c) => c.logprobs_T),
    advantages_G: group.completions.map((_, k) => advantages_G[k] ?? null),
    isMasked_G: group.completions.map((_, k) => isMasked_G?.[k] ?? false),
  };
}

async function updateOnTargets(opened: Opened, params: SftUpdateParams): Promise<SftUpdateResult> {
  const { policy, optimizer } = opened;
  const prepared = await prepareAll(opened, params.targets);
  const failures: { key: string; failure: ErrorData }[] = [];
  const targets: SftTarget[] = [];
  params.targets.forEach(({ key, target }, i) => {
    const ready = prepared[i];
    if (ready === undefined) return;
    const tokens = "code" in ready ? ready : targetTokens(opened, target);
    if ("code" in tokens) failures.push({ key, failure: tokens });
    else if (!("code" in ready)) targets.push({ prompt: ready.prompt, tokens_G_T: [tokens] });
  });
  const tokens = targets.reduce((sum, target) => sum + (target.tokens_G_T[0]?.length ?? 0), 0);
  let loss = 0;
  for (const target of targets) loss += await accumulateTarget(policy, optimizer, target, tokens);
  const { weightDecay } = opened.params.spec.sft;
  const gradNorm = targets.length === 0 ? 0 : await applyOrClear(opened, loss, params.learningRate, weightDecay);
  return { loss, gradNorm, tokens, failures };
}

/** With the token that ends it. One that is too long is no target: cut off, it would teach to end in the middle. */
function targetTokens({ policy, params }: Opened, text: string): Int32Array | ErrorData {
  const ids = [...policy.tokenizer.encode(text), ...policy.config.eosTokenIds.slice(0, 1)];
  const most = params.spec.sft.maxCompletionLength;
  if (ids.length <= most) return Int32Array.from(ids);
  return {
    code: "bad-data",
    message: `the target has ${ids.length} tokens, its end included; sft.maxCompletionLength is ${most}`,
    hint: "Raise sft.maxCompletionLength, or leave the example out.",
  };
}

/** A step whose loss is not finite changes nothing; the run sees it in the result and stops. */
async function applyOrClear(
  { policy, optimizer, visualsOfStep, shown }: Opened,
  loss: number,
  learningRate: number,
  weightDecay: number,
): Promise<number> {
  visualsOfStep.clear();
  shown.last = null;
  const norm = Number.isFinite(loss) ? await applyGradients(policy, optimizer, learningRate, weightDecay) : NaN;
  if (!Number.isFinite(norm)) clearGradients(optimizer);
  return norm;
}

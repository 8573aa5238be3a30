import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import type {
  Backend,
  OpenBackend,
  PromptRequest,
  SampleParams,
  SampledCompletion,
  SampledGroup,
  SftUpdateResult,
  UpdateParams,
  UpdateResult,
} from "../../../src/engine/run/backend.ts";
import type { DeviceChoice } from "../../../src/protocol/device.ts";
import type { SeenVideo } from "../../../src/protocol/records.ts";
import { createUniform } from "../../../src/engine/metrics/random.ts";

/** Everything that the policy can say. The last one is cut by length. */
export const sayings = [
  "<think>early</think><answer>0.5 to 2.0</answer>",
  "<think>late</think><answer>4.0 to 8.0</answer>",
  "<answer>3.0 to 9.0</answer>",
  "<think>red</think><answer>A</answer>",
  "<think>blue</think><answer>B</answer>",
  "<think>hm, let me see",
] as const;

interface Weights {
  /** By prompt text, a logit for each saying. */
  readonly logits: Record<string, number[]>;
  readonly momentum: Record<string, number[]>;
}

/**
 * The smallest policy that learns: a softmax over a few texts for each prompt, trained by the GRPO gradient with momentum.
 * Its weights and optimizer state go through files exactly; all randomness comes from the seeds that it is given.
 */
export class BanditBackend implements Backend {
  private weights: Weights = { logits: {}, momentum: {} };
  private lastSampled = new Map<string, { text: string; arms_G: readonly number[] }>();
  /** Calls in their order, for tests that look at them. */
  readonly calls: string[] = [];
  /** Answered in place of the real loss, to see what a run does then. */
  lossOverride: number | null = null;

  /** The device that each opening asked for. */
  readonly devices: DeviceChoice[] = [];

  async open(params: Pick<OpenBackend, "checkpointDir" | "spec">) {
    this.devices.push(params.spec.policy.device);
    this.calls.push(`open ${params.checkpointDir === null ? "model" : path.basename(params.checkpointDir)}`);
    if (params.checkpointDir !== null) {
      // SAFETY: written by save.
      this.weights = JSON.parse(fs.readFileSync(path.join(params.checkpointDir, "weights.json"), "utf8")) as Weights;
    }
    const size = sayings.length;
    return {
      provider: "cpu",
      onnxruntime: "0",
      ffmpeg: "0",
      policyHash: "bandit",
      parameters: size,
      trainableParameters: size,
    };
  }

  async sample(params: SampleParams): Promise<readonly SampledGroup[]> {
    this.calls.push(`sample ${params.prompts.length}x${params.groupSize}${params.forTraining ? "" : " evaluation"}`);
    if (params.forTraining) this.lastSampled = new Map();
    return params.prompts.map((prompt) => this.sampleGroup(prompt, params));
  }

  async update({ learningRate, groups }: UpdateParams): Promise<UpdateResult> {
    this.calls.push(`update ${groups.length}`);
    let loss = 0;
    let squares = 0;
    const measured = groups.map(({ key, advantages_G }) => {
      const sampled = this.lastSampled.get(key);
      if (sampled === undefined) throw new Error(`internal: ${key} was not sampled`);
      const probabilities = softmax(this.logitsOf(sampled.text), 1);
      const gradient = probabilities.map(() => 0);
      advantages_G.forEach((advantage, k) => {
        if (advantage === null) return;
        const arm = sampled.arms_G[k] ?? 0;
        loss -= advantage * Math.log(probabilities[arm] ?? 1);
        probabilities.forEach((p, i) => (gradient[i] = (gradient[i] ?? 0) + advantage * ((i === arm ? 1 : 0) - p)));
      });
      squares += gradient.reduce((sum, g) => sum + g * g, 0);
      this.climb(sampled.text, gradient, learningRate);
      const kl = probabilities.reduce((sum, p) => sum + p * Math.log(p * sayings.length), 0);
      return {
        key,
        meanKl_G: advantages_G.map(() => kl),
        meanEntropy_G: advantages_G.map(() => entropy(probabilities)),
      };
    });
    return {
      loss: this.lossOverride ?? loss,
      gradNorm: Math.sqrt(squares),
      metrics: { kl: measured[0]?.meanKl_G[0] ?? 0 },
      groups: measured,
    };
  }

  async updateOnTargets(params: Parameters<Backend["updateOnTargets"]>[0]): Promise<SftUpdateResult> {
    this.calls.push(`updateOnTargets ${params.targets.length}`);
    const failures = params.targets
      .filter(({ videoPath }) => !fs.existsSync(videoPath))
      .map(({ key, videoPath }) => ({ key, failure: missingVideo(videoPath) }));
    const targets = params.targets.filter(({ videoPath }) => fs.existsSync(videoPath));
    let loss = 0;
    for (const { text, target } of targets) {
      const answer = /<answer>.*<\/answer>/.exec(target)?.[0] ?? "";
      const arm = sayings.findIndex((saying) => saying.startsWith("<think>") && saying.endsWith(answer));
      const probabilities = softmax(this.logitsOf(text), 1);
      loss -= Math.log(probabilities[arm] ?? 1) / targets.length;
      this.climb(
        text,
        probabilities.map((p, i) => (i === arm ? 1 : 0) - p),
        params.learningRate,
      );
    }
    return { loss, gradNorm: 1, tokens: targets.length, failures };
  }

  async save({ dir }: { dir: string }) {
    this.calls.push(`save ${path.basename(dir)}`);
    fs.writeFileSync(path.join(dir, "weights.json"), JSON.stringify(sortKeys(this.weights)));
    return {};
  }

  async close(): Promise<void> {
    this.calls.push("close");
  }

  private sampleGroup({ key, text, videoPath, seed }: PromptRequest, params: SampleParams): SampledGroup {
    if (!fs.existsSync(videoPath)) return { ok: false, key, failure: missingVideo(videoPath) };
    const uniform = createUniform(seed);
    const logits = this.logitsOf(text);
    const arms_G = Array.from({ length: params.groupSize }, () =>
      pickArm(logits, params.sampling.temperature, uniform),
    );
    if (params.forTraining) this.lastSampled.set(key, { text, arms_G });
    const probabilities = softmax(logits, params.sampling.temperature || 1);
    const completions = arms_G.map((arm) => completionOf(arm, probabilities));
    return { ok: true, key, video: seenVideo(videoPath), promptTokens: 10 + text.length, completions };
  }

  private logitsOf(text: string): number[] {
    return (this.weights.logits[text] ??= sayings.map(() => 0));
  }

  private climb(text: string, gradient: readonly number[], learningRate: number): void {
    const logits = this.logitsOf(text);
    const momentum = (this.weights.momentum[text] ??= sayings.map(() => 0));
    gradient.forEach((g, i) => {
      momentum[i] = 0.5 * (momentum[i] ?? 0) + g;
      logits[i] = (logits[i] ?? 0) + learningRate * momentum[i];
    });
  }
}

/** The same weights are the same bytes, in whatever order their prompts were met. */
function sortKeys({ logits, momentum }: Weights): Weights {
  const sorted = <T>(table: Record<string, T>) => Object.fromEntries(Object.entries(table).sort());
  return { logits: sorted(logits), momentum: sorted(momentum) };
}

function softmax(logits: readonly number[], temperature: number): number[] {
  const top = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp((logit - top) / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

function entropy(probabilities: readonly number[]): number {
  return -probabilities.reduce((sum, p) => sum + p * Math.log(p), 0);
}

function pickArm(logits: readonly number[], temperature: number, uniform: () => number): number {
  if (temperature === 0) return logits.indexOf(Math.max(...logits));
  let rest = uniform();
  const probabilities = softmax(logits, temperature);
  const arm = probabilities.findIndex((p) => (rest -= p) < 0);
  return arm < 0 ? probabilities.length - 1 : arm;
}

function completionOf(arm: number, probabilities: readonly number[]): SampledCompletion {
  const text = sayings[arm] ?? "";
  const isCut = arm === sayings.length - 1;
  const tokens = [...text].map((char) => char.charCodeAt(0)).concat(isCut ? [] : [0]);
  return {
    text,
    finishReason: isCut ? "length" : "eos",
    tokens_T: Int32Array.from(tokens),
    logprobs_T: Float32Array.from(tokens, (_, t) => (t === 0 ? Math.log(probabilities[arm] ?? 1) : 0)),
    entropies_T: Float32Array.from(tokens, (_, t) => (t === 0 ? entropy(probabilities) : 0)),
  };
}

function missingVideo(videoPath: string) {
  const name = path.basename(videoPath);
  return { code: "bad-video", where: videoPath, message: `there is no video ${name}` } as const;
}

function seenVideo(videoPath: string): SeenVideo {
  return {
    path: videoPath,
    hash: createHash("sha256").update(fs.readFileSync(videoPath)).digest("hex"),
    durationSec: 10,
    videoFps: 25,
    frameIndices: [0, 50, 100, 150],
    timestampsSec: [0, 2, 4, 6],
    widthPx: 56,
    heightPx: 56,
    sourceWidthPx: 320,
    sourceHeightPx: 240,
    visualTokens: 8,
    frameSet: "bandit",
  };
}

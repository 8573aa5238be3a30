import type { ChatExchange } from "../../protocol/chat.ts";
import type { FinishReason, SeenVideo } from "../../protocol/records.ts";
import type { TokenAlternatives } from "../store/tokens.ts";
import type { RunSpec } from "../../protocol/spec.ts";
import type { ErrorData } from "../../protocol/errors.ts";
import type { ShownVideo } from "../../protocol/video.ts";

/**
 * What a run needs of whatever holds the policy. The embedded backend implements it in a child process, so every value
 * here survives structured clone. Calls are made one at a time.
 */
export interface Backend {
  open(params: OpenBackend): Promise<BackendInfo>;
  /** Samples `groupSize` completions of each prompt. A video that cannot be read fails its own prompt only. */
  sample(params: SampleParams, watch?: SampleWatch): Promise<readonly SampledGroup[]>;
  /** One optimizer step on groups of the last `sample` call. */
  update(params: UpdateParams): Promise<UpdateResult>;
  /** One SFT step on targets. */
  updateOnTargets(params: SftUpdateParams): Promise<SftUpdateResult>;
  /** Writes weights (or adapter) and optimizer state into a new folder. */
  save(params: { dir: string }): Promise<Record<string, never>>;
  close(): Promise<void>;
}

export interface OpenBackend {
  readonly spec: RunSpec;
  readonly baseDir: string;
  /** Checkpoint to go on from; null starts from the spec's model. The reference policy is always the spec's model. */
  readonly checkpointDir: string | null;
  readonly cacheDir: string;
  readonly ffmpegPath: string | null;
  readonly threads: number;
  /** false holds nothing that only training needs; true where it is not said. */
  readonly trains?: boolean | undefined;
}

export interface BackendInfo {
  readonly provider: string;
  readonly onnxruntime: string;
  readonly ffmpeg: string;
  readonly policyHash: string;
  /** Side of the square of pixels that a visual token stands for; absent where clips are not decoded on this machine. */
  readonly pixelFactor?: number | undefined;
  readonly parameters: number;
  readonly trainableParameters: number;
}

export interface PromptRequest extends ShownVideo {
  readonly key: string; // unique within the call
  readonly text: string; // user turn
  /** What was said before it; the video is shown in the first turn of all. A run has single turns. */
  readonly earlier?: readonly ChatExchange[] | undefined;
  /** Seeds the sampler for this prompt's group, whatever else is sampled in the same call. */
  readonly seed: number;
}

export interface SamplingOptions {
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly maxCompletionLength: number;
  /** So many of the most likely tokens are kept beside each sampled one. */
  readonly keepTopTokens?: number | undefined;
}

export interface SampleParams {
  readonly prompts: readonly PromptRequest[];
  readonly groupSize: number;
  readonly sampling: SamplingOptions;
  /** Keep tokens for `update`; off for evaluation. */
  readonly forTraining: boolean;
  /** What the next call is going to show, if it is known: decoded while this one is computed. */
  readonly next?: readonly ShownVideo[] | undefined;
}

/** Follows a `sample` call. It is no part of what is asked: between processes it becomes messages of their own. */
export interface SampleWatch {
  /**
   * Ends the call between two tokens or two prompts. Prompts that were not done by then fail with "cancelled"; those that
   * were are answered as ever.
   */
  readonly signal?: AbortSignal | undefined;
  /** What was sampled so far: once a prompt's video is read, then a few times a second. */
  readonly onProgress?: ((groups: readonly GroupProgress[]) => void) | undefined;
}

/** A group that is being sampled. */
export interface GroupProgress {
  readonly key: string;
  readonly video: SeenVideo;
  readonly promptTokens: number;
  readonly completions: readonly CompletionProgress[];
}

export interface CompletionProgress {
  /** Without the first bytes of a character whose others are still to come, so that later texts begin with this one. */
  readonly text: string;
  readonly tokenCount: number;
  /** null: not ended. */
  readonly finishReason: FinishReason | null;
}

export type SampledGroup =
  | {
      readonly ok: true;
      readonly key: string;
      readonly video: SeenVideo;
      readonly promptTokens: number;
      readonly completions: readonly SampledCompletion[];
      /** Seconds from the start of the call until the frames of this prompt were there: decoded, or read from the cache. */
      readonly decodeSec?: number | undefined;
    }
  | {
      readonly ok: false;
      readonly key: string;
      readonly failure: ErrorData;
      /** What a cancelled call had sampled. A failure all the same, so that nobody takes it for a group that ended. */
      readonly partial?: GroupProgress | undefined;
    };

export interface SampledCompletion {
  readonly text: string;
  readonly finishReason: FinishReason;
  /** Completion token ids, the end-of-sequence token included when it was sampled. */
  readonly tokens_T: Int32Array;
  /** Log-probability of each token under log-softmax(logits / temperature), before top-p and top-k. */
  readonly logprobs_T: Float32Array;
  readonly entropies_T: Float32Array;
  /** The most likely tokens at each place, where the specification keeps them (keepTopTokens). */
  readonly alternatives?: TokenAlternatives | undefined;
}

export interface UpdateParams {
  /** Iteration over the same rollouts, 0-based (TRL: num_iterations). */
  readonly iteration: number;
  readonly learningRate: number;
  /** By prompt key. Groups that are absent are left out. */
  readonly groups: readonly {
    readonly key: string;
    /** null leaves the rollout out, as if it had not been. */
    readonly advantages_G: readonly (number | null)[];
    /** Rollouts without weight that still count in the mean (TRL: mask_truncated_completions); none when absent. */
    readonly isMasked_G?: readonly boolean[];
  }[];
}

export interface UpdateResult {
  readonly loss: number;
  readonly gradNorm: number;
  /** TRL's keys: "kl", "entropy", "clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean". */
  readonly metrics: Readonly<Record<string, number>>;
  /** By key and completion. */
  readonly groups: readonly {
    readonly key: string;
    readonly meanKl_G: readonly (number | null)[];
    readonly meanEntropy_G: readonly number[];
    /** Log-probabilities of the tokens under the reference policy; absent without one. */
    readonly refLogprobs_G_T?: readonly Float32Array[] | undefined;
  }[];
}

export interface SftUpdateParams {
  readonly learningRate: number;
  readonly targets: readonly (ShownVideo & { readonly key: string; readonly text: string; readonly target: string })[];
  /** As in SampleParams. */
  readonly next?: readonly ShownVideo[] | undefined;
}

export interface SftUpdateResult {
  readonly loss: number; // mean negative log-likelihood a token
  readonly gradNorm: number;
  readonly tokens: number;
  readonly failures: readonly { readonly key: string; readonly failure: ErrorData }[];
}

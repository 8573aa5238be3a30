import type { PolicyTokenizer } from "../policy/tokenizer.ts";
import type { CompletionProgress, SampledGroup, SampleWatch } from "../run/backend.ts";
import type { FinishReason, SeenVideo } from "../../protocol/records.ts";
import type { Completion, GrowingCompletion } from "../rollout/sampler.ts";

/** A prompt whose completions grow. */
export interface WatchedPrompt {
  readonly key: string;
  readonly video: SeenVideo;
  readonly promptTokens: number;
}

type Cancelled = Extract<SampledGroup, { ok: false }>;

/** Nobody reads faster, and each telling decodes every token so far. */
const tellEveryMs = 60;

/**
 * Tells what was sampled, at most so often; the first time at once, so that what the policy sees is known while it answers.
 * undefined where nobody wants to hear.
 */
export function progressTeller(
  prompts: readonly WatchedPrompt[],
  tokenizer: PolicyTokenizer,
  { onProgress }: SampleWatch,
): ((sampled: readonly (readonly GrowingCompletion[])[]) => void) | undefined {
  if (onProgress === undefined) return undefined;
  let toldAtMs = -Infinity;
  return (sampled) => {
    if (performance.now() - toldAtMs < tellEveryMs) return;
    onProgress(
      prompts.map((prompt, i) => ({
        ...prompt,
        completions: (sampled[i] ?? []).map((growing) => completionProgress(growing, tokenizer)),
      })),
    );
    toldAtMs = performance.now();
  };
}

/** A group whose completions had not all ended when the call was cancelled; without a prompt its turn had not come. */
export function cancelledGroup(
  key: string,
  sampled?: { readonly prompt: WatchedPrompt; readonly completions: readonly Completion[] },
  tokenizer?: PolicyTokenizer,
): Cancelled {
  const failure = { code: "cancelled", message: "The sampling was cancelled." } as const;
  if (sampled === undefined || tokenizer === undefined) return { ok: false, key, failure };
  const completions = sampled.completions.map(({ tokens_T, finishReason }) =>
    completionProgress({ tokens: [...tokens_T], finishReason }, tokenizer),
  );
  return { ok: false, key, failure, partial: { ...sampled.prompt, completions } };
}

export type EndedCompletion = Completion & { readonly finishReason: FinishReason };

export function areEnded(completions: readonly Completion[]): completions is readonly EndedCompletion[] {
  return completions.every(({ finishReason }) => finishReason !== null);
}

/** The bytes of a character can be spread over tokens: a text that still grows ends before one that is not whole. */
export function completionProgress(
  { tokens, finishReason }: GrowingCompletion,
  tokenizer: Pick<PolicyTokenizer, "decode">,
): CompletionProgress {
  const text = tokenizer.decode(tokens);
  const whole = finishReason === null ? text.replace(/\uFFFD+$/, "") : text;
  return { text: whole, tokenCount: tokens.length, finishReason };
}

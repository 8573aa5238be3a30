import type { ChatExchange } from "../../protocol/chat.ts";
import { UserError } from "../../protocol/errors.ts";
import type { Clip } from "../video/clip.ts";
import type { PolicyConfig } from "./config.ts";
import { masked } from "./policyGraph.ts";
import { isVisualToken, ropeIndex } from "./ropeIndex.ts";
import { completionRotary, textRotary, type RotaryTable } from "./rotary.ts";
import type { ChatMessage, PolicyTokenizer, TurnPart } from "./tokenizer.ts";
import {
  prepareVisual,
  timestampTexts,
  visualSpans,
  visualTokensOf,
  type PreparedVisual,
  type Visual,
} from "./visuals.ts";

/**
 * A prompt as the graphs take it. The last prompt token is set apart: it is the first row of every completion
 * (see addCompletions), so the shared prefix ends before it.
 */
export interface PreparedPrompt {
  readonly visuals: readonly PreparedVisual[];
  readonly visualTokens: number;
  /** All prompt tokens, the last included. */
  readonly ids: readonly number[];
  readonly prefixLength: number;
  /** Prefix padded at its end to a multiple of `promptBucket`, so that few graphs serve many prompts. */
  readonly paddedLength: number;
  readonly lastToken: number;
  /** Position of the last prompt token; completion token i stands at i + 1 beyond it. */
  readonly lastPosition: number;
  readonly feeds: {
    readonly prompt_ids: BigInt64Array;
    readonly visual_rows: BigInt64Array;
    readonly is_visual: Uint8Array;
    readonly prompt_cos: Float32Array;
    readonly prompt_sin: Float32Array;
  };
}

/** A piece of what the user says and shows. */
export type ContentPart = Visual | { readonly kind: "text"; readonly text: string };

const promptBucket = 32;

/**
 * A user turn of one clip with a text after it, as in training.
 * @param earlier what was said before the text, if anything: then the clip stands in the first turn
 * @throws UserError as prepareMessages
 */
export function preparePrompt(
  text: string,
  clip: Clip,
  tokenizer: PolicyTokenizer,
  config: PolicyConfig,
  earlier: readonly ChatExchange[] = [],
): PreparedPrompt {
  const shown = { kind: "video", clip } as const;
  const userTurn = (text: string, i: number): ChatMessage<ContentPart> => {
    return { role: "user", content: [...(i === 0 ? [shown] : []), { kind: "text", text }] };
  };
  const before = earlier.flatMap(({ prompt, answer }, i): ChatMessage<ContentPart>[] => {
    return [userTurn(prompt, i), { role: "assistant", text: answer }];
  });
  return prepareMessages([...before, userTurn(text, earlier.length)], tokenizer, config);
}

/**
 * One user turn.
 * @param content videos, images and texts in the order in which the policy reads them
 * @throws UserError as prepareMessages
 */
export function prepareContent(
  content: readonly ContentPart[],
  tokenizer: PolicyTokenizer,
  config: PolicyConfig,
): PreparedPrompt {
  return prepareMessages([{ role: "user", content }], tokenizer, config);
}

/**
 * A conversation whose last turn is the user's.
 * @throws UserError as encodePrompt; "bad-video" when the prompt is longer than the policy's context
 */
export function prepareMessages(
  messages: readonly ChatMessage<ContentPart>[],
  tokenizer: PolicyTokenizer,
  config: PolicyConfig,
): PreparedPrompt {
  const visuals: Visual[] = [];
  const placeOf = (part: ContentPart): TurnPart => {
    if (part.kind === "text") return part;
    visuals.push(part);
    const tokens = visualTokensOf(prepareVisual(part, config), config);
    return { kind: part.kind, tokens, timestamps: timestampTexts(part, config) };
  };
  const ids = tokenizer.encodePrompt(
    messages.map((message) =>
      message.role === "user" ? { ...message, content: message.content.map(placeOf) } : message,
    ),
  );
  requireContext(ids, config);
  return prepareTokens(ids, visuals, config);
}

/** @throws UserError "bad-video" when a prompt is longer than the policy has positions for: its own rollouts fail, not the run */
function requireContext(ids: readonly number[], config: PolicyConfig): void {
  const { contextLength } = config.text;
  if (contextLength === null || ids.length < contextLength) return;
  const visual = ids.filter((id) => isVisualToken(id, config)).length;
  throw new UserError({
    code: "bad-video",
    message:
      `the prompt has ${ids.length} tokens, ${visual} of them visual; ` +
      `the policy's context holds ${contextLength} (max_position_embeddings), completion included.`,
    hint: "Lower video.maxFrames or video.maxPixels, or ask about a part of the video.",
  });
}

/** @param ids prompt tokens with the tokens of the visuals, in order */
export function prepareTokens(
  ids: readonly number[],
  visuals: readonly Visual[],
  config: PolicyConfig,
): PreparedPrompt {
  const prepared = visuals.map((visual) => prepareVisual(visual, config));
  const visualTokens = prepared.reduce((sum, visual) => sum + visualTokensOf(visual, config), 0);
  const found = ids.filter((id) => isVisualToken(id, config)).length;
  if (found !== visualTokens) throw new Error(`internal: ${found} visual tokens for visuals of ${visualTokens}`);
  const spans = prepared.flatMap((visual) => visualSpans(visual, config));
  const index = ropeIndex(ids, spans, config);
  const prefixLength = ids.length - 1;
  const paddedLength = Math.ceil(prefixLength / promptBucket) * promptBucket;
  const promptIds_P = new BigInt64Array(paddedLength).fill(BigInt(config.padTokenId));
  const visualRows_P = new BigInt64Array(paddedLength);
  const isVisual_P = new Uint8Array(paddedLength);
  let row = 0;
  for (let s = 0; s < prefixLength; s++) {
    const id = ids[s] ?? 0;
    promptIds_P[s] = BigInt(id);
    if (!isVisualToken(id, config)) continue;
    isVisual_P[s] = 1;
    visualRows_P[s] = BigInt(row++);
  }
  const rotary = textRotary(index, config);
  const half = config.text.headDim / 2;
  return {
    visuals: prepared,
    visualTokens,
    ids,
    prefixLength,
    paddedLength,
    lastToken: ids.at(-1) ?? 0,
    lastPosition: index.next - 1,
    feeds: {
      prompt_ids: promptIds_P,
      visual_rows: visualRows_P,
      is_visual: isVisual_P,
      prompt_cos: padded(rotary.cos, prefixLength * half, paddedLength * half),
      prompt_sin: padded(rotary.sin, prefixLength * half, paddedLength * half),
    },
  };
}

/** Rotary table of the rows of a completion. */
export function completionRotaryOf(prompt: PreparedPrompt, length: number, config: PolicyConfig): RotaryTable {
  return completionRotary(prompt.lastPosition, length, config);
}

/** [C, paddedLength + C]: all of the prefix but its padding, and a completion's own rows up to the present one. */
export function completionMask(prompt: PreparedPrompt, length: number): Float32Array {
  const width = prompt.paddedLength + length;
  const mask = new Float32Array(length * width);
  for (let row = 0; row < length; row++) {
    mask.fill(masked, row * width + prompt.prefixLength, row * width + prompt.paddedLength);
    mask.fill(masked, row * width + prompt.paddedLength + row + 1, (row + 1) * width);
  }
  return mask;
}

function padded(data: Float32Array, used: number, length: number): Float32Array {
  const out = new Float32Array(length);
  out.set(data.subarray(0, used));
  return out;
}

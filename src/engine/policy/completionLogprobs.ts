import type { Value } from "../graph/types.ts";
import { addCompletions, addEmbedding, addHead, type LayerCache } from "./decoder.ts";
import type { PolicyGraph } from "./policyGraph.ts";

/** Static sizes of a graph of completions: those of one prompt, padded to one length. */
export interface CompletionsShape {
  readonly promptLength: number;
  /** Completions computed together: a group, or a micro-batch of it. */
  readonly count: number;
  readonly completionLength: number;
}

export function shapeKey({ promptLength, count, completionLength }: CompletionsShape): string {
  return `${promptLength}/${count}/${completionLength}`;
}

export interface CompletionLogprobs {
  /** Log-probability of each target under log-softmax(logits / temperature), [G * C]. */
  readonly logprobs_N: Value;
  /** Entropy of the same distribution, [G * C]. */
  readonly entropies_N: Value;
  /** The prompt's keys and values, which are inputs: whoever needs their gradients asks for them here. */
  readonly prompt: readonly LayerCache[];
}

/**
 * Log-probabilities of completions that attend to a prompt computed before.
 * Adds inputs `prompt_k.<layer>`, `prompt_v.<layer>` [kvHeads, P, headDim], `completion_ids`, `targets` [G * C],
 * `inverse_temperature` [], and those of `addCompletions`.
 */
export function addCompletionLogprobs(p: PolicyGraph, shape: CompletionsShape): CompletionLogprobs {
  const { g } = p;
  const prompt = addPromptInputs(p, shape.promptLength);
  const rows = shape.count * shape.completionLength;
  const embedded = addEmbedding(p, g.input("completion_ids", [rows], "int64"));
  const hidden = addCompletions(p, embedded, prompt, shape.count, shape.completionLength);
  const logits = g.mul(addHead(p, hidden), g.input("inverse_temperature", []));
  const all = g.logSoftmax(logits);
  const targets = g.reshape(g.input("targets", [rows], "int64"), [rows, 1]);
  return {
    logprobs_N: g.reshape(g.gatherElements(all, targets, 1), [rows]),
    entropies_N: g.reshape(g.neg(g.reduceSum(g.mul(g.exp(all), all), [-1])), [rows]),
    prompt,
  };
}

/** Keys and values of every layer over the prompt, as inputs. */
export function addPromptInputs(p: PolicyGraph, promptLength: number): readonly LayerCache[] {
  const { layers, kvHeads, headDim } = p.config.text;
  const shape = [kvHeads, promptLength, headDim];
  return Array.from({ length: layers }, (_, layer) => ({
    k: p.g.input(`prompt_k.${layer}`, shape),
    v: p.g.input(`prompt_v.${layer}`, shape),
  }));
}

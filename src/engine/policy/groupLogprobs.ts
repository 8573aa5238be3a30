import type { Value } from "../graph/types.ts";
import { addCompletions, addEmbedding, addHead, addPrompt, addPromptEmbedding } from "./decoder.ts";
import type { PolicyGraph } from "./policyGraph.ts";
import type { Grid } from "./ropeIndex.ts";
import { addVisionTower } from "./visionTower.ts";

/** Static sizes of a training graph: one prompt, its completions padded to one length. */
export interface GroupShape {
  readonly promptLength: number;
  readonly visualTokens: number;
  readonly groupSize: number;
  readonly completionLength: number;
  /** Patch grid when the vision tower is part of the graph; null when `visual` is an input. */
  readonly visionGrid: Grid | null;
}

export interface GroupLogprobs {
  /** Log-probability of each target under log-softmax(logits / temperature), [G * C]. */
  readonly logprobs_N: Value;
  /** Entropy of the same distribution, [G * C]. */
  readonly entropies_N: Value;
}

/**
 * Log-probabilities of a group's completions, the prompt computed once.
 * Adds inputs `completion_ids`, `targets` [G * C], `inverse_temperature` [], those of the prompt, and `visual` or the
 * vision tower's.
 */
export function addGroupLogprobs(p: PolicyGraph, shape: GroupShape): GroupLogprobs {
  const { g } = p;
  const { groupSize, completionLength, promptLength, visualTokens, visionGrid } = shape;
  const count = groupSize * completionLength;
  const visual =
    visionGrid === null ? g.input("visual", [visualTokens, p.config.text.hiddenSize]) : addVisionTower(p, visionGrid);
  const prompt = addPrompt(p, addPromptEmbedding(p, promptLength, visual));
  const embedded = addEmbedding(p, g.input("completion_ids", [count], "int64"));
  const hidden = addCompletions(p, embedded, prompt, groupSize, completionLength);
  const logits = g.mul(addHead(p, hidden), g.input("inverse_temperature", []));
  const all = g.logSoftmax(logits);
  const targets = g.reshape(g.input("targets", [count], "int64"), [count, 1]);
  return {
    logprobs_N: g.reshape(g.gatherElements(all, targets, 1), [count]),
    entropies_N: g.reshape(g.neg(g.reduceSum(g.mul(g.exp(all), all), [-1])), [count]),
  };
}

import { addGradients, addVectorJacobian } from "../autodiff/gradient.ts";
import { GraphBuilder } from "../graph/builder.ts";
import { withoutDeadNodes } from "../graph/prune.ts";
import type { Graph, Value } from "../graph/types.ts";
import type { PolicyConfig } from "./config.ts";
import { addCompletionLayers, addEmbedding, addHead, type LayerCache } from "./decoder.ts";
import { addGradientOutputs, receivedGradient, weightGradients, type GradientOutput } from "./gradientOutputs.ts";
import type { LoraConfig } from "./lora.ts";
import type { TrainableSpec } from "./optimizerGraph.ts";
import { PolicyGraph } from "./policyGraph.ts";
import type { Segment } from "./segments.ts";

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

/** Rows of hidden states: G * C. */
export function rowsOf({ count, completionLength }: CompletionsShape): number {
  return count * completionLength;
}

/** A loss of the log-probabilities of completions, as a part of a graph. */
export interface CompletionLoss {
  /** Losses of one key have one graph. */
  readonly key: string;
  /** Adds the loss, a scalar, and its inputs. */
  readonly add: (g: GraphBuilder, logprobs_N: Value, shape: CompletionsShape) => Value;
}

/**
 * All of the policy over completions in one graph: *accumulate*, when there is a loss. Inputs: `prompt_k.<layer>`,
 * `prompt_v.<layer>` [kvHeads, P, headDim], `completion_ids`, `targets` [G * C], `inverse_temperature` [], those of
 * `addCompletionLayers` and of the loss. Outputs: `logprobs` and `entropies` (see addLogprobs); with a loss also `loss`, and
 * gradients of the weights and of the prompt's keys and values, added to `grad.<name>`, `d_k.<layer>`, `d_v.<layer>`, as
 * `new_…`.
 */
export function buildCompletions(
  config: PolicyConfig,
  lora: LoraConfig | null,
  shape: CompletionsShape,
  training: { readonly loss: CompletionLoss; readonly trainable: readonly TrainableSpec[] } | null,
): Graph {
  const p = new PolicyGraph("completions", config, lora);
  const { g } = p;
  const { prompt, hidden } = addPart(p, { first: 0, shape, embeds: true, layers: config.text.layers });
  const logprobs_N = addLogprobs(p, hidden);
  if (training === null) return g;
  const loss = training.loss.add(g, logprobs_N, shape);
  g.output("loss", loss);
  const outputs = [...weightGradients(p, training.trainable), ...prompt.flatMap(cacheGradients)];
  addGradientOutputs(p, outputs, (values) => addGradients(g, loss, values));
  return g;
}

/** A part of the completions' way through the policy before its head, that is one graph. */
export interface CompletionPart {
  /** Number in the policy of its first layer; no part of the graph. */
  readonly first: number;
  readonly shape: CompletionsShape;
  /** Whether it begins with tokens; else with the input `hidden` [G * C, hidden]. */
  readonly embeds: boolean;
  readonly layers: number;
}

/** The embedding in a graph of its own, and each segment. */
export function completionParts(shape: CompletionsShape, segments: readonly Segment[]): readonly CompletionPart[] {
  return [
    { first: 0, shape, embeds: true, layers: 0 },
    ...segments.map(({ first, count }) => ({ first, shape, embeds: false, layers: count })),
  ];
}

/** Parts of one key have one graph; an embedding asks nothing of the prompt. */
export function completionPartKey({ shape, embeds, layers }: CompletionPart): string {
  return embeds ? `ids/${rowsOf(shape)}` : `hidden/${layers}/${shapeKey(shape)}`;
}

/** Output `next_hidden`; inputs as in `buildCompletions`, of its own layers. */
export function buildCompletionForward(config: PolicyConfig, lora: LoraConfig | null, part: CompletionPart): Graph {
  const p = new PolicyGraph("completions_forward", config, lora);
  p.g.output("next_hidden", addPart(p, part).hidden);
  return p.g;
}

/** From the input `d_next_hidden`: outputs `d_hidden` for the part before, and gradients that are added, as in `buildCompletions`. */
export function buildCompletionBackward(
  config: PolicyConfig,
  lora: LoraConfig | null,
  part: CompletionPart,
  trainable: readonly TrainableSpec[],
): Graph {
  const p = new PolicyGraph("completions_backward", config, lora);
  const { g } = p;
  const { received, prompt, hidden } = addPart(p, part);
  const seed: [Value, Value] = [hidden, g.input("d_next_hidden", hidden.shape)];
  const outputs = [
    ...weightGradients(p, trainable),
    ...prompt.flatMap(cacheGradients),
    ...received.map(receivedGradient),
  ];
  addGradientOutputs(p, outputs, (values) => addVectorJacobian(g, [seed], values));
  return withoutDeadNodes(g); // what it puts out has been computed already
}

/** The head over some of the rows: input `hidden` [rows, hidden], inputs and outputs of `addLogprobs`. */
export function buildHeadForward(config: PolicyConfig, rows: number): Graph {
  const p = new PolicyGraph("head_forward", config, null);
  addLogprobs(p, p.g.input("hidden", [rows, config.text.hiddenSize]));
  return p.g;
}

/** From the input `d_logprobs` [rows]: outputs `d_hidden`, and gradients of weights that are added. */
export function buildHeadBackward(config: PolicyConfig, rows: number, trainable: readonly TrainableSpec[]): Graph {
  const p = new PolicyGraph("head_backward", config, null);
  const { g } = p;
  const hidden = g.input("hidden", [rows, config.text.hiddenSize]);
  const { logprobs_N } = addTargets(p, hidden);
  const seed: [Value, Value] = [logprobs_N, g.input("d_logprobs", [rows])];
  const outputs = [...weightGradients(p, trainable), receivedGradient(hidden)];
  addGradientOutputs(p, outputs, (values) => addVectorJacobian(g, [seed], values));
  return withoutDeadNodes(g); // what it puts out has been computed already
}

/** The loss alone, of log-probabilities that are the input `logprobs` [G * C]: outputs `loss`, `d_logprobs`. */
export function buildLoss(loss: CompletionLoss, shape: CompletionsShape): Graph {
  const g = new GraphBuilder("loss");
  const logprobs_N = g.input("logprobs", [rowsOf(shape)]);
  const value = loss.add(g, logprobs_N, shape);
  g.output("loss", value);
  addGradients(g, value, [logprobs_N]).forEach((gradient) => g.output("d_logprobs", gradient));
  return g;
}

interface AddedPart {
  readonly received: readonly Value[];
  /** The prompt's keys and values, which are inputs. */
  readonly prompt: readonly LayerCache[];
  readonly hidden: Value;
}

function addPart(p: PolicyGraph, { shape, embeds, layers }: CompletionPart): AddedPart {
  const { g } = p;
  const rows = rowsOf(shape);
  const begin = embeds
    ? addEmbedding(p, g.input("completion_ids", [rows], "int64"))
    : g.input("hidden", [rows, p.config.text.hiddenSize]);
  const prompt = addPromptInputs(p, layers, shape.promptLength);
  const hidden = addCompletionLayers(p, begin, prompt, shape.count, shape.completionLength);
  return { received: embeds ? [] : [begin], prompt, hidden };
}

/** Keys and values of layers over the prompt, as inputs. */
export function addPromptInputs(p: PolicyGraph, layers: number, promptLength: number): readonly LayerCache[] {
  const { kvHeads, headDim } = p.config.text;
  const shape = [kvHeads, promptLength, headDim];
  return Array.from({ length: layers }, (_, layer) => ({
    k: p.g.input(`prompt_k.${layer}`, shape),
    v: p.g.input(`prompt_v.${layer}`, shape),
  }));
}

function cacheGradients({ k, v }: LayerCache): GradientOutput[] {
  return [k, v].map((of) => ({ of, name: of.name.replace("prompt_", "d_"), isAdded: true }));
}

/** Outputs `logprobs` and `entropies` of hidden states; inputs of `addTargets`. */
function addLogprobs(p: PolicyGraph, hidden: Value): Value {
  const { g } = p;
  const { logprobs_N, all_N_V } = addTargets(p, hidden);
  g.output("logprobs", logprobs_N);
  g.output("entropies", g.reshape(g.neg(g.reduceSum(g.mul(g.exp(all_N_V), all_N_V), [-1])), logprobs_N.shape));
  return logprobs_N;
}

/**
 * Log-probability of the input `targets` [N] under log-softmax(logits / temperature), and that of every token [N, vocab].
 * The temperature is the input `inverse_temperature` [].
 */
function addTargets(p: PolicyGraph, hidden: Value): { readonly logprobs_N: Value; readonly all_N_V: Value } {
  const { g } = p;
  const [rows = 0] = hidden.shape;
  const all = g.logSoftmax(g.mul(addHead(p, hidden), g.input("inverse_temperature", [])));
  const targets = g.reshape(g.input("targets", [rows], "int64"), [rows, 1]);
  return { logprobs_N: g.reshape(g.gatherElements(all, targets, 1), [rows]), all_N_V: all };
}

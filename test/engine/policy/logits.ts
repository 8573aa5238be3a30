import assert from "node:assert/strict";
import { completionBatch } from "../../../src/engine/policy/completionBatch.ts";
import {
  addCompletions,
  addEmbedding,
  addHead,
  addPrompt,
  addPromptEmbedding,
} from "../../../src/engine/policy/decoder.ts";
import type { Graph } from "../../../src/engine/graph/types.ts";
import type { GroupShape } from "../../../src/engine/policy/groupLogprobs.ts";
import { weightFeeds, type Policy } from "../../../src/engine/policy/policy.ts";
import { PolicyGraph } from "../../../src/engine/policy/policyGraph.ts";
import { prepareTokens } from "../../../src/engine/policy/preparedPrompt.ts";
import { groupFeeds, groupShapeOf } from "../../../src/engine/policy/trainer.ts";
import type { Clip } from "../../../src/engine/video/clip.ts";

/** Logits that predict the tokens from `from` on, by the graphs that training uses. */
export async function computeLogits(
  policy: Policy,
  clip: Clip,
  ids: readonly number[],
  from: number,
): Promise<Float32Array> {
  const { config } = policy;
  const prompt = prepareTokens(ids.slice(0, from), clip, config);
  const batch = completionBatch([Int32Array.from(ids.slice(from))], prompt.lastToken, config.padTokenId);
  const shape = groupShapeOf(policy, prompt, batch, false);
  const graph = await policy.graphs.get("logits", () => buildLogits(policy, shape));
  const feeds = { ...weightFeeds(policy, graph), ...(await groupFeeds(policy, prompt, batch, shape, 1)) };
  const { logits } = await graph.run(feeds);
  assert.ok(logits instanceof Float32Array);
  return logits.subarray(0, (ids.length - from) * config.text.vocabSize);
}

function buildLogits({ config, lora }: Policy, shape: GroupShape): Graph {
  const p = new PolicyGraph("logits", config, lora);
  const visual = p.g.input("visual", [shape.visualTokens, config.text.hiddenSize]);
  const prompt = addPrompt(p, addPromptEmbedding(p, shape.promptLength, visual));
  const embedded = addEmbedding(p, p.g.input("completion_ids", [shape.completionLength], "int64"));
  p.g.output("logits", addHead(p, addCompletions(p, embedded, prompt, 1, shape.completionLength)));
  return p.g;
}

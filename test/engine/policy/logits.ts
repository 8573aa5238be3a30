import assert from "node:assert/strict";
import { completionBatch } from "../../../src/engine/policy/completionBatch.ts";
import { addPromptInputs } from "../../../src/engine/policy/completionGraphs.ts";
import { completionFeeds } from "../../../src/engine/policy/completionPass.ts";
import { addCompletionLayers, addEmbedding, addHead } from "../../../src/engine/policy/decoder.ts";
import type { Graph } from "../../../src/engine/graph/types.ts";
import { weightFeeds, type Policy } from "../../../src/engine/policy/policy.ts";
import { PolicyGraph } from "../../../src/engine/policy/policyGraph.ts";
import { prepareTokens } from "../../../src/engine/policy/preparedPrompt.ts";
import { computePromptKv } from "../../../src/engine/policy/promptKv.ts";
import type { Visual } from "../../../src/engine/policy/visuals.ts";

/** Logits that predict the tokens from `from` on, by the graphs that training uses. */
export async function computeLogits(
  policy: Policy,
  visuals: readonly Visual[],
  ids: readonly number[],
  from: number,
): Promise<Float32Array> {
  const { config } = policy;
  const prompt = prepareTokens(ids.slice(0, from), visuals, config);
  const batch = completionBatch([Int32Array.from(ids.slice(from))], prompt.lastToken, config.padTokenId);
  const graph = await policy.graphs.get(`logits/${prompt.paddedLength}/${batch.length}`, () =>
    buildLogits(policy, prompt.paddedLength, batch.length),
  );
  const kv = await computePromptKv(policy, prompt);
  const { logits } = await graph.run({
    ...weightFeeds(policy, graph),
    ...completionFeeds(policy, { prompt, kv, batch, temperature: 1 }),
  });
  assert.ok(logits instanceof Float32Array);
  return logits.subarray(0, (ids.length - from) * config.text.vocabSize);
}

function buildLogits({ config, lora }: Policy, promptLength: number, completionLength: number): Graph {
  const p = new PolicyGraph("logits", config, lora);
  const prompt = addPromptInputs(p, config.text.layers, promptLength);
  const embedded = addEmbedding(p, p.g.input("completion_ids", [completionLength], "int64"));
  p.g.output("logits", addHead(p, addCompletionLayers(p, embedded, prompt, 1, completionLength)));
  return p.g;
}

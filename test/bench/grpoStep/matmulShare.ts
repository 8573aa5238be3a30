import os from "node:os";
import { performance } from "node:perf_hooks";
import { GraphBuilder } from "../../../src/engine/graph/builder.ts";
import { CompiledGraph } from "../../../src/engine/runtime/session.ts";
import { mediumText, type StepShape } from "./shape.ts";

/** Operations a second of one large product of matrices in onnxruntime on all cores: what a step cannot go beyond. */
export async function matmulLimit(): Promise<number> {
  const [rows, inner, columns] = [2048, 1024, 2048];
  const g = new GraphBuilder("matmul");
  g.output("y", g.matmul(g.input("x", [rows, inner]), g.input("w", [inner, columns])));
  const graph = await CompiledGraph.compile(g, { threads: os.availableParallelism(), hasArena: true });
  const random = (count: number): Float32Array => Float32Array.from({ length: count }, Math.random);
  const feeds = { x: random(rows * inner), w: random(inner * columns) };
  let best = Infinity;
  for (let run = 0; run < 30; run++) {
    const start = performance.now();
    await graph.run(feeds);
    best = Math.min(best, performance.now() - start);
  }
  await graph.release();
  return (2 * rows * inner * columns) / (best / 1000);
}

/**
 * Operations of the products of matrices that each part of a step cannot do without, a multiplication and an addition as two: the
 * prompt once, attention to what stands before only, three times a forward pass for a pass with gradients.
 */
export function neededOperations({
  promptTokens,
  groupSize,
  completionTokens,
  beta,
}: StepShape): Record<string, number> {
  const { hidden, layers, heads, kvHeads, headDim, ffn, vocab } = mediumText;
  const layer = hidden * headDim * (2 * heads + 2 * kvHeads) + 3 * hidden * ffn;
  const attention = (queries: number, keys: number): number => 4 * heads * headDim * layers * queries * keys;
  const rows = groupSize * completionTokens;
  const prompt = 2 * layers * layer * promptTokens + attention(promptTokens, promptTokens / 2);
  const completions =
    2 * (layers * layer + vocab * hidden) * rows + attention(rows, promptTokens + completionTokens / 2);
  return {
    prefill: prompt,
    decode: completions,
    score: beta > 0 ? prompt + completions : 0,
    accumulate: 3 * (prompt + completions),
  };
}

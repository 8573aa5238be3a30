import assert from "node:assert/strict";
import { test } from "node:test";
import { GraphBuilder } from "../../../src/engine/graph/builder.ts";
import type { Graph } from "../../../src/engine/graph/types.ts";
import { GraphCache } from "../../../src/engine/runtime/graphCache.ts";
import { CompiledGraph } from "../../../src/engine/runtime/session.ts";

test("a graph used after its release is refused; releasing twice is fine", async () => {
  const graph = await CompiledGraph.compile(plus(1), { threads: 1, hasArena: false });
  assert.deepEqual((await graph.run({ x: Float32Array.of(1, 2) }))["y"], Float32Array.of(2, 3));
  await graph.release();
  await graph.release();
  await assert.rejects(graph.run({ x: Float32Array.of(1, 2) }), /graph used after release/);
});

test("an input that is missing or of another size is named", async () => {
  const graph = await CompiledGraph.compile(plus(1), { threads: 1, hasArena: false });
  assert.deepEqual(graph.inputNames, ["x"]);
  await assert.rejects(graph.run({}), /input x is missing/);
  await assert.rejects(graph.run({ x: new Float32Array(3) }), /x has 3 elements, expected 2/);
  await assert.rejects(graph.run({ x: new Float32Array(2) }, { y: new Float32Array(1) }), /y has 1 elements/);
  await graph.release();
});

test("an output is written over its own input", async () => {
  const graph = await CompiledGraph.compile(plus(1), { threads: 1, hasArena: false });
  const x = Float32Array.of(1, 2);
  const { y } = await graph.run({ x }, { y: x });
  assert.equal(y, x);
  await graph.run({ x }, { y: x });
  assert.deepEqual(x, Float32Array.of(3, 4));
  await graph.release();
});

test("a part of a larger buffer is written in place, and nothing beside it", async () => {
  const graph = await CompiledGraph.compile(plus(1), { threads: 1, hasArena: false });
  const buffer = Float32Array.of(9, 1, 2, 9);
  await graph.run({ x: buffer.subarray(1, 3) }, { y: buffer.subarray(1, 3) });
  assert.deepEqual(buffer, Float32Array.of(9, 2, 3, 9));
  await graph.release();
});

test("the cache builds a graph once, and releases the one that was not used for longest", async () => {
  const cache = new GraphCache({ threads: 1, hasArena: false }, 2);
  const built: string[] = [];
  const get = (key: string): Promise<CompiledGraph> => cache.get(key, () => (built.push(key), plus(key.length)));
  const first = await get("a");
  const second = await get("bb");
  assert.equal(await get("a"), first);
  await get("ccc"); // bb goes
  const x = Float32Array.of(0, 0);
  assert.deepEqual((await first.run({ x }))["y"], Float32Array.of(1, 1));
  await assert.rejects(second.run({ x }), /graph used after release/);
  assert.deepEqual((await (await get("bb")).run({ x }))["y"], Float32Array.of(2, 2)); // a goes
  await assert.rejects(first.run({ x }), /graph used after release/);
  assert.deepEqual(built, ["a", "bb", "ccc", "bb"]);
  const last = await get("bb");
  await cache.dispose();
  await assert.rejects(last.run({ x }), /graph used after release/);
});

function plus(value: number): Graph {
  const g = new GraphBuilder("plus");
  g.output("y", g.add(g.input("x", [2]), g.constant(value)));
  return g;
}

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { GraphBuilder } from "../../../src/engine/graph/builder.ts";
import type { Graph } from "../../../src/engine/graph/types.ts";
import { GraphCache } from "../../../src/engine/runtime/graphCache.ts";
import { CompiledGraph } from "../../../src/engine/runtime/session.ts";
import { tryProvider } from "../../../src/engine/runtime/tryProvider.ts";
import { noAdapter, useSoftwareAdapter } from "./softwareAdapter.ts";

const options = { threads: 1, hasArena: false, provider: "webgpu", isStrict: true } as const;

if (useSoftwareAdapter()) {
  const cache = new GraphCache(options);
  after(() => cache.dispose());

  test("a software adapter computes, and is told from a graphics card", async () => {
    assert.deepEqual(await tryProvider("webgpu"), { ok: true, isSoftware: true });
  });

  test("an array that lives on is read and written on the device, and comes back when it is asked for", async () => {
    const { device } = cache;
    const x = Float32Array.of(1, 2);
    const graph = await cache.get("plus", () => plus(1));
    for (let run = 0; run < 3; run++) {
      const returned = await graph.run({ x: device.resident(x) }, { y: device.resident(x) });
      assert.deepEqual(returned, { twice: Float32Array.of(4 + 2 * run, 6 + 2 * run) });
    }
    assert.deepEqual(x, Float32Array.of(1, 2), "nobody has asked for it");
    await device.download(x);
    assert.deepEqual(x, Float32Array.of(4, 5));

    x.set([10, 20]);
    device.touched(x);
    await graph.run({ x: device.resident(x) }, { y: device.resident(x) });
    await device.download(x);
    assert.deepEqual(x, Float32Array.of(11, 21));
  });

  test("zeros are zeros, whatever stood there, in the array and on the device", async () => {
    const { device } = cache;
    const graph = await cache.get("plus", () => plus(1));
    for (const before of [5, NaN, Infinity]) {
      const x = new Float32Array(2).fill(before);
      await graph.run({ x: device.resident(x) }, { y: device.resident(x) });
      device.zero(x);
      await graph.run({ x: device.resident(x) }, { y: device.resident(x) });
      await device.download(x);
      assert.deepEqual(x, Float32Array.of(1, 1));
      device.zero(x);
      await device.download(x);
      assert.deepEqual(x, Float32Array.of(0, 0));
      device.release(x);
    }
    const unused = Float32Array.of(3, 4);
    device.zero(unused);
    assert.deepEqual(unused, Float32Array.of(0, 0));
    device.zero(unused);
    await graph.run({ x: device.resident(unused) }, { y: device.resident(unused) });
    await device.download(unused);
    assert.deepEqual(unused, Float32Array.of(1, 1));
  });

  test("outputs go into arrays of this process too, beside others that stay", async () => {
    const { device } = cache;
    const [x, twice] = [Float32Array.of(1, 2), new Float32Array(2)];
    const graph = await CompiledGraph.compile(plus(1), options);
    const returned = await graph.run({ x }, { y: device.resident(x), twice });
    assert.equal(returned["twice"], twice);
    assert.deepEqual(twice, Float32Array.of(4, 6));
    await assert.rejects(graph.run({ x }), /an output stays on the device in some runs only/);
    await assert.rejects(graph.run({ x: device.resident(new Float32Array(3)) }), /x has 3 elements, expected 2/);
    await graph.release();
    await assert.rejects(graph.run({ x }), /graph used after release/);
    device.release(x);
  });
} else {
  test(noAdapter, () => undefined);
}

/** y = x + value, and `twice` = 2 y. */
function plus(value: number): Graph {
  const g = new GraphBuilder("plus");
  const y = g.add(g.input("x", [2]), g.constant(value));
  g.output("y", y);
  g.output("twice", g.scale(y, 2));
  return g;
}

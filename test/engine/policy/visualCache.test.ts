import assert from "node:assert/strict";
import { test } from "node:test";
import { keepVisual, visualEmbedding } from "../../../src/engine/policy/policy.ts";
import { checkpointDir, tinyClip, withPolicy } from "./tinyPolicy.ts";

test("visual embeddings are kept up to a size; those unused for longest go first", () => {
  const cache = new Map<string, Float32Array>();
  const embedding = (): Float32Array => new Float32Array(25); // 100 bytes
  for (const key of ["a", "b", "c"]) keepVisual(cache, key, embedding(), 300);
  assert.deepEqual([...cache.keys()], ["a", "b", "c"]);
  keepVisual(cache, "a", cache.get("a") ?? embedding(), 300); // used again
  keepVisual(cache, "d", embedding(), 300);
  assert.deepEqual([...cache.keys()], ["c", "a", "d"]);
  keepVisual(cache, "large", new Float32Array(76), 300);
  assert.deepEqual([...cache.keys()], [], "one that is larger than all there may be is not kept, nor anything for it");
});

test("the vision tower runs once a clip while it is fixed, and anew where it learns", async () => {
  const dir = checkpointDir("grpo/checkpoint");
  const clip = tinyClip({ frames: 2, height: 16, width: 16, duration: 1 });
  const other = tinyClip({ frames: 2, height: 16, width: 16, duration: 2 });
  const grid = { t: 1, h: 4, w: 4 };
  const frozen = { policy: { training: "full", freezeVision: true } } as const;
  const adapted = { policy: { lora: {} } };
  for (const spec of [frozen, adapted]) {
    await withPolicy(dir, spec, async ({ policy }) => {
      const first = await visualEmbedding(policy, clip, grid);
      assert.equal(await visualEmbedding(policy, clip, grid), first);
      assert.equal(await visualEmbedding(policy, clip, grid, "reference"), first);
      assert.notEqual(await visualEmbedding(policy, other, grid), first);
    });
  }
  await withPolicy(dir, {}, async ({ policy }) => {
    const first = await visualEmbedding(policy, clip, grid);
    const reference = await visualEmbedding(policy, clip, grid, "reference");
    assert.notEqual(await visualEmbedding(policy, clip, grid), first);
    assert.equal(await visualEmbedding(policy, clip, grid, "reference"), reference);
    policy.checkpoint.weights.get("visual.merger.mlp.2.bias")?.fill(1);
    assert.notDeepEqual(await visualEmbedding(policy, clip, grid), reference);
    assert.equal(await visualEmbedding(policy, clip, grid, "reference"), reference);
  });
});

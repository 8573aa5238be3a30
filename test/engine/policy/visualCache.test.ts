import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { keepVisual, visualEmbedding } from "../../../src/engine/policy/policy.ts";
import { createVisualStore } from "../../../src/engine/policy/visualStore.ts";
import { prepareVisual, type PreparedVisual } from "../../../src/engine/policy/visuals.ts";
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

function shown(duration: number): PreparedVisual {
  const clip = tinyClip({ frames: 2, height: 16, width: 16, duration });
  return { visual: { kind: "video", clip }, grid: { t: 1, h: 4, w: 4 } };
}

test("the vision tower runs once a clip while it is fixed, and anew where it learns", async () => {
  const dir = checkpointDir("grpo/checkpoint");
  const [clip, other] = [shown(1), shown(2)];
  const frozen = { policy: { training: "full", freezeVision: true } } as const;
  const adapted = { policy: { lora: {} } };
  for (const spec of [frozen, adapted]) {
    await withPolicy(dir, spec, async ({ policy }) => {
      const first = await visualEmbedding(policy, clip);
      assert.equal(await visualEmbedding(policy, clip), first);
      assert.equal(await visualEmbedding(policy, clip, "reference"), first);
      assert.notEqual(await visualEmbedding(policy, other), first);
    });
  }
  await withPolicy(dir, {}, async ({ policy }) => {
    const first = await visualEmbedding(policy, clip);
    const reference = await visualEmbedding(policy, clip, "reference");
    assert.notEqual(await visualEmbedding(policy, clip), first);
    assert.equal(await visualEmbedding(policy, clip, "reference"), reference);
    policy.checkpoint.weights.get("visual.merger.mlp.2.bias")?.fill(1);
    assert.notDeepEqual(await visualEmbedding(policy, clip), reference);
    assert.equal(await visualEmbedding(policy, clip, "reference"), reference);
  });
});

test("embeddings of a fixed vision tower outlive the process, and a torn one is made anew", async () => {
  const cacheDir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-visual-"));
  try {
    const spec = { policy: { training: "full", freezeVision: true } } as const;
    const embed = (tower: string) =>
      withPolicy(checkpointDir("grpo/checkpoint"), spec, ({ policy }) =>
        visualEmbedding({ ...policy, visualStore: createVisualStore(cacheDir, tower) }, shown(1)),
      );
    const first = await embed("a");
    const [name = assert.fail("nothing was stored")] = fs.readdirSync(path.join(cacheDir, "visual"));
    const file = path.join(cacheDir, "visual", name);
    const bytes = fs.readFileSync(file);

    // What is read is what stands there: another number with its own checksum is taken.
    const marked = Float32Array.from(first, (x, i) => (i === 0 ? 7 : x));
    await createVisualStore(cacheDir, "a").write("fixed/2x16x16/1", marked);
    assert.deepEqual(await embed("a"), marked);
    for (const torn of [
      bytes.subarray(0, 40),
      Buffer.concat([bytes.subarray(0, 40), Buffer.alloc(bytes.length - 40)]),
    ]) {
      fs.writeFileSync(file, torn);
      assert.deepEqual(await embed("a"), first);
      assert.deepEqual(fs.readFileSync(file), bytes);
    }
    await embed("b");
    assert.equal(fs.readdirSync(path.join(cacheDir, "visual")).length, 2, "another tower has its own");
  } finally {
    fs.rmSync(cacheDir, { recursive: true, force: true });
  }
});

test("features for the decoder's layers (deepstack) are stored with the embedding", async () => {
  const cacheDir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-visual-"));
  try {
    const clip = tinyClip({ frames: 2, height: 32, width: 64, duration: 1 });
    const spec = { policy: { training: "full", freezeVision: true } } as const;
    const embed = () =>
      withPolicy(checkpointDir("policy/qwen3-vl"), spec, ({ policy }) => {
        const prepared = prepareVisual({ kind: "video", clip }, policy.config);
        return visualEmbedding({ ...policy, visualStore: createVisualStore(cacheDir, "a") }, prepared);
      });
    const first = await embed();
    assert.equal(first.length, 2 * 3 * 32, "two tokens; an embedding and two features of 32 each");
    const marked = first.map((x) => x + 1);
    await createVisualStore(cacheDir, "a").write("fixed/2x32x64/1", marked);
    assert.deepEqual(await embed(), marked);
  } finally {
    fs.rmSync(cacheDir, { recursive: true, force: true });
  }
});

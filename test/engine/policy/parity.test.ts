import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { readPolicyConfig } from "../../../src/engine/policy/config.ts";
import { patchify } from "../../../src/engine/policy/patches.ts";
import { visualEmbedding } from "../../../src/engine/policy/policy.ts";
import { prepareContent, prepareTokens } from "../../../src/engine/policy/preparedPrompt.ts";
import { ropeIndex } from "../../../src/engine/policy/ropeIndex.ts";
import { SafetensorsFile } from "../../../src/engine/policy/safetensors.ts";
import {
  framesOf,
  prepareVisual,
  secondsPerGrid,
  timePositions,
  visualSpans,
} from "../../../src/engine/policy/visuals.ts";
import { windowLayout } from "../../../src/engine/policy/windows.ts";
import { sampleGroups } from "../../../src/engine/rollout/sampler.ts";
import { computeLogits } from "./logits.ts";
import {
  checkpointDir,
  maxDifference,
  policyFixtures,
  readJson,
  tinyContent,
  visualsIn,
  withPolicy,
  type TinyPart,
} from "./tinyPolicy.ts";

/** What transformers computed with the checkpoint beside it: test/python/makePolicyFixture.py. */
interface Expected {
  readonly content: readonly TinyPart[];
  readonly completion: string;
  readonly promptIds: readonly number[];
  readonly completionIds: readonly number[];
  /** Of each token along time, height and width. */
  readonly positions: readonly [readonly number[], readonly number[], readonly number[]];
  readonly visuals: readonly ExpectedVisual[];
  readonly firstLogitsRow: number;
  readonly greedyIds: readonly number[];
  readonly text: string;
}

interface ExpectedVisual {
  readonly grid: readonly [number, number, number];
  /** Of a video of Qwen2.5-VL. */
  readonly secondsPerGrid: number | null;
  /** Where the tower has windows. */
  readonly windowIndex?: readonly number[];
  readonly windowSizes?: readonly number[];
  readonly patchRows: readonly number[];
  readonly patchSum: number;
}

for (const name of policyFixtures) {
  describe(`${name} computes what transformers computes`, () => {
    const dir = checkpointDir(`policy/${name}`);
    const expected = readJson<Expected>(path.join(dir, "expected.json"));
    const config = readPolicyConfig(readJson(path.join(dir, "config.json")), "config.json");
    const content = tinyContent(expected.content);
    const visuals = visualsIn(content);
    const prepared = visuals.map((visual) => prepareVisual(visual, config));

    test("tokens of the prompt and the completion", () =>
      withPolicy(dir, {}, async ({ policy }) => {
        const prompt = prepareContent(content, policy.tokenizer, config);
        assert.deepEqual(prompt.ids, expected.promptIds);
        assert.deepEqual(policy.tokenizer.encode(expected.completion), expected.completionIds);
        assert.equal(policy.tokenizer.decode(expected.completionIds), expected.text);
        assert.equal(policy.tokenizer.decode([...expected.completionIds, ...config.eosTokenIds]), expected.text);
      }));

    test("positions of the prompt", () => {
      const spans = prepared.flatMap((visual) => visualSpans(visual, config));
      const index = ropeIndex(expected.promptIds, spans, config);
      const found = [index.time_S, index.height_S, index.width_S].map((axis) => [...axis]);
      assert.deepEqual(found, expected.positions);
      assert.equal(index.next, Math.max(...expected.positions.flat()) + 1);
    });

    test("grids, seconds, patches and windows of each visual", async () => {
      for (const [i, { visual, grid }] of prepared.entries()) {
        const known = expected.visuals[i];
        assert.ok(known);
        assert.deepEqual([grid.t, grid.h, grid.w], known.grid);
        if (known.secondsPerGrid !== null) {
          assert.ok(visual.kind === "video");
          assert.ok(Math.abs(secondsPerGrid(visual.clip.seen, config) - known.secondsPerGrid) < 1e-6);
        }
        const all = patchify(framesOf(visual, config), grid, config.vision);
        const width = all.length / (grid.t * grid.h * grid.w);
        const some = known.patchRows.flatMap((row) => [...all.subarray(row * width, (row + 1) * width)]);
        within(maxDifference(some, await readExpected(`patches.${i}`)), 1e-6, `${name} patches`);
        assert.ok(Math.abs(all.reduce((sum, x) => sum + x, 0) - known.patchSum) < 0.05);
        if (known.windowIndex === undefined) continue;
        const layout = windowLayout(grid, config.vision);
        assert.deepEqual([layout.order, layout.sizes], [known.windowIndex, known.windowSizes]);
      }
    });

    test("visual embeddings", () =>
      withPolicy(dir, {}, async ({ policy }) => {
        for (const [i, visual] of prepared.entries()) {
          const found = await visualEmbedding(policy, visual);
          within(maxDifference(found, await readExpected(`visual.${i}`)), 1e-4, `${name} visual embeddings`);
        }
      }));

    test("logits of every token after the prompt, or after the last visual", () =>
      withPolicy(dir, {}, async ({ policy }) => {
        const ids = [...expected.promptIds, ...expected.completionIds];
        const logits = await computeLogits(policy, visuals, ids, expected.firstLogitsRow + 1);
        // In float32 the reference itself is up to 2e-4 away from what it computes in float64.
        within(maxDifference(logits, await readExpected("logits")), 5e-4, `${name} logits`);
      }));

    const adapterDir = path.join(dir, "adapter");
    if (fs.existsSync(adapterDir))
      test("logits with an adapter that peft has saved, by its folder alone", () =>
        withPolicy(adapterDir, {}, async ({ policy }) => {
          const ids = [...expected.promptIds, ...expected.completionIds];
          const logits = await computeLogits(policy, visuals, ids, expected.firstLogitsRow + 1);
          const known = await readExpected("logits", adapterDir);
          within(maxDifference(logits, known), 5e-4, `${name} logits with an adapter`);
          assert.ok(maxDifference(known, await readExpected("logits")) > 0.1, "the adapter does something");
        }));

    test("64 tokens of greedy decoding", () =>
      withPolicy(dir, {}, async ({ policy }) => {
        const prompt = prepareTokens(expected.promptIds, visuals, config);
        const options = { temperature: 0, topP: 1, topK: 0, groupSize: 2, maxCompletionLength: 64 };
        const [group = []] = await sampleGroups(policy, [{ prompt, seed: 1 }], options);
        assert.deepEqual(
          group.map((completion) => [...completion.tokens_T]),
          [expected.greedyIds, expected.greedyIds],
        );
      }));

    async function readExpected(tensor: string, folder = dir): Promise<Float32Array> {
      const file = await SafetensorsFile.open(path.join(folder, "expected.safetensors"));
      try {
        return await file.read(tensor);
      } finally {
        await file.close();
      }
    }
  });
}

test("times of video positions are those of the release that came with the model", () => {
  type Row = readonly [frames: number, durationSec: number, tokensPerSecond: number, positions: readonly number[]];
  const config = readPolicyConfig(readJson(path.join(checkpointDir("policy/tied"), "config.json")), "config.json");
  const rows = readJson<readonly Row[]>(path.resolve("test", "fixtures", "policy", "videoTimes.json"));
  assert.equal(rows.length, 300);
  for (const [frames, durationSec, tokensPerSecond, positions] of rows) {
    const own = { ...config, vision: { ...config.vision, tokensPerSecond } };
    const ids = [0, ...new Array<number>(frames / 2).fill(config.videoTokenId), 0];
    const seconds = secondsPerGrid({ durationSec, frameIndices: new Array<number>(frames).fill(0) }, own);
    const grid = { t: frames / 2, h: 2, w: 2 };
    const { time_S } = ropeIndex(ids, [{ grid, times: timePositions(grid.t, seconds, own) }], own);
    assert.deepEqual([...time_S], positions, `${frames} frames of ${durationSec} s, ${tokensPerSecond} a second`);
  }
});

function within(difference: number, limit: number, what: string): void {
  console.log(`worst difference of ${what}: ${difference.toExponential(1)}`);
  assert.ok(difference <= limit, `${what} differ by ${difference}`);
}

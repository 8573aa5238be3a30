import { elementCount, type Value } from "../graph/types.ts";
import type { VisionConfig } from "./config.ts";
import { patchify, patchPositions } from "./patches.ts";
import { attend, countingPositions, masked, type PolicyGraph } from "./policyGraph.ts";
import type { Grid } from "./ropeIndex.ts";
import { visionRotary } from "./rotary.ts";
import { windowLayout } from "./windows.ts";

const epsilon = 1e-6; // Qwen2_5_VLVisionBlock and merger

/**
 * Adds the vision tower (Qwen2_5_VisionTransformerPretrainedModel) and its inputs `patches`, `vision_cos`, `vision_sin`.
 * @returns visual embeddings in grid order, [N / merge^2, outHiddenSize]
 */
export function addVisionTower(p: PolicyGraph, grid: Grid): Value {
  const { g } = p;
  const v = p.config.vision;
  const count = grid.t * grid.h * grid.w;
  const patchLength = 3 * v.temporalPatchSize * v.patchSize ** 2;
  const headDim = v.hiddenSize / v.heads;
  const cos = g.input("vision_cos", [count, headDim / 2]);
  const sin = g.input("vision_sin", [count, headDim / 2]);
  const positions = countingPositions(g, 1, count);
  const layout = windowLayout(grid, v);
  const unit = v.spatialMergeSize ** 2;
  const windows = layout.sizes.map((size) => size * unit);
  const frames = new Array<number>(grid.t).fill(grid.h * grid.w);

  const patchWeight = g.reshape(p.weight("visual.patch_embed.proj.weight"), [v.hiddenSize, patchLength]);
  let x = g.linear(g.input("patches", [count, patchLength]), patchWeight);
  for (let block = 0; block < v.depth; block++) {
    const name = `visual.blocks.${block}`;
    const qkv = p.linear(g.rmsNorm(x, p.weight(`${name}.norm1.weight`), epsilon), `${name}.attn.qkv`);
    const [q, k, values] = g.split(qkv, 1, [v.hiddenSize, v.hiddenSize, v.hiddenSize]);
    if (q === undefined || k === undefined || values === undefined) throw new Error("internal: qkv split");
    const turn = (z: Value): Value =>
      g.reshape(g.rotary(g.reshape(z, [1, count, v.hiddenSize]), positions, cos, sin, v.heads), z.shape);
    const segments = v.fullAttentionBlocks.includes(block) ? frames : windows;
    const attended = attendWithin(p, turn(q), turn(k), values, segments);
    x = g.add(x, p.linear(attended, `${name}.attn.proj`));
    const h = g.rmsNorm(x, p.weight(`${name}.norm2.weight`), epsilon);
    const gated = g.mul(g.silu(p.linear(h, `${name}.mlp.gate_proj`)), p.linear(h, `${name}.mlp.up_proj`));
    x = g.add(x, p.linear(gated, `${name}.mlp.down_proj`));
  }
  const normed = g.rmsNorm(x, p.weight("visual.merger.ln_q.weight"), epsilon);
  const groups = g.reshape(normed, [count / unit, v.hiddenSize * unit]);
  const merged = p.linear(g.gelu(p.linear(groups, "visual.merger.mlp.0")), "visual.merger.mlp.2");
  return inGridOrder(p, merged, layout.order);
}

/** Data for the inputs of `addVisionTower`, patches in window order. */
export function visionFeeds(pixels_FHWC: Uint8Array, grid: Grid, config: VisionConfig): Record<string, Float32Array> {
  const unit = config.spatialMergeSize ** 2;
  const patches = patchify(pixels_FHWC, grid, config);
  const { row_N, column_N } = patchPositions(grid, config);
  const patchLength = patches.length / row_N.length;
  const order = windowLayout(grid, config).order.flatMap((group) =>
    Array.from({ length: unit }, (_, i) => group * unit + i),
  );
  const ordered = new Float32Array(patches.length);
  order.forEach((from, to) =>
    ordered.set(patches.subarray(from * patchLength, (from + 1) * patchLength), to * patchLength),
  );
  const rotary = visionRotary(
    Int32Array.from(order, (n) => row_N[n] ?? 0),
    Int32Array.from(order, (n) => column_N[n] ?? 0),
    config,
  );
  return { patches: ordered, vision_cos: rotary.cos, vision_sin: rotary.sin };
}

/** Attention within consecutive segments of the rows; q, k, v are [N, hidden]. */
function attendWithin(p: PolicyGraph, q: Value, k: Value, v: Value, sizes: readonly number[]): Value {
  const { g } = p;
  const { heads, hiddenSize } = p.config.vision;
  const headDim = hiddenSize / heads;
  const longest = Math.max(...sizes);
  const isEven = sizes.every((size) => size === longest);
  const slots = segmentSlots(sizes, longest);
  const split = (x: Value): Value => {
    const rows = isEven ? x : g.gather(x, int64(p, slots.source));
    return g.transpose(g.reshape(rows, [sizes.length, longest, heads, headDim]), [0, 2, 1, 3]);
  };
  const scoreShape = [sizes.length, heads, longest, longest];
  const mask = isEven ? undefined : { value: g.tensor(slots.mask, [sizes.length, 1, 1, longest]), scoreShape };
  const out = g.transpose(attend(g, split(q), split(k), split(v), headDim ** -0.5, mask), [0, 2, 1, 3]);
  const rows = g.reshape(out, [sizes.length * longest, hiddenSize]);
  return isEven ? rows : g.gather(rows, int64(p, slots.filled));
}

/** Segments of different sizes laid out in slots of the longest: where each slot comes from, and which slots are real. */
function segmentSlots(sizes: readonly number[], longest: number) {
  const source: number[] = [];
  const filled: number[] = [];
  const mask = new Float32Array(sizes.length * longest);
  let start = 0;
  sizes.forEach((size, segment) => {
    for (let i = 0; i < longest; i++) {
      const slot = segment * longest + i;
      source.push(i < size ? start + i : 0);
      if (i < size) filled.push(slot);
      else mask[slot] = masked;
    }
    start += size;
  });
  return { source, filled, mask };
}

function inGridOrder(p: PolicyGraph, merged: Value, order: readonly number[]): Value {
  if (order.every((group, i) => group === i)) return merged;
  const inverse = new Array<number>(order.length).fill(0);
  order.forEach((group, i) => (inverse[group] = i));
  return p.g.gather(merged, int64(p, inverse));
}

function int64(p: PolicyGraph, data: readonly number[]): Value {
  return p.g.tensor(BigInt64Array.from(data, BigInt), [elementCount([data.length])]);
}

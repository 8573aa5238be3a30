import { concatenated } from "./concatenated.ts";
import type { Value } from "../graph/types.ts";
import type { VisionConfig } from "./config.ts";
import { patchify, patchPositions } from "./patches.ts";
import { attend, countingPositions, masked, type PolicyGraph } from "./policyGraph.ts";
import type { Grid } from "./ropeIndex.ts";
import { visionRotary } from "./rotary.ts";
import { learnedPositions } from "./visionPositions.ts";
import { windowLayout } from "./windows.ts";

const epsilon = 1e-6; // of every norm of the towers, whatever config.json says

/** A video or picture as the tower takes it. */
export interface GridFrames {
  readonly grid: Grid;
  /** RGB, row-major [F, H, W, 3]. */
  readonly pixels_FHWC: Uint8Array;
}

/** Columns of an embedding: what takes the place of a token's, then a feature for each of the first decoder layers. */
export function visualWidth({ outHiddenSize, deepstackBlocks }: VisionConfig): number {
  return outHiddenSize * (1 + deepstackBlocks.length);
}

/**
 * Adds the vision tower (Qwen2VisionTransformerPretrainedModel and its successors) for visuals of the given grids, one
 * after the other, and its inputs `patches`, `vision_cos`, `vision_sin`.
 * @returns visual embeddings in grid order, [N / merge^2, visualWidth]
 */
export function addVisionTower(p: PolicyGraph, grids: readonly Grid[]): Value {
  const { g } = p;
  const v = p.config.vision;
  const layout = towerLayout(grids, v);
  const count = layout.patches.length;
  const patchLength = 3 * v.temporalPatchSize * v.patchSize ** 2;
  const headDim = v.hiddenSize / v.heads;
  const cos = g.input("vision_cos", [count, headDim / 2]);
  const sin = g.input("vision_sin", [count, headDim / 2]);
  const positions = countingPositions(g, 1, count);

  let x = addPatchEmbedding(p, g.input("patches", [count, patchLength]));
  if (v.positionEmbeddings > 0) x = g.add(x, addLearnedPositions(p, grids, layout));
  const deepstack: Value[] = [];
  for (let block = 0; block < v.depth; block++) {
    const name = `visual.blocks.${block}`;
    const qkv = p.linear(norm(p, x, `${name}.norm1`), `${name}.attn.qkv`);
    const [q, k, values] = g.split(qkv, 1, [v.hiddenSize, v.hiddenSize, v.hiddenSize]);
    if (q === undefined || k === undefined || values === undefined) throw new Error("internal: qkv split");
    const turn = (z: Value): Value =>
      g.reshape(g.rotary(g.reshape(z, [1, count, v.hiddenSize]), positions, cos, sin, v.heads), z.shape);
    const hasWindows = v.windowSize !== null && !v.fullAttentionBlocks.includes(block);
    const attended = attendWithin(p, turn(q), turn(k), values, hasWindows ? layout.windows : layout.frames);
    x = g.add(x, p.linear(attended, `${name}.attn.proj`));
    x = g.add(x, addMlp(p, name, norm(p, x, `${name}.norm2`)));
    const level = v.deepstackBlocks.indexOf(block);
    if (level >= 0) deepstack.push(addMerger(p, `visual.deepstack_merger_list.${level}`, x, "after merging"));
  }
  const merged = addMerger(p, "visual.merger", x, "before merging");
  return inGridOrder(p, g.concat([merged, ...deepstack], 1), layout.groups);
}

/** Data for the inputs of `addVisionTower`, patches in window order. */
export function visionFeeds(visuals: readonly GridFrames[], config: VisionConfig): Record<string, Float32Array> {
  const patches = concatenated(visuals.map(({ pixels_FHWC, grid }) => patchify(pixels_FHWC, grid, config)));
  const positions = visuals.map(({ grid }) => patchPositions(grid, config));
  const row_N = positions.flatMap(({ row_N }) => [...row_N]);
  const column_N = positions.flatMap(({ column_N }) => [...column_N]);
  const { patches: order } = towerLayout(
    visuals.map(({ grid }) => grid),
    config,
  );
  const patchLength = patches.length / order.length;
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

/** How the patches of several grids stand in the tower: window by window. */
interface TowerLayout {
  /** Place in the tower -> index in grid order, of merged patches and of patches. */
  readonly groups: readonly number[];
  readonly patches: readonly number[];
  /** Patches that attend to one another, in the order of the tower. */
  readonly windows: readonly number[];
  readonly frames: readonly number[];
}

function towerLayout(grids: readonly Grid[], config: VisionConfig): TowerLayout {
  const unit = config.spatialMergeSize ** 2;
  const groups: number[] = [];
  const windows: number[] = [];
  const frames: number[] = [];
  for (const grid of grids) {
    const before = groups.length;
    const layout = windowLayout(grid, config);
    for (const group of layout.order) groups.push(before + group);
    windows.push(...layout.sizes.map((size) => size * unit));
    frames.push(...new Array<number>(grid.t).fill(grid.h * grid.w));
  }
  return {
    groups,
    patches: groups.flatMap((group) => Array.from({ length: unit }, (_, i) => group * unit + i)),
    windows,
    frames,
  };
}

function addPatchEmbedding(p: PolicyGraph, patches: Value): Value {
  const { hiddenSize, design } = p.config.vision;
  const weight = p.g.reshape(p.weight("visual.patch_embed.proj.weight"), [hiddenSize, patches.shape[1] ?? 0]);
  return p.g.linear(patches, weight, design.hasPatchBias ? p.weight("visual.patch_embed.proj.bias") : undefined);
}

/** The learned positions of the patches: of the four nearest in the table, weighted. */
function addLearnedPositions(p: PolicyGraph, grids: readonly Grid[], layout: TowerLayout): Value {
  const { g } = p;
  const { taps, weights } = learnedPositions(grids, p.config.vision);
  const count = layout.patches.length;
  const inOrder = <T>(rows: readonly (readonly T[])[]): T[] => layout.patches.flatMap((n) => rows[n] ?? []);
  const rows = g.gather(p.weight("visual.pos_embed.weight"), int64(p, inOrder(taps)));
  const shares = g.tensor(Float32Array.from(inOrder(weights)), [count, 4, 1]);
  const weighted = g.mul(g.reshape(rows, [count, 4, p.config.vision.hiddenSize]), shares);
  return g.reduceSum(weighted, [1], false);
}

function norm(p: PolicyGraph, x: Value, name: string): Value {
  const weight = p.weight(`${name}.weight`);
  if (p.config.vision.design.norm === "rms") return p.g.rmsNorm(x, weight, epsilon);
  return p.g.layerNorm(x, weight, p.weight(`${name}.bias`), epsilon);
}

function addMlp(p: PolicyGraph, block: string, x: Value): Value {
  const { g } = p;
  const { mlp } = p.config.vision.design;
  if (mlp !== "gated") return p.linear(g[mlp.activation](p.linear(x, `${block}.${mlp.up}`)), `${block}.${mlp.down}`);
  const gated = g.mul(g.silu(p.linear(x, `${block}.mlp.gate_proj`)), p.linear(x, `${block}.mlp.up_proj`));
  return p.linear(gated, `${block}.mlp.down_proj`);
}

/** Blocks of merge x merge patches as one row each, to the width of the decoder. */
function addMerger(p: PolicyGraph, name: string, x: Value, normed: "before merging" | "after merging"): Value {
  const { g } = p;
  const { hiddenSize, spatialMergeSize, design } = p.config.vision;
  const unit = spatialMergeSize ** 2;
  const { norm: normName, up, down } = design.merger;
  const merge = (z: Value): Value => g.reshape(z, [(z.shape[0] ?? 0) / unit, hiddenSize * unit]);
  const groups =
    normed === "before merging" ? merge(norm(p, x, `${name}.${normName}`)) : norm(p, merge(x), `${name}.${normName}`);
  return p.linear(g.gelu(p.linear(groups, `${name}.${up}`)), `${name}.${down}`);
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
  return p.g.tensor(BigInt64Array.from(data, BigInt), [data.length]);
}

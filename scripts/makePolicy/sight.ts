import type { Value } from "../../src/engine/graph/types.ts";
import { addGradientOutputs } from "../../src/engine/policy/accumulate.ts";
import type { PolicyConfig } from "../../src/engine/policy/config.ts";
import { parameterSpecs } from "../../src/engine/policy/parameters.ts";
import { gridOf } from "../../src/engine/policy/patches.ts";
import { PolicyGraph } from "../../src/engine/policy/policyGraph.ts";
import { weightFeeds, type Policy } from "../../src/engine/policy/policy.ts";
import type { Grid } from "../../src/engine/policy/ropeIndex.ts";
import { gradientBuffers, type OptimizerState } from "../../src/engine/policy/trainer.ts";
import { addVisionTower, visionFeeds } from "../../src/engine/policy/visionTower.ts";
import { boxAt, colourAt, eventsOf, isDuring, isOnScreen, type Scene } from "../../src/engine/samples/scene.ts";
import { dimensions, nameDimension, sideCode, sideDimension } from "./lookup.ts";
import { colourNames, shapeNames } from "../../src/engine/samples/shapes.ts";
import type { Clip } from "../../src/engine/video/clip.ts";

/** What a visual token is asked about, and how many answers there are. Boxes are on the grid of the lessons. */
const attributes = {
  time: 8,
  colour: colourNames.length + 1,
  shape: shapeNames.length + 1,
  event: 3,
  x0: 21,
  y0: 21,
  x1: 21,
  y1: 21,
} as const;
type Attribute = keyof typeof attributes;
// SAFETY: an object literal's own keys
const attributeNames = Object.keys(attributes) as Attribute[];
const answers = attributeNames.reduce((sum, name) => sum + attributes[name], 0);
/** Least share of a token's cell that a thing's box must fill to be what the token shows. */
const leastShare = 0.1;
const cells = 4;
export const visionPart = (config: PolicyConfig) => parameterSpecs(config).filter((spec) => spec.part === "vision");

/**
 * Adds the gradients of the vision tower for one clip: every visual token says where and when it is, and what thing it
 * shows, through a fixed readout. From the words of answers alone the tower gets too little to go by.
 * @returns the mean negative log-likelihood of each attribute
 */
export async function accumulateSight(
  policy: Policy,
  optimizer: OptimizerState,
  scene: Scene,
  clip: Clip,
  timesSec: readonly number[],
  weight: number,
  readout: Float32Array,
): Promise<Record<Attribute, number>> {
  const { seen } = clip;
  const grid = gridOf(seen.frameIndices.length, seen.heightPx, seen.widthPx, policy.config.vision);
  const graph = await policy.graphs.get(`sight/${grid.t}`, () => buildSight(policy.config, grid));
  const buffers = gradientBuffers(optimizer);
  const { lossWeights, counts } = labels(scene, timesSec, weight);
  const feeds = {
    ...weightFeeds(policy, graph),
    ...visionFeeds(clip.pixels_FHWC, grid, policy.config.vision),
    readout,
    loss_weights: lossWeights,
    ...buffers.feeds,
  };
  const { losses } = await graph.run(feeds, buffers.into);
  return byAttribute((name, i) => (counts[name] === 0 ? 0 : Number(losses?.[i]) / weight));
}

function byAttribute(value: (name: Attribute, i: number) => number): Record<Attribute, number> {
  // SAFETY: one entry for each attribute.
  return Object.fromEntries(attributeNames.map((name, i) => [name, value(name, i)])) as Record<Attribute, number>;
}

function buildSight(config: PolicyConfig, grid: Grid) {
  const p = new PolicyGraph("sight", config, null);
  const { g } = p;
  const visual = addVisionTower(p, grid);
  const width = config.text.hiddenSize;
  // What the decoder's first norm makes of it: only directions count, so that what is not asked for must be small.
  const normed = g.rmsNorm(visual, g.tensor(new Float32Array(width).fill(1), [width]), 1e-6);
  const logits = g.linear(normed, g.input("readout", [answers, width]));
  const sizes = attributeNames.map((name) => attributes[name]);
  const tokens = visual.shape[0] ?? 0;
  const weights = g.split(g.input("loss_weights", [tokens, answers]), 1, sizes);
  const losses = g.split(logits, 1, sizes).map((part, i): Value => {
    const weight = weights[i];
    if (weight === undefined) throw new Error("internal: split");
    return g.neg(g.sumAll(g.mul(weight, g.logSoftmax(part))));
  });
  g.output(
    "losses",
    g.concat(
      losses.map((loss) => g.reshape(loss, [1])),
      0,
    ),
  );
  const loss = losses.reduce((a, b) => g.add(a, b));
  addGradientOutputs(p, loss, visionPart(config));
  return g;
}

/**
 * What stands for each answer: a dimension of `seen`, or waves in `sides` (lookup.ts). What is not there is the absence of
 * the others: zeros.
 */
export function readoutOf(config: PolicyConfig): Float32Array {
  const width = config.text.hiddenSize;
  const rows = attributeNames.flatMap((name) =>
    Array.from({ length: attributes[name] }, (_, answer) => {
      const row = new Array<number>(width).fill(0);
      if (isSide(name)) {
        const start = sideDimension(sideNames.indexOf(name));
        sideCode(answer / 20).forEach((value, i) => (row[start + i] = sideSteepness * value));
        return row;
      }
      const known = name === "time" ? answer : answer - 1;
      if (known >= 0) row[dimensions.seen + nameDimension(name, known)] = nameSteepness;
      return row;
    }),
  );
  return Float32Array.from(rows.flat());
}

const sideNames = ["x0", "y0", "x1", "y1"] as const;
function isSide(name: Attribute): name is (typeof sideNames)[number] {
  return sideNames.some((side) => side === name);
}

/** Log-odds of an answer for each unit of its dimension; small enough that what is not asked for must be small too. */
const nameSteepness = 1.2;
const sideSteepness = 2;

/** `weight` / (tokens that know the attribute) at each true answer: [tokens, answers]. */
function labels(scene: Scene, timesSec: readonly number[], weight: number) {
  const rows = Array.from({ length: timesSec.length / 2 }, (_, patch) => {
    const timeSec = ((timesSec[2 * patch] ?? 0) + (timesSec[2 * patch + 1] ?? 0)) / 2;
    return Array.from({ length: cells ** 2 }, (_, cell) =>
      labelOf(scene, timeSec, Math.floor(cell / cells), cell % cells),
    );
  }).flat();
  const counts = byAttribute((name) => rows.filter((row) => row[name] !== undefined).length);
  const lossWeights = new Float32Array(rows.length * answers);
  rows.forEach((row, token) => {
    let offset = 0;
    for (const name of attributeNames) {
      const answer = row[name];
      if (answer !== undefined) lossWeights[token * answers + offset + answer] = weight / counts[name];
      offset += attributes[name];
    }
  });
  return { lossWeights, counts };
}

function labelOf(scene: Scene, timeSec: number, row: number, column: number): Partial<Record<Attribute, number>> {
  const time = Math.floor(timeSec);
  const shares = scene.objects.map((_, object) => {
    if (!isOnScreen(scene, object, timeSec)) return 0;
    const { x0, y0, x1, y1 } = boxAt(scene, object, timeSec);
    const width = Math.min(x1 * cells, column + 1) - Math.max(x0 * cells, column);
    const height = Math.min(y1 * cells, row + 1) - Math.max(y0 * cells, row);
    return Math.max(0, width) * Math.max(0, height);
  });
  const object = shares.indexOf(Math.max(...shares));
  const thing = scene.objects[object];
  if (thing === undefined || (shares[object] ?? 0) < leastShare) return { time, colour: 0, shape: 0, event: 0 };
  const box = boxAt(scene, object, timeSec);
  const event = eventsOf(scene, object).find(
    (e) => (e.kind === "spins" || e.kind === "touches") && isDuring(e.segment, timeSec),
  );
  const grid = (v: number): number => Math.min(20, Math.max(0, Math.round(v * 20)));
  return {
    time,
    colour: 1 + colourNames.indexOf(colourAt(scene, object, timeSec)),
    shape: 1 + shapeNames.indexOf(thing.shape),
    event: event === undefined ? 0 : event.kind === "spins" ? 1 : 2,
    x0: grid(box.x0),
    y0: grid(box.y0),
    x1: grid(box.x1),
    y1: grid(box.y1),
  };
}

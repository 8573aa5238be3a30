import type { Value } from "../../src/engine/graph/types.ts";
import { addGradients } from "../../src/engine/autodiff/gradient.ts";
import { addGradientOutputs, weightGradients } from "../../src/engine/policy/gradientOutputs.ts";
import type { PolicyConfig } from "../../src/engine/policy/config.ts";
import { parameterSpecs } from "../../src/engine/policy/parameters.ts";
import { gridOf } from "../../src/engine/policy/patches.ts";
import { PolicyGraph } from "../../src/engine/policy/policyGraph.ts";
import { weightFeeds, type Policy } from "../../src/engine/policy/policy.ts";
import type { Grid } from "../../src/engine/policy/ropeIndex.ts";
import { gradientBuffers, type OptimizerState } from "../../src/engine/policy/trainer.ts";
import { addVisionTower, visionFeeds } from "../../src/engine/policy/visionTower.ts";
import { clipDurationSec, frameSidePx } from "../../src/engine/samples/clip-format.ts";
import { seededRandom } from "../../src/engine/samples/random.ts";
import { renderScene } from "../../src/engine/samples/render.ts";
import {
  boxAt,
  colourAt,
  eventsOf,
  isDuring,
  isOnScreen,
  makeScene,
  type Scene,
} from "../../src/engine/samples/scene.ts";
import { colourNames, shapeNames } from "../../src/engine/samples/shapes.ts";
import { dimensions, nameDimension, sideCode, sideDimension } from "./lookup.ts";
import { frameStepSec, patchAt, patchTimesSec } from "./seenTimes.ts";

/** What a visual token is asked about, and how many answers there are. Boxes are on the grid of the lessons. */
const attributes = {
  time: patchTimesSec.length,
  colour: colourNames.length + 1,
  shape: shapeNames.length + 1,
  event: 3,
  x0: 21,
  y0: 21,
  x1: 21,
  y1: 21,
} as const;
type Attribute = keyof typeof attributes;
type Answers = Partial<Record<Attribute, number>>;
// SAFETY: an object literal's own keys
const attributeNames = Object.keys(attributes) as Attribute[];
const answerCount = attributeNames.reduce((sum, name) => sum + attributes[name], 0);
const sideNames = ["x0", "y0", "x1", "y1"] as const;
/** Least share of a token's cell that a thing's box must fill to be what the token shows. */
const leastShare = 0.1;
const cells = 4;
/** What an answer counts, by what the token shows: most tokens show nothing, and events are rare. */
const importance = { nothing: 0.3, nothingHappens: 0.1, event: 4 } as const;

export const visionPart = (config: PolicyConfig) => parameterSpecs(config).filter((spec) => spec.part === "vision");

/** What one temporal patch shows: a scene at a time, in the middle of its two frames. */
interface Glimpse {
  readonly scene: Scene;
  readonly timeSec: number;
}

/** Glimpses of different scenes: the tower sees each temporal patch by itself, so a clip of one scene would teach less. */
export function glimpsesOf(seed: number, index: number): Glimpse[] {
  const random = seededRandom(seed, index, 7);
  return patchTimesSec.map((_, patch) => {
    const scene = makeScene(seed, index * patchTimesSec.length + patch);
    const visible = scene.events.filter(({ kind }) => kind === "spins" || kind === "touches");
    // What events look like is the hardest to learn.
    const [startSec, endSec] =
      visible.length > 0 && random.chance(0.6) ? endsOf(random.pick(visible)) : [0, clipDurationSec];
    const [first = 0, last = 0] = [patchTimesSec[0], patchTimesSec.at(-1)];
    return { scene, timeSec: Math.min(last, Math.max(first, random.uniform(startSec, endSec))) };
  });
}

/** A scene's own clip, patch by patch. */
export function clipOf(scene: Scene): Glimpse[] {
  return patchTimesSec.map((timeSec) => ({ scene, timeSec }));
}

/** The tower's training: its graph, and the fixed readout that its tokens answer through. */
export function createSight(policy: Policy, optimizer: OptimizerState) {
  const grid = gridOf(2 * patchTimesSec.length, frameSidePx, frameSidePx, policy.config.vision);
  const readout = readoutOf(policy.config);
  const run = async (glimpses: readonly Glimpse[], weight: number, keepsGradients: boolean) => {
    const graph = await policy.graphs.get("sight", () => buildSight(policy.config, grid));
    const buffers = gradientBuffers(optimizer, graph);
    const rows = glimpses.flatMap(labelsOf);
    const feeds = {
      ...weightFeeds(policy, graph),
      ...visionFeeds([{ grid, pixels_FHWC: pixelsOf(glimpses) }], policy.config.vision),
      readout,
      loss_weights: lossWeights(rows, weight),
      ...buffers.feeds,
    };
    return { rows, outputs: await graph.run(feeds, keepsGradients ? buffers.into : {}) };
  };
  return {
    /**
     * Adds the gradients of the tower: every visual token says where and when it is, and what thing it shows. From the
     * words of answers alone the tower gets too little to go by.
     * @param weight of these glimpses among those of the step
     * @returns the mean negative log-likelihood of each attribute
     */
    async accumulate(glimpses: readonly Glimpse[], weight: number): Promise<Record<Attribute, number>> {
      const { losses } = (await run(glimpses, weight, true)).outputs;
      return byAttribute((_, i) => Number(losses?.[i]) / weight);
    },
    /** Share of right answers of the tokens that show a thing; a box's sides count when at most one step of the grid off. */
    async score(clips: readonly (readonly Glimpse[])[]): Promise<Record<string, number>> {
      const right = new Map<string, number[]>();
      for (const glimpses of clips) {
        const { rows, outputs } = await run(glimpses, 1, false);
        const logits = outputs["logits"];
        if (!(logits instanceof Float32Array)) throw new Error("internal: logits missing");
        rows.forEach((row, token) => scoreToken(row, logits.subarray(token * answerCount), right));
      }
      return Object.fromEntries(
        [...right].map(([name, hits]) => [name, hits.reduce((a, b) => a + b, 0) / hits.length]),
      );
    },
  };
}

function scoreToken(row: Answers, logits: Float32Array, right: Map<string, number[]>): void {
  let offset = 0;
  for (const name of attributeNames) {
    const said = logits.subarray(offset, offset + attributes[name]);
    offset += attributes[name];
    const answer = row[name];
    if (answer === undefined || row.colour === 0) continue;
    const isRight = Math.abs(said.indexOf(Math.max(...said)) - answer) <= (isSide(name) ? 1 : 0);
    const key = name === "event" ? (["nothing happens", "spins", "touches"][answer] ?? name) : name;
    right.set(key, [...(right.get(key) ?? []), Number(isRight)]);
  }
}

function byAttribute(value: (name: Attribute, i: number) => number): Record<Attribute, number> {
  // SAFETY: one entry for each attribute.
  return Object.fromEntries(attributeNames.map((name, i) => [name, value(name, i)])) as Record<Attribute, number>;
}

function buildSight(config: PolicyConfig, grid: Grid) {
  const p = new PolicyGraph("sight", config, null);
  const { g } = p;
  const visual = addVisionTower(p, [grid]);
  const width = config.text.hiddenSize;
  // What the decoder's first norm makes of it: only directions count, so that what is not asked for must be small.
  const normed = g.rmsNorm(visual, g.tensor(new Float32Array(width).fill(1), [width]), 1e-6);
  const logits = g.linear(normed, g.input("readout", [answerCount, width]));
  const sizes = attributeNames.map((name) => attributes[name]);
  const tokens = visual.shape[0] ?? 0;
  const weights = g.split(g.input("loss_weights", [tokens, answerCount]), 1, sizes);
  const losses = g.split(logits, 1, sizes).map((part, i): Value => {
    const weight = weights[i];
    if (weight === undefined) throw new Error("internal: split");
    return g.neg(g.sumAll(g.mul(weight, g.logSoftmax(part))));
  });
  g.output("logits", logits);
  g.output(
    "losses",
    g.concat(
      losses.map((loss) => g.reshape(loss, [1])),
      0,
    ),
  );
  const loss = losses.reduce((a, b) => g.add(a, b));
  addGradientOutputs(p, weightGradients(p, visionPart(config)), (weights) => addGradients(g, loss, weights));
  return g;
}

/**
 * What stands for each answer: a dimension of `seen`, or waves in `sides` (lookup.ts). What is not there is the absence of
 * the others: zeros.
 */
function readoutOf(config: PolicyConfig): Float32Array {
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

function isSide(name: Attribute): name is (typeof sideNames)[number] {
  return sideNames.some((side) => side === name);
}

/** Log-odds of an answer for each unit of its dimension; small enough that what is not asked for must be small too. */
const nameSteepness = 1.2;
const sideSteepness = 2;

function pixelsOf(glimpses: readonly Glimpse[]): Uint8Array {
  const patches = glimpses.map(({ scene, timeSec }) =>
    renderScene(scene, [timeSec - frameStepSec / 2, timeSec + frameStepSec / 2]),
  );
  const pixels = new Uint8Array(patches.reduce((sum, patch) => sum + patch.length, 0));
  let at = 0;
  for (const patch of patches) {
    pixels.set(patch, at);
    at += patch.length;
  }
  return pixels;
}

/** At each true answer its share of `weight` within the attribute: [tokens, answerCount]. */
function lossWeights(rows: readonly Answers[], weight: number): Float32Array {
  const totals = byAttribute((name) => rows.reduce((sum, row) => sum + importanceOf(name, row), 0));
  const weights = new Float32Array(rows.length * answerCount);
  rows.forEach((row, token) => {
    let offset = token * answerCount;
    for (const name of attributeNames) {
      const answer = row[name];
      if (answer !== undefined) weights[offset + answer] = (weight * importanceOf(name, row)) / totals[name];
      offset += attributes[name];
    }
  });
  return weights;
}

function importanceOf(name: Attribute, row: Answers): number {
  if (row[name] === undefined) return 0;
  if (name === "event" && row.event !== 0) return importance.event;
  if (name === "event" && row.colour === 0) return importance.nothingHappens;
  return row.colour === 0 && name !== "time" ? importance.nothing : 1;
}

function labelsOf(glimpse: Glimpse): Answers[] {
  return Array.from({ length: cells ** 2 }, (_, cell) => labelOf(glimpse, Math.floor(cell / cells), cell % cells));
}

function labelOf({ scene, timeSec }: Glimpse, row: number, column: number): Answers {
  const time = patchAt(timeSec);
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

function endsOf({ segment }: Scene["events"][number]): [number, number] {
  return [segment.startSec, segment.endSec];
}

import path from "node:path";
import { parseArgs } from "node:util";
import { elementCount } from "../../src/engine/graph/types.ts";
import { readCheckpoint, writeCheckpoint, type Weights } from "../../src/engine/policy/checkpoint.ts";
import { readPolicyConfig } from "../../src/engine/policy/config.ts";
import { parameterSpecs } from "../../src/engine/policy/parameters.ts";
import type { Policy } from "../../src/engine/policy/policy.ts";
import { prepareTokens, visualTokensOf } from "../../src/engine/policy/preparedPrompt.ts";
import { readTokenizer } from "../../src/engine/policy/tokenizer.ts";
import { applyGradients, createOptimizer } from "../../src/engine/policy/trainer.ts";
import { GraphCache } from "../../src/engine/runtime/graphCache.ts";
import { clipDurationSec, clipFps, clipFrameCount, frameSidePx } from "../../src/engine/samples/clip-format.ts";
import { seededRandom } from "../../src/engine/samples/random.ts";
import { renderScene } from "../../src/engine/samples/render.ts";
import { makeScene, type Scene } from "../../src/engine/samples/scene.ts";
import { accumulateTarget, type SftTarget } from "../../src/engine/sft/sftStep.ts";
import type { Clip } from "../../src/engine/video/clip.ts";
import fs from "node:fs/promises";
import { writePolicyFiles } from "./files.ts";
import { lookingLessons, taskLessons, type Lesson, type Looseness } from "./lessons.ts";

/**
 * Makes the bundled policy from the generator alone: a tokenizer for its closed world, random weights, and a cold start by
 * supervised fine-tuning. `npm run make:policy -- --out examples/moving-shapes/policy`.
 */
const { values: args } = parseArgs({
  options: {
    out: { type: "string", default: path.join("examples", "moving-shapes", "policy") },
    from: { type: "string" }, // go on from this checkpoint
    steps: { type: "string", default: "4000" },
    lr: { type: "string", default: "1e-3" },
    clips: { type: "string", default: "4" },
    threads: { type: "string", default: "2" },
    first: { type: "string", default: "0" }, // number of the first scene
    loose: { type: "string", default: "1.5" },
    margin: { type: "string", default: "0.3" },
    save: { type: "string", default: "500" },
    lessons: { type: "string", default: "clips" }, // or "pictures": two frames at one time
    distinct: { type: "string", default: "1000000" }, // scenes before they come again: repetition helps at the start
    alone: { type: "string", default: "0" }, // share of pictures with a single object
    looseChance: { type: "string", default: "1" },
  },
});
const seed = 1000; // not the sample workspace's
const loose: Looseness = { segmentSec: Number(args.loose), boxMargin: Number(args.margin) };
const steps = Number(args.steps);
const longestRow = 176;
const frameTimesSec = Array.from({ length: 16 }, (_, k) => Math.round((k * (clipFrameCount - 1)) / 15) / clipFps);

if (args.from === undefined) await writePolicyFiles(args.out, corpus());
const policy = await openPolicy(args.from ?? args.out);
const optimizer = createOptimizer(policy, { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, maxGradNorm: 1 });
let smooth = 0;
const startedAt = Date.now();
for (let step = 0; step < steps; step++) {
  const scenes = Array.from({ length: Number(args.clips) }, (_, i) =>
    makeScene(seed, Number(args.first) + ((step * Number(args.clips) + i) % Number(args.distinct))),
  );
  const targets = scenes.map((scene) => {
    if (args.lessons === "slides") return slideTarget(scene);
    if (args.lessons === "pictures") {
      const random = seededRandom(seed, scene.index, 7);
      const timeSec = random.uniform(0, 7.9);
      const shown = random.chance(Number(args.alone)) ? aloneIn(scene) : scene;
      return targetOf(clipOf(shown, [timeSec, Math.min(7.9, timeSec + 0.1)], 1), pictureRows(shown, timeSec));
    }
    return targetOf(clipOf(scene, frameTimesSec, clipDurationSec), rowsOf(scene));
  });
  const answerTokens = targets
    .flatMap((t) => t.isTarget_G_T ?? [])
    .flat()
    .filter(Boolean).length;
  let loss = 0;
  for (const target of targets) loss += await accumulateTarget(policy, optimizer, target, answerTokens);
  const warm = Math.min(1, (step + 1) / 100);
  const decay = 0.02 + 0.98 * 0.5 * (1 + Math.cos((Math.PI * step) / steps));
  const norm = await applyGradients(policy, optimizer, Number(args.lr) * warm * decay, 0.01);
  smooth = step === 0 ? loss : smooth * 0.97 + loss * 0.03;
  if (step % 50 === 0) {
    const rate = (Date.now() - startedAt) / 1000 / (step + 1);
    console.log(`step ${step} loss ${smooth.toFixed(3)} norm ${norm.toFixed(2)} ${rate.toFixed(2)} s/step`);
  }
  if ((step + 1) % Number(args.save) === 0 || step + 1 === steps)
    await writeCheckpoint(args.out, policy.checkpoint, "bfloat16");
}

/** The scene with its first object only: where something is, is learnt before which of several it is. */
function aloneIn(scene: Scene): Scene {
  return { ...scene, objects: scene.objects.slice(0, 1), events: [] };
}

/** Eight unrelated scenes of a second each in one clip: what is there depends on when, and one pass teaches eight pictures. */
function slideTarget(first: Scene): SftTarget {
  const slides = Array.from({ length: 8 }, (_, i) => {
    const random = seededRandom(seed, first.index, 10 + i);
    const scene = i === 0 ? first : makeScene(seed + 10 + i, first.index);
    const timeSec = random.uniform(0, 7.9);
    return { scene: random.chance(Number(args.alone)) ? aloneIn(scene) : scene, timeSec };
  });
  const pixels = slides.map(({ scene, timeSec }) => renderScene(scene, [timeSec, Math.min(7.9, timeSec + 0.1)]));
  const clip = clipOf(first, frameTimesSec, clipDurationSec, Uint8Array.from(Buffer.concat(pixels)));
  const turns = slides.map(({ scene, timeSec }, i) => {
    const [everything, ...single] = lookingLessons(scene, timeSec, i);
    const random = seededRandom(seed, first.index, 20 + i);
    return random.chance(0.5) && single.length > 0 ? random.pick(single) : (everything ?? random.pick(single));
  });
  const shuffled = seededRandom(seed, first.index, 30).shuffle(turns);
  const rows = [0, 1, 2, 3].map((r) => shuffled.slice(2 * r, 2 * r + 2));
  return targetOf(clip, rows);
}

function pictureRows(scene: Scene, timeSec: number): Lesson[][] {
  const random = seededRandom(scene.seed, scene.index, 5);
  const [everything, ...single] = lookingLessons(scene, timeSec, 0);
  const asked = random.shuffle(single);
  return [everything === undefined ? [] : [everything], asked.slice(0, 2), asked.slice(2, 4)].filter(
    (row) => row.length > 0,
  );
}

/** Rows of a clip: the tracking answer alone, the other lessons as turns of one conversation each. */
function rowsOf(scene: Scene): Lesson[][] {
  const { short, tracks } = taskLessons(scene, loose);
  const random = seededRandom(scene.seed, scene.index, 4);
  const asked = random.shuffle(short);
  const times = Array.from({ length: 6 }, () => random.below(16) / 2);
  const looking = times.map((timeSec) => random.shuffle(lookingLessons(scene, timeSec)));
  const pick = (lessons: readonly Lesson[], i: number): Lesson[] =>
    lessons.slice(i % lessons.length, (i % lessons.length) + 1);
  return [
    pick(tracks, random.below(16)),
    [...pick(asked, 0), ...pick(asked, 1)],
    [...pick(asked, 2), ...pick(asked, 3)],
    looking.flatMap((lessons) => lessons.slice(0, 1)),
  ];
}

interface PackedRow {
  readonly tokens: readonly number[];
  readonly isAnswer: readonly boolean[];
}

function targetOf(clip: Clip, rows: readonly (readonly Lesson[])[]): SftTarget {
  const { tokenizer, config } = policy;
  const visualTokens = visualTokensOf(clip, config);
  const eos = config.eosTokenIds[0] ?? 0;
  let prefix: readonly number[] = [];
  const packed = rows.map((lessons): PackedRow => {
    const tokens: number[] = [];
    const isAnswer: boolean[] = [];
    for (const { prompt, target } of lessons) {
      const ids = tokenizer.encodePrompt(prompt, visualTokens);
      // Everything up to the end of the video is the shared prefix; later turns leave the video out.
      const split = ids.lastIndexOf(config.videoTokenId) + 2;
      prefix = ids.slice(0, split);
      const question = ids.slice(split);
      const answer = [...tokenizer.encode(target), eos];
      if (tokens.length + question.length + answer.length > longestRow) break;
      tokens.push(...question, ...answer);
      isAnswer.push(...question.map(() => false), ...answer.map(() => true));
    }
    return { tokens, isAnswer };
  });
  return {
    prompt: prepareTokens(prefix, clip, config),
    tokens_G_T: packed.map((row) => Int32Array.from(row.tokens)),
    isTarget_G_T: packed.map((row) => row.isAnswer),
  };
}

function clipOf(scene: Scene, timesSec: readonly number[], durationSec: number, pixels?: Uint8Array): Clip {
  return {
    pixels_FHWC: pixels ?? renderScene(scene, timesSec),
    seen: {
      path: "",
      hash: "",
      durationSec,
      videoFps: clipFps,
      frameIndices: timesSec.map((_, i) => i),
      timestampsSec: timesSec,
      widthPx: frameSidePx,
      heightPx: frameSidePx,
      sourceWidthPx: frameSidePx,
      sourceHeightPx: frameSidePx,
      visualTokens: (timesSec.length / 2) * 16,
      frameSet: `${scene.seed}/${scene.index}`,
    },
  };
}

/** Texts whose words become tokens: the tasks' own, and every number that an answer can hold. */
function corpus(): string[] {
  const scenes = Array.from({ length: 400 }, (_, i) => makeScene(seed + 1, i));
  const lessons = scenes.flatMap((scene) => {
    const { short, tracks } = taskLessons(scene, loose);
    return [...short, ...tracks, ...lookingLessons(scene, 2.5)];
  });
  const decimals = Array.from({ length: 101 }, (_, i) => (i / 100).toFixed(2));
  const seconds = Array.from({ length: 101 }, (_, i) => (i / 10).toFixed(1));
  return [
    ...lessons.flatMap(({ prompt, target }) => [prompt, target]),
    ...decimals,
    ...seconds,
    "user\n",
    "assistant\n",
  ];
}

async function openPolicy(dir: string): Promise<Policy> {
  const graphs = new GraphCache({ threads: Number(args.threads) }, 64);
  const shared = {
    lora: null,
    adapters: new Map(),
    reference: null,
    freezeVision: false,
    graphs,
    visualCache: new Map(),
  };
  if (args.from !== undefined) {
    const checkpoint = await readCheckpoint(dir);
    return { ...shared, checkpoint, config: checkpoint.config, tokenizer: await readTokenizer(dir, checkpoint.config) };
  }
  const config = readPolicyConfig(JSON.parse(await fs.readFile(path.join(dir, "config.json"), "utf8")), dir);
  const checkpoint = { dir, config, weights: randomWeights(config) };
  console.log(
    "parameters",
    [...checkpoint.weights.values()].reduce((s, w) => s + w.length, 0),
    "vocabulary",
    config.text.vocabSize,
  );
  return { ...shared, checkpoint, config, tokenizer: await readTokenizer(dir, config) };
}

/** Normal with a standard deviation of 0.02 (transformers' initializer_range) times a gain for so small a width. */
function randomWeights(config: Policy["config"]): Weights {
  const random = seededRandom(seed, 0, 9);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random.uniform(0, 1))) * Math.cos(2 * Math.PI * random.uniform(0, 1));
  return new Map(
    parameterSpecs(config).map(({ name, shape }) => {
      const count = elementCount(shape);
      if (name.endsWith("bias")) return [name, new Float32Array(count)];
      if (shape.length === 1) return [name, new Float32Array(count).fill(1)];
      const fanIn = count / (shape[0] ?? 1);
      const std = name.includes("embed_tokens") ? 0.05 : 0.7 / Math.sqrt(fanIn);
      return [name, Float32Array.from({ length: count }, () => std * normal())];
    }),
  );
}

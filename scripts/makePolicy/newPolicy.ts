import fs from "node:fs/promises";
import path from "node:path";
import { elementCount } from "../../src/engine/graph/types.ts";
import { readCheckpoint, type Weights } from "../../src/engine/policy/checkpoint.ts";
import { readPolicyConfig } from "../../src/engine/policy/config.ts";
import { usualLimits } from "../../src/engine/policy/activations.ts";
import { parameterSpecs } from "../../src/engine/policy/parameters.ts";
import type { Policy } from "../../src/engine/policy/policy.ts";
import { readTokenizer } from "../../src/engine/policy/tokenizer.ts";
import { GraphCache } from "../../src/engine/runtime/graphCache.ts";
import { seededRandom, type SeededRandom } from "../../src/engine/samples/random.ts";
import { makeScene } from "../../src/engine/samples/scene.ts";
import { writePolicyFiles } from "./files.ts";
import { prepareLookup } from "./lookup.ts";
import { exact, lessonOf, questionsOf } from "./lessons.ts";

/** A policy with random weights and a vocabulary of its own, its files written to `dir`. */
export async function createPolicy(dir: string, seed: number, threads: number): Promise<Policy> {
  await writePolicyFiles(dir, corpus(seed + 1));
  const file = path.join(dir, "config.json");
  const config = readPolicyConfig(JSON.parse(await fs.readFile(file, "utf8")), file);
  const checkpoint = { dir, modelDir: dir, config, weights: randomWeights(config, seededRandom(seed, 0, 9)) };
  const policy = { ...unadapted(threads), checkpoint, config, tokenizer: await readTokenizer(dir, config) };
  prepareLookup(policy);
  return policy;
}

export async function reopenPolicy(dir: string, threads: number): Promise<Policy> {
  const checkpoint = await readCheckpoint(dir);
  const { config } = checkpoint;
  return { ...unadapted(threads), checkpoint, config, tokenizer: await readTokenizer(dir, config) };
}

function unadapted(threads: number) {
  const graphs = new GraphCache({ threads, hasArena: true });
  return {
    lora: null,
    adapters: new Map(),
    reference: null,
    freezeVision: false,
    graphs,
    limits: usualLimits,
    visualCache: new Map(),
    visualStore: null,
  };
}

/** Texts whose words become tokens: the tasks' own, and every number that an answer can hold. */
function corpus(seed: number): string[] {
  const lessons = Array.from({ length: 400 }, (_, i) => makeScene(seed, i)).flatMap((scene) => {
    const random = seededRandom(seed, scene.index, 2);
    return questionsOf(scene).map((question) => lessonOf(scene, question, exact, random));
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

/** Normal, with a standard deviation that keeps the size of a layer's output near that of its input. */
function randomWeights(config: Policy["config"], random: SeededRandom): Weights {
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - random.uniform(0, 1))) * Math.cos(2 * Math.PI * random.uniform(0, 1));
  return new Map(
    parameterSpecs(config).map(({ name, shape }): [string, Float32Array] => {
      const count = elementCount(shape);
      if (name.endsWith("bias")) return [name, new Float32Array(count)];
      if (shape.length === 1) return [name, new Float32Array(count).fill(1)];
      const fanIn = count / (shape[0] ?? 1);
      // What a layer adds starts small beside what is there: a token begins as its word, not as noise.
      const isAdded = /^model.*(o_proj|down_proj)/.test(name);
      const std = name.includes("embed_tokens") ? 0.1 : (isAdded ? 0.1 : 0.7) / Math.sqrt(fanIn);
      return [name, Float32Array.from({ length: count }, () => std * normal())];
    }),
  );
}

export async function policyFromConfig(dir: string, seed: number, threads: number): Promise<Policy> {
  const file = path.join(dir, "config.json");
  const config = readPolicyConfig(JSON.parse(await fs.readFile(file, "utf8")), file);
  const checkpoint = { dir, modelDir: dir, config, weights: randomWeights(config, seededRandom(seed, 0, 9)) };
  const policy = { ...unadapted(threads), checkpoint, config, tokenizer: await readTokenizer(dir, config) };
  prepareLookup(policy);
  return policy;
}

import { tensorOf, type Policy } from "../../src/engine/policy/policy.ts";
import { colourNames, shapeNames } from "../../src/engine/samples/shapes.ts";
import { patchAt, patchTimesSec } from "./seenTimes.ts";

/** A word as its tokens spell it: within a sentence, before a number, and at the start of an option or an answer. */
const spellings = (word: string): string[] => [` ${word}`, ` ${word} `, word];

/**
 * How the policy starts out looking things up. Some dimensions of the residual stream are set apart: a visual token says
 * in `seen` what it shows and in `sides` where, a word says in `said` what it means. In all layers but the first,
 * attention starts with queries that read `said` and keys that read `seen`, so a position looks at the visual tokens that
 * show what the words at hand name; the first layer gathers those words. In one layer half of the heads look at words
 * instead, for the letter of the option that says the same. All of it is only a beginning: every weight is trained. From
 * random weights the same lookups were not learnt in 10,000 clips, which is what an hour of two cores gives.
 */
export const names = {
  colour: colourNames.map(spellings),
  shape: shapeNames.map(spellings),
  /** By temporal patch. */
  time: patchTimesSec.map((_, patch) =>
    Array.from({ length: 81 }, (_, tenth) => tenth / 10)
      .filter((timeSec) => patchAt(timeSec) === patch)
      .map((timeSec) => timeSec.toFixed(1)),
  ),
  event: ["spins", "touches"].map(spellings),
} as const;
const letters = ["A", "B", "C", "D", "E"] as const;
type NameKind = keyof typeof names;

const nameCount = Object.values(names).flat().length;
const sideSize = 8;
export const dimensions = {
  seen: 0,
  sides: nameCount,
  said: nameCount + 4 * sideSize,
  letters: 2 * nameCount + 4 * sideSize,
  free: 2 * nameCount + 4 * sideSize + letters.length,
};

/** The dimension of the n-th name of a kind, from the start of `seen` or `said`. */
export function nameDimension(kind: NameKind, n: number): number {
  const kinds = Object.keys(names) as NameKind[]; // SAFETY: an object literal's own keys
  return kinds.slice(0, kinds.indexOf(kind)).reduce((sum, before) => sum + names[before].length, 0) + n;
}

/** A position in [0, 1] as waves of several lengths: near positions have near codes, and few dimensions hold them. */
export function sideCode(position: number): number[] {
  return [0.5, 1, 2, 4].flatMap((turns) => [
    Math.cos(turns * Math.PI * position),
    Math.sin(turns * Math.PI * position),
  ]);
}

export const sideDimension = (side: number): number => dimensions.sides + side * sideSize;

/** The layer in which half of the heads look for the letter of an option. */
const letterLayer = 2;

/** Sets the word embeddings and the attention of a policy with random weights. */
export function prepareLookup(policy: Policy): void {
  setWords(policy);
  const { layers } = policy.config.text;
  gatherWords(policy, 0);
  for (let layer = 1; layer < layers; layer++) matchWords(policy, layer, layer === letterLayer);
}

function setWords(policy: Policy): void {
  const width = policy.config.text.hiddenSize;
  const embeddings = tensorOf(policy, "model.embed_tokens.weight");
  for (let at = 0; at < embeddings.length; at += width) embeddings.fill(0, at, at + dimensions.free);
  Object.values(names)
    .flat()
    .forEach((words, name) => {
      for (const id of words.flatMap((word) => policy.tokenizer.encode(word)))
        embeddings[id * width + dimensions.said + name] = 1;
    });
  letters.forEach((letter, i) => {
    for (const id of policy.tokenizer.encode(letter)) embeddings[id * width + dimensions.letters + i] = 1;
  });
}

/** Rotary dimensions of a head that hardly turn within a prompt: what they match, they match at any distance. */
function slowDimensions(headDim: number): number[] {
  const half = headDim / 2;
  const first = half - nameCount / 2;
  return Array.from({ length: nameCount }, (_, i) =>
    i < nameCount / 2 ? first + i : first + half + i - nameCount / 2,
  );
}

function matchWords(policy: Policy, layer: number, findsLetters: boolean): void {
  const a = attentionOf(policy, layer);
  const slow = slowDimensions(a.headDim);
  slow.forEach((d, name) => {
    a.setKey(0, d, [dimensions.seen + name], 1.2);
    a.setKey(1, d, [(findsLetters ? dimensions.said : dimensions.seen) + name], 1.2);
    for (let head = 0; head < a.heads; head++) a.setQuery(head, d, [dimensions.said + name], 1.2);
  });
  // One group of heads brings where it is, the others what it is, in words.
  for (let d = 0; d < 4 * sideSize; d++) a.setCopy(0, d, dimensions.sides + d, dimensions.sides + d, 0.1);
  if (findsLetters) letters.forEach((_, d) => a.setCopy(1, d, dimensions.letters + d, dimensions.letters + d, 0.3));
  else for (let d = 0; d < nameCount; d++) a.setCopy(1, d, dimensions.seen + d, dimensions.said + d, 0.1);
}

/**
 * Looks at the words that name something, the nearer the more, and puts them together. The other heads look for the
 * letter just before: an option's words learn which letter they have.
 */
function gatherWords(policy: Policy, layer: number): void {
  const a = attentionOf(policy, layer);
  const slowest = a.headDim - 1;
  const words = Array.from({ length: nameCount }, (_, name) => dimensions.said + name);
  a.setKey(0, slowest, words, 0.5);
  words.forEach((dimension, d) => a.setCopy(0, d, dimension, dimension, 0.06));
  a.setBias(0, slowest, 6, 0);
  // The fourth rotary frequency turns by half in some 40 tokens, the third in some 18.
  a.setBias(0, 3, 4, 4);
  const own = letters.map((_, i) => dimensions.letters + i);
  a.setKey(1, slowest, own, 0.5);
  own.forEach((dimension, d) => a.setCopy(1, d, dimension, dimension, 0.3));
  a.setBias(1, slowest, 6, 0);
  a.setBias(1, 2, 8, 8);
}

function attentionOf(policy: Policy, layer: number) {
  const { heads, kvHeads, headDim, hiddenSize } = policy.config.text;
  const tensor = (name: string): Float32Array => tensorOf(policy, `model.layers.${layer}.self_attn.${name}`);
  const [q, k, v, o] = ["q_proj", "k_proj", "v_proj", "o_proj"].map((name) => tensor(`${name}.weight`));
  if (q === undefined || k === undefined || v === undefined || o === undefined) throw new Error("internal: attention");
  const headsOf = (group: number): number[] =>
    Array.from({ length: heads }, (_, head) => head).filter((head) => Math.floor((head * kvHeads) / heads) === group);
  const setRow = (matrix: Float32Array, row: number, columns: readonly number[], value: number): void => {
    const start = row * hiddenSize;
    matrix.fill(0, start, start + hiddenSize);
    for (const column of columns) matrix[start + column] = value;
  };
  return {
    heads,
    kvHeads,
    headDim,
    setKey: (group: number, d: number, from: readonly number[], value: number) =>
      setRow(k, group * headDim + d, from, value),
    setQuery: (head: number, d: number, from: readonly number[], value: number) =>
      setRow(q, head * headDim + d, from, value),
    /** Value dimension d of a group reads `from`, and its heads add it to `to`. */
    setCopy(group: number, d: number, from: number, to: number, share: number): void {
      setRow(v, group * headDim + d, [from], 1);
      for (const head of headsOf(group)) o[to * heads * headDim + head * headDim + d] = share;
    },
    setBias(group: number, d: number, query: number, key: number): void {
      for (const head of headsOf(group)) tensor("q_proj.bias")[head * headDim + d] = query;
      if (key !== 0) tensor("k_proj.bias")[group * headDim + d] = key;
    },
  };
}

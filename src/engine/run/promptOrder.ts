import type { Example } from "../data/example.ts";
import { createUniform } from "../metrics/random.ts";
import type { DataCursor } from "../store/progressRecord.ts";
import { deriveSeed } from "./random.ts";

export interface WeightedExamples {
  readonly id: string;
  readonly weight: number;
  readonly examples: readonly Example[];
}

export interface PromptOrder {
  /** The next `count` examples and the cursor behind them. The cursor that is given stays as it is. */
  draw(cursor: DataCursor, count: number): { examples: readonly Example[]; cursor: DataCursor };
}

export const firstCursor: DataCursor = { draws: 0, datasets: {} };

/**
 * The order of a run's prompts: a function of the seed and of counters. Datasets take turns by weight; within one, every
 * example comes once before any comes again, in an order that is shuffled anew each epoch.
 */
export function createPromptOrder(datasets: readonly WeightedExamples[], seed: number): PromptOrder {
  const usable = datasets.filter((dataset) => dataset.examples.length > 0);
  if (usable.length === 0) throw new Error("internal: no examples to draw prompts from");
  const shuffles = new Map<string, { epoch: number; order: Uint32Array }>();
  const orderOf = (dataset: WeightedExamples, epoch: number): Uint32Array => {
    const known = shuffles.get(dataset.id);
    if (known?.epoch === epoch) return known.order;
    const order = shuffle(dataset.examples.length, deriveSeed(seed, "epoch", dataset.id, epoch));
    shuffles.set(dataset.id, { epoch, order });
    return order;
  };
  return {
    draw(cursor, count) {
      const counters: Record<string, { epoch: number; position: number }> = {};
      for (const [id, counter] of Object.entries(cursor.datasets)) counters[id] = { ...counter };
      const drawn: Example[] = [];
      for (let i = 0; i < count; i++) {
        const dataset = pickDataset(usable, seed, cursor.draws + i);
        const own = drawn.filter((example) => example.datasetId === dataset.id);
        const counter = (counters[dataset.id] ??= { epoch: 0, position: 0 });
        drawn.push(nextExample(dataset, counter, own, (epoch) => orderOf(dataset, epoch)));
      }
      return { examples: drawn, cursor: { draws: cursor.draws + count, datasets: counters } };
    },
  };
}

/**
 * Additive recurrence with the golden ratio: unlike independent draws it keeps every dataset's share in any window of
 * steps, so that no task starves by chance.
 */
function pickDataset(datasets: readonly WeightedExamples[], seed: number, draw: number): WeightedExamples {
  const goldenRatio = 0.6180339887498949;
  const phase = deriveSeed(seed, "datasets") / 4294967296;
  const total = datasets.reduce((sum, dataset) => sum + dataset.weight, 0);
  let rest = ((phase + draw * goldenRatio) % 1) * total;
  for (const dataset of datasets) {
    rest -= dataset.weight;
    if (rest < 0) return dataset;
  }
  const last = datasets.at(-1); // rounding
  if (last === undefined) throw new Error("internal: no dataset to pick from");
  return last;
}

/**
 * Advances the counter. Where an epoch ends within a step, an example of this step's end may come up again at once: it
 * is passed over, since the prompts of a step are different as long as there are enough of them.
 */
function nextExample(
  dataset: WeightedExamples,
  counter: { epoch: number; position: number },
  drawnInStep: readonly Example[],
  orderOf: (epoch: number) => Uint32Array,
): Example {
  for (;;) {
    if (counter.position >= dataset.examples.length) {
      counter.epoch += 1;
      counter.position = 0;
    }
    const example = dataset.examples[orderOf(counter.epoch)[counter.position] ?? -1];
    if (example === undefined) throw new Error("internal: prompt order points outside the dataset");
    counter.position += 1;
    const isSpent = drawnInStep.length >= dataset.examples.length;
    if (isSpent || !drawnInStep.includes(example)) return example;
  }
}

/** Fisher-Yates. */
function shuffle(length: number, seed: number): Uint32Array {
  const uniform = createUniform(seed);
  const order = Uint32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1));
    const swapped = order[i] ?? 0;
    order[i] = order[j] ?? 0;
    order[j] = swapped;
  }
  return order;
}

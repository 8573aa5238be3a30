/** A seeded source of random numbers. The same seed gives the same sequence on every machine. */
export interface SeededRandom {
  /** In [0, 1), with 32 random bits. */
  next(): number;
  /** In [low, high). */
  uniform(low: number, high: number): number;
  /** Whole number in [0, count). */
  below(count: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** A new array in random order (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[];
}

/** Random numbers from any count of whole-number seeds; [1, 2] and [2, 1] give different sequences. */
export function seededRandom(...seeds: readonly number[]): SeededRandom {
  let state = 0x9e3779b9;
  for (const seed of seeds) state = mix32((state ^ mix32(seed >>> 0)) + 0x85ebca6b);
  // mulberry32
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let z = Math.imul(state ^ (state >>> 15), 1 | state);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  };
  const below = (count: number): number => Math.floor(next() * count);
  return {
    next,
    below,
    uniform: (low, high) => low + (high - low) * next(),
    chance: (probability) => next() < probability,
    pick: (items) => elementAt(items, below(items.length)),
    shuffle: (items) => {
      const out = [...items];
      for (let i = out.length - 1; i > 0; i--) {
        const j = below(i + 1);
        const kept = elementAt(out, i);
        out[i] = elementAt(out, j);
        out[j] = kept;
      }
      return out;
    },
  };
}

/** The element at an index that is known to be inside; throws when it is not. */
export function elementAt<T>(items: readonly T[], index: number): T {
  if (index < 0 || index >= items.length) throw new Error(`internal: index ${index} of ${items.length} items`);
  // SAFETY: the index is inside the array; T itself may include undefined.
  return items[index] as T;
}

/** Finaliser of MurmurHash3: every bit of the input changes about half of the output's. */
function mix32(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return z ^ (z >>> 16);
}

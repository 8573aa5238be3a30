import type { Spread } from "../../protocol/rescore.ts";
import { rolloutFlags, type IndexBlock } from "../../protocol/rolloutIndex.ts";
import { rolloutIdAt } from "../runs/runColumns.ts";

/** Which rollouts of a run to stop on. */
export type RolloutCondition =
  | { readonly kind: "below"; readonly reward: string; readonly value: number }
  /** One is high in its range where the other is low. */
  | { readonly kind: "disagree"; readonly reward: string; readonly other: string }
  | { readonly kind: "error" };

/** Mean and unbiased deviation of a reward as it was recorded; null where it never applied. */
export function recordedSpread(blocks: readonly IndexBlock[], reward: string): Spread | null {
  let [count, mean, squares] = [0, 0, 0];
  for (const block of blocks) {
    for (const value of columnOf(block, reward)) {
      if (Number.isNaN(value)) continue;
      count += 1;
      const delta = value - mean;
      mean += delta / count;
      squares += delta * (value - mean);
    }
  }
  return count === 0 ? null : { mean, std: count > 1 ? Math.sqrt(squares / (count - 1)) : 0 };
}

/** The rollouts with the lowest recorded value, the lowest first; of equal ones the newest. */
export function worstRollouts(
  blocks: readonly IndexBlock[],
  reward: string,
  limit: number,
): readonly { readonly id: string; readonly value: number }[] {
  const found = pick(blocks, limit, (block, i) => {
    const value = columnOf(block, reward)[i] ?? NaN;
    return Number.isNaN(value) ? null : -value;
  });
  return found.map(({ id, rank }) => ({ id, value: -rank }));
}

/** Rollouts that a condition holds for, the most telling first. */
export function rolloutsWhere(
  blocks: readonly IndexBlock[],
  condition: RolloutCondition,
  limit: number,
): readonly string[] {
  return rankedWhere(blocks, condition, limit).map(({ id }) => id);
}

function rankedWhere(
  blocks: readonly IndexBlock[],
  condition: RolloutCondition,
  limit: number,
): readonly RankedRollout[] {
  switch (condition.kind) {
    case "below":
      return pick(blocks, limit, (block, i) => {
        const value = columnOf(block, condition.reward)[i] ?? NaN;
        return value < condition.value ? -value : null;
      });
    case "disagree": {
      const place = rangeOf(blocks, condition.reward);
      const otherPlace = rangeOf(blocks, condition.other);
      return pick(blocks, limit, (block, i) => {
        const value = columnOf(block, condition.reward)[i] ?? NaN;
        const other = columnOf(block, condition.other)[i] ?? NaN;
        const gap = Math.abs(place(value) - otherPlace(other));
        return gap >= 0.5 ? gap : null;
      });
    }
    case "error":
      return pick(blocks, limit, (block, i) => {
        const flags = block.columns.get("flags")?.[i] ?? 0;
        return (flags & rolloutFlags.rewardError) === 0 ? null : 0;
      });
  }
}

interface RankedRollout {
  readonly id: string;
  readonly rank: number;
}

/** The `limit` rollouts of the highest rank; null leaves one out. Later steps win among equals. */
function pick(
  blocks: readonly IndexBlock[],
  limit: number,
  rankOf: (block: IndexBlock, index: number) => number | null,
): RankedRollout[] {
  const found: { readonly rank: number; readonly block: IndexBlock; readonly index: number }[] = [];
  for (const block of [...blocks].reverse()) {
    for (let index = 0; index < block.header.count; index += 1) {
      const rank = rankOf(block, index);
      if (rank === null) continue;
      const last = found.at(-1);
      if (found.length >= limit && last !== undefined && rank <= last.rank) continue;
      let at = found.length;
      while (at > 0 && rank > (found[at - 1]?.rank ?? Infinity)) at -= 1;
      found.splice(at, 0, { rank, block, index });
      if (found.length > limit) found.pop();
    }
  }
  return found.map(({ rank, block, index }) => ({ id: rolloutIdAt(block, index), rank }));
}

/** Where a value lies between the least and the greatest one, 0…1. */
function rangeOf(blocks: readonly IndexBlock[], reward: string): (value: number) => number {
  let [low, high] = [Infinity, -Infinity];
  for (const block of blocks) {
    for (const value of columnOf(block, reward)) {
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return high > low ? (value) => (value - low) / (high - low) : () => 0;
}

const none = new Float32Array(0);

function columnOf(block: IndexBlock, reward: string): Float32Array {
  return block.columns.get(`reward/${reward}`) ?? none;
}

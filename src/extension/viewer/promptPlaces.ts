import type { IndexBlock } from "../../protocol/rolloutIndex.ts";
import type { PromptPlace } from "../../protocol/viewerQueries.ts";

/** Where a run rolled a prompt out, by step; groups that failed hold nothing to compare with. */
export function placesOfPrompt(
  blocks: readonly IndexBlock[],
  { dataset, example }: { readonly dataset: string; readonly example: string },
): readonly PromptPlace[] {
  const places: PromptPlace[] = [];
  for (const { header, columns } of blocks) {
    const rewards = columns.get("reward");
    let first = 0;
    for (const group of header.groups) {
      if (group.size > 0 && group.dataset === dataset && group.example === example) {
        const rewardMean = meanOf(rewards?.subarray(first, first + group.size) ?? new Float32Array());
        places.push({ step: header.step, group: group.group, rewardMean });
      }
      first += group.size;
    }
  }
  return places;
}

/** Dropped rollouts have no reward (NaN). */
function meanOf(values: Float32Array): number | null {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

import { isFailedGroup, recordVersion } from "../../protocol/records.ts";
import type { MetricsRecord, RolloutLine } from "../../protocol/records.ts";
import type { GrpoSpec } from "../../protocol/spec.ts";
import { mean } from "../metrics/statistics.ts";
import { rewardMetrics, rewardPartMetrics } from "../rewards/rewardMetrics.ts";

interface KnownStep {
  readonly rewards_P_G: number[][];
  readonly parts: { readonly name: string; readonly value: number | null }[];
  readonly entropies: number[];
}

/** What a log of rollouts says of each step, for the curves, under TRL's keys. */
export class StepRewards {
  readonly #steps = new Map<number, KnownStep>();

  add(step: number, lines: readonly RolloutLine[]): void {
    const known = this.#steps.get(step) ?? { rewards_P_G: [], parts: [], entropies: [] };
    this.#steps.set(step, known);
    for (const line of lines) {
      if (isFailedGroup(line)) continue;
      const { completions } = line;
      known.rewards_P_G.push(completions.flatMap(({ reward }) => (reward === null ? [] : [reward])));
      known.parts.push(...completions.flatMap(({ rewards }) => rewards.map(({ name, value }) => ({ name, value }))));
      known.entropies.push(...completions.flatMap(({ meanEntropy }) => (meanEntropy === null ? [] : [meanEntropy])));
    }
  }

  /** By step, ascending. `entropy` is the mean over completions, as their token counts are not known. */
  metrics(scaleRewards: GrpoSpec["scaleRewards"]): MetricsRecord[] {
    const steps = [...this.#steps].sort(([a], [b]) => a - b);
    return steps.map(([step, { rewards_P_G, parts, entropies }]) => ({
      version: recordVersion,
      step,
      metrics: {
        ...rewardMetrics(rewards_P_G, scaleRewards),
        ...rewardPartMetrics(parts),
        ...(entropies.length === 0 ? {} : { entropy: mean(entropies) }),
      },
    }));
  }
}

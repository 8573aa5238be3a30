import type { GrpoSpec } from "../../protocol/spec.ts";
import { hasWeight, type GroupOutcome, type ScoredGroup } from "./grpoStep.ts";

/** Means over one completion's tokens. */
export interface CompletionMeans {
  readonly kl: number | null;
  readonly entropy: number;
}

export function completionMeans(outcome: GroupOutcome): readonly CompletionMeans[] {
  return outcome.logprobs_G_T.map((logprobs_T, k) => {
    const ref_T = outcome.refLogprobs_G_T?.[k];
    return {
      kl: ref_T === undefined ? null : mean(k3(logprobs_T, ref_T)),
      entropy: mean(outcome.entropies_G_T[k] ?? new Float32Array(0)),
    };
  });
}

/**
 * TRL's keys over all tokens that count in the step: `kl`, `entropy`, `clip_ratio/low_mean` (ratio under the range and
 * advantage negative), `clip_ratio/high_mean` (over it and positive), `clip_ratio/region_mean` (either).
 */
export function updateMetrics(
  groups: readonly ScoredGroup[],
  outcomes: readonly GroupOutcome[],
  spec: GrpoSpec,
): Readonly<Record<string, number>> {
  const sums = { tokens: 0, kl: 0, entropy: 0, low: 0, high: 0 };
  const [low, high] = [1 - spec.epsilon, 1 + (spec.epsilonHigh ?? spec.epsilon)];
  let hasKl = false;
  groups.forEach((group, i) => {
    const outcome = outcomes[i];
    if (outcome === undefined) return;
    group.advantages_G.forEach((advantage, k) => {
      if (advantage === null || !hasWeight(group, k)) return;
      const logprobs_T = outcome.logprobs_G_T[k] ?? new Float32Array(0);
      const old_T = group.oldLogprobs_G_T[k] ?? new Float32Array(0);
      const ref_T = outcome.refLogprobs_G_T?.[k];
      if (ref_T !== undefined) {
        hasKl = true;
        sums.kl += k3(logprobs_T, ref_T).reduce((a, b) => a + b, 0);
      }
      sums.tokens += logprobs_T.length;
      sums.entropy += (outcome.entropies_G_T[k] ?? new Float32Array(0)).reduce((a, b) => a + b, 0);
      for (const ratio of ratios(logprobs_T, old_T, spec.importanceSamplingLevel)) {
        if (ratio < low && advantage < 0) sums.low++;
        if (ratio > high && advantage > 0) sums.high++;
      }
    });
  });
  const perToken = (sum: number): number => (sums.tokens === 0 ? 0 : sum / sums.tokens);
  return {
    ...(hasKl ? { kl: perToken(sums.kl) } : {}),
    entropy: perToken(sums.entropy),
    "clip_ratio/low_mean": perToken(sums.low),
    "clip_ratio/high_mean": perToken(sums.high),
    "clip_ratio/region_mean": perToken(sums.low + sums.high),
  };
}

/** exp(ref - logprob) - (ref - logprob) - 1 a token (Schulman's K3 estimator). */
function k3(logprobs_T: Float32Array, ref_T: Float32Array): number[] {
  return Array.from(logprobs_T, (logprob, t) => {
    const difference = (ref_T[t] ?? 0) - logprob;
    return Math.exp(difference) - difference - 1;
  });
}

function ratios(logprobs_T: Float32Array, old_T: Float32Array, level: GrpoSpec["importanceSamplingLevel"]): number[] {
  const logRatios = Array.from(logprobs_T, (logprob, t) => logprob - (old_T[t] ?? 0));
  const shared = mean(logRatios);
  return logRatios.map((logRatio) => Math.exp(level === "token" ? logRatio : shared));
}

function mean(values: ArrayLike<number>): number {
  if (values.length === 0) return 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] ?? 0;
  return sum / values.length;
}

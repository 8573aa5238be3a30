import type { GrpoSpec } from "../../protocol/spec.ts";

/** Token counts that the normalisation of a step needs; known before the first group is computed. */
export interface StepTotals {
  /** Completions with an advantage, over all groups of the step; masked ones too, as in TRL. */
  readonly sequences: number;
  /** Tokens of those that are not masked. */
  readonly tokens: number;
  /** Groups with at least one completion that has an advantage. */
  readonly groups: number;
}

/**
 * Weight of each token of a completion in the loss, so that every loss type is one weighted sum (TRL: loss_type).
 * - grpo: mean over a completion's tokens, mean over completions
 * - dr_grpo: sum over tokens / (completions * maxCompletionLength)
 * - dapo: mean over all tokens of the step
 * - bnpo: mean over the tokens of a group (TRL's local batch), mean over groups
 * @param length tokens of the completion
 * @param groupTokens tokens of its group that are not masked
 */
export function tokenWeight(
  lossType: GrpoSpec["lossType"],
  length: number,
  groupTokens: number,
  totals: StepTotals,
  maxCompletionLength: number,
): number {
  switch (lossType) {
    case "grpo":
      return 1 / (length * totals.sequences);
    case "dr_grpo":
      return 1 / (totals.sequences * maxCompletionLength);
    case "dapo":
      return 1 / totals.tokens;
    case "bnpo":
      return 1 / (groupTokens * totals.groups);
  }
}

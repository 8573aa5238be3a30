/**
 * From when on a finding of a run is told. Fewer rollouts, groups or steps than these prove nothing and are passed over. The
 * pages in docs/diagnostics name the numbers, and a test holds them to it.
 *
 * Differences of means have to be 3 standard errors wide, not 2: a run is looked at again and again while it goes on, and at 2
 * chance alone would be told sooner or later. What no paper says is a choice of ours, marked so.
 */
export const thresholds = {
  /** Ours: 64 rollouts are 8 groups of TRL's 8 generations. */
  "reward-constant": { rollouts: 64, groups: 8 },
  /** Ours: one rollout in twenty. */
  "reward-errors": { rollouts: 64, share: 0.05 },
  /** Ours: one that differs is enough; 8 calls are one group of TRL's size. */
  "reward-not-deterministic": { calls: 8 },
  /**
   * The proxy rises, the gold reward does not (Gao et al. 2022, arXiv 2210.10760). Ours: a rise of 0.05 that is told apart from
   * chance, of which at most half can be better answers.
   */
  "reward-hacking": { groups: 16, standardErrors: 3, least: 0.05, share: 0.5 },
  /**
   * Groups of accuracy 0 or 1 have no gradient, which DAPO's dynamic sampling throws away (arXiv 2503.14476, section 3.2); TRL logs
   * their share as frac_reward_zero_std. Ours: when half of the sampling is lost.
   */
  "zero-variance-groups": { groups: 32, steps: 50, share: 0.5 },
  /** Ours: when half of the sampling says again what another completion of the group said. */
  "duplicate-completions": { groups: 16, share: 0.5 },
  /**
   * TRL logs completions/clipped_ratio; DAPO punishes what comes near the limit (section 3.4). Near is within 5 % of it, since some
   * templates end a token or two before; one in ten is ours.
   */
  "truncated-completions": { rollouts: 64, steps: 50, near: 0.05, share: 0.1 },
  /** The loss of GRPO favours long wrong answers (Dr. GRPO, arXiv 2503.20783, section 3.1). Ours: half as long again, or a third off. */
  "length-drift": { groups: 16, standardErrors: 3, factor: 1.5 },
  /**
   * In nats a token, estimated by exp(d) - d - 1 with d = log-probability under the reference minus that of the policy
   * (DeepSeekMath, arXiv 2402.03300, equation 4). At 1 the sampled tokens are e times likelier than under the reference, in the
   * geometric mean. Ours: that, or ten times the run's own median once it is above 0.1.
   */
  "kl-runaway": { steps: 20, last: 5, factor: 10, least: 0.1, most: 1 },
  /**
   * With one iteration every ratio is 1 and nothing is clipped, whatever epsilon is: a hundredth is beyond rounding. Ours: with
   * several, three tokens in ten.
   */
  "ratio-clipped": { steps: 10, last: 5, share: 0.3, onPolicy: 0.01 },
  /** Entropy falls to nothing and the reward stops rising (Cui et al. 2025, arXiv 2505.22617; DAPO, section 3.1). Ours: a fifth is left. */
  "entropy-collapse": { steps: 30, last: 10, share: 0.2, standardErrors: 3 },
  /** Ours: one right answer in fifty. */
  "strict-parser-rejects": { right: 20, share: 0.02 },
} as const;

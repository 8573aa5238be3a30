import type { GrpoSpec } from "../../protocol/spec.ts";
import { computeAdvantages } from "../rewards/advantages.ts";

type ScaleRewards = GrpoSpec["scaleRewards"];
/** In the order in which they are preferred where several fit: TRL's default first. */
const scales: readonly ScaleRewards[] = ["group", "batch", "none"];

/** Trainers compute in float32. */
const tolerance = 2e-3;

/** Finds out how the logged advantages follow from the logged rewards, and whether they do. */
export class AdvantageFit {
  readonly #fits: Record<ScaleRewards, number> = { group: 0, batch: 0, none: 0 };
  #groups = 0;

  /** Rewards and advantages of one table. Groups whose rewards are all equal say nothing. */
  add(rewards_P_G: readonly (readonly (number | null)[])[], logged_P_G: readonly (readonly (number | null)[])[]): void {
    const telling = rewards_P_G.map((rewards_G, p) => {
      const isLogged = logged_P_G[p]?.every((advantage) => advantage !== null) ?? false;
      return isLogged && rewards_G.some((reward) => reward !== rewards_G[0]);
    });
    this.#groups += telling.filter((isTelling) => isTelling).length;
    for (const scale of scales) {
      const expected_P_G = computeAdvantages(rewards_P_G, scale);
      this.#fits[scale] += telling.filter(
        (isTelling, p) => isTelling && areClose(expected_P_G[p] ?? [], logged_P_G[p] ?? []),
      ).length;
    }
  }

  best(): ScaleRewards {
    return scales.reduce((best, scale) => (this.#fits[scale] > this.#fits[best] ? scale : best));
  }

  /** What to tell the user when the advantages of some groups do not follow from their rewards. */
  misfit(): string | null {
    const count = this.#groups - this.#fits[this.best()];
    if (count === 0) return null;
    const groups = this.#groups === 1 ? "the one group" : `${count} of ${this.#groups} groups`;
    return `The advantages of ${groups} do not follow from the plain sum of the rewards: rewards have weights other than 1, a column is no reward, or the trainer computes advantages in another way. They are kept as logged.`;
  }
}

function areClose(expected_G: readonly (number | null)[], logged_G: readonly (number | null)[]): boolean {
  return expected_G.every((expected, k) => {
    const logged = logged_G[k] ?? NaN;
    return Math.abs((expected ?? 0) - logged) <= tolerance * Math.max(1, Math.abs(logged));
  });
}

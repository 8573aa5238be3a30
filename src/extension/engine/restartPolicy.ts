/** Restarts that are allowed: at most `max` within `windowMs`. */
export interface RestartPolicy {
  readonly max: number;
  readonly windowMs: number;
}

export const defaultRestartPolicy: RestartPolicy = { max: 4, windowMs: 3 * 60_000 };

/** Keeps the times of past restarts; `allow` records one when it may happen. */
export class RestartBudget {
  private readonly policy: RestartPolicy;
  private timesMs: number[] = [];

  constructor(policy: RestartPolicy = defaultRestartPolicy) {
    this.policy = policy;
  }

  allow(nowMs: number): boolean {
    this.timesMs = this.timesMs.filter((t) => nowMs - t < this.policy.windowMs);
    if (this.timesMs.length >= this.policy.max) return false;
    this.timesMs.push(nowMs);
    return true;
  }

  reset(): void {
    this.timesMs = [];
  }
}

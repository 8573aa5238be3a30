import type { RewardSignature } from "../../protocol/rewardSpec.ts";
import type { HostGroup } from "./hostProtocol.ts";

/** What a debugged process is given: one function, and the recorded input of the rollouts to call it on. */
export interface ReplayFile {
  readonly reward: {
    /** Absolute path. */
    readonly file: string;
    readonly function: string;
    readonly signature: RewardSignature;
  };
  readonly groups: readonly HostGroup[];
}

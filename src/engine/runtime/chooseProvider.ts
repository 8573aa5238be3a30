import type { DeviceChoice, Provider } from "../../protocol/device.ts";
import { UserError } from "../../protocol/errors.ts";

/** Providers that a machine may lack. */
export type Accelerator = Exclude<Provider, "cpu">;

/** What came of trying a provider on this machine. */
export type Finding =
  | {
      readonly ok: true;
      /** A program that imitates a graphics card: right, and slower than the CPU provider. */
      readonly isSoftware: boolean;
    }
  | { readonly ok: false; readonly reason: string; readonly fix: string };

/** Finds out what this machine has. */
export interface ProviderTrials {
  /** Tries a provider, which takes seconds. */
  attempt(provider: Accelerator): Promise<Finding>;
  /** Whether `auto` should; a provider that is asked for by name is tried in any case. */
  isWorthTrying(provider: Accelerator): boolean;
  /** Memory of the largest graphics card in bytes; null where nobody says. */
  graphicsMemoryBytes(): Promise<number | null>;
}

/** In the order in which `auto` takes them: to CUDA the binding copies all weights for each run of a graph (see device.ts). */
export const accelerators: readonly Accelerator[] = ["webgpu", "cuda"];

/**
 * The provider that a specification's choice comes to here.
 * @throws UserError "unsupported" when one that is asked for by name cannot be had
 */
export async function chooseProvider(
  wanted: DeviceChoice,
  trials: Pick<ProviderTrials, "attempt" | "isWorthTrying">,
): Promise<Provider> {
  if (wanted === "cpu") return "cpu";
  if (wanted !== "auto") {
    const finding = await trials.attempt(wanted);
    if (finding.ok) return wanted;
    throw new UserError({
      code: "unsupported",
      where: "policy.device",
      message: `the policy cannot be computed on ${wanted} here: ${finding.reason}.`,
      hint: `${finding.fix} Or take "device": "auto" or "cpu".`,
    });
  }
  for (const provider of accelerators) {
    if (trials.isWorthTrying(provider) && isTakenByItself(await trials.attempt(provider))) return provider;
  }
  return "cpu";
}

/** Whether `auto` takes it. */
export function isTakenByItself(finding: Finding): boolean {
  return finding.ok && !finding.isSoftware;
}

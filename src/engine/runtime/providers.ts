import * as ort from "onnxruntime-node";
import type { Provider } from "../../protocol/device.ts";
import {
  accelerators,
  isTakenByItself,
  type Accelerator,
  type Finding,
  type ProviderTrials,
} from "./chooseProvider.ts";
import { onnxruntimeVersion } from "./session.ts";

export interface ProviderInfo {
  readonly name: string;
  /** Whether `auto` takes it. */
  readonly isUsed: boolean;
  /** Why it is used, or why not. */
  readonly reason: string;
}

export interface ProvidersInfo {
  readonly onnxruntime: string;
  readonly providers: readonly ProviderInfo[];
}

/** Execution providers that this build of onnxruntime-node knows, and what comes of each here. */
export async function describeProviders(trials: Pick<ProviderTrials, "attempt">): Promise<ProvidersInfo> {
  const findings = new Map<Accelerator, Finding>();
  for (const provider of accelerators) findings.set(provider, await trials.attempt(provider));
  const used: Provider = accelerators.find((provider) => isTaken(findings, provider)) ?? "cpu";
  const others = ort
    .listSupportedBackends()
    .map(({ name }) => name)
    .filter((name) => name !== "cpu" && !accelerators.some((accelerator) => accelerator === name));
  return {
    onnxruntime: onnxruntimeVersion,
    providers: [
      ...[...findings].map(([name, finding]) => ({ name, isUsed: name === used, reason: reasonOf(finding) })),
      { name: "cpu", isUsed: used === "cpu", reason: used === "cpu" ? "there is no other" : `${used} is there` },
      ...others.map((name) => ({ name, isUsed: false, reason: "gradients are not computed on it" })),
    ],
  };
}

function isTaken(findings: ReadonlyMap<Accelerator, Finding>, provider: Accelerator): boolean {
  const finding = findings.get(provider);
  return finding !== undefined && isTakenByItself(finding);
}

function reasonOf(finding: Finding): string {
  if (!finding.ok) return `${finding.reason}. ${finding.fix}`;
  if (finding.isSoftware)
    return "its adapter is a program, slower than the CPU provider; it is taken when asked for by name";
  return "it computes";
}
